"""The limits that operators edit."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

AT_LEAST_ONE = [MinValueValidator(1)]


class ConnectionPolicy(models.Model):
    """The one row of limits; server processes read it again within a second of a change."""

    # Always 1: there is one policy.
    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    # Devices with a live session; a second session of the same device does not count.
    max_devices = models.PositiveIntegerField(default=100, validators=AT_LEAST_ONE)
    # New handshakes: per address and minute with a burst (loopback is exempt), and per process and second.
    handshakes_per_minute = models.PositiveIntegerField(default=10, validators=AT_LEAST_ONE)
    handshake_burst = models.PositiveIntegerField(default=20, validators=AT_LEAST_ONE)
    handshakes_per_second = models.PositiveIntegerField(default=300, validators=AT_LEAST_ONE)
    # Messages and requests of one device: sustained rate and burst.
    messages_per_second = models.PositiveIntegerField(default=200, validators=AT_LEAST_ONE)
    message_burst = models.PositiveIntegerField(default=1000, validators=AT_LEAST_ONE)
    requests_per_second = models.PositiveIntegerField(default=50, validators=AT_LEAST_ONE)
    request_burst = models.PositiveIntegerField(default=500, validators=AT_LEAST_ONE)
    # Key packages that one device may take in a minute, with a burst of four minutes' worth.
    packages_per_minute = models.PositiveIntegerField(default=300, validators=AT_LEAST_ONE)
    # Bytes of one message in a room.
    max_message_bytes = models.PositiveIntegerField(
        default=131_072, validators=[MinValueValidator(1024), MaxValueValidator(131_072)]
    )
    # Days after which `prunemessages` removes rows of the log; 0 keeps them.
    retention_days = models.PositiveIntegerField(default=90)

    class Meta:
        verbose_name_plural = "connection policy"
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="chat_one_policy")]

    def __str__(self) -> str:
        return "connection policy"
