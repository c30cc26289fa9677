"""The limits that operators edit."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from clawchat.protocol.limits import (
    HARD_LIMIT_BYTES,
    HARD_LIMIT_FRAMES,
    HARD_LIMIT_SECONDS,
    SOFT_LIMIT_BYTES,
    SOFT_LIMIT_FRAMES,
    SOFT_LIMIT_SECONDS,
)

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
    # Sockets on the chat ports of one server process: in all, and those that are no session yet, in all and of one
    # address (loopback apart); and how many seconds one may take to become a session.
    max_sockets = models.PositiveIntegerField(default=4000, validators=AT_LEAST_ONE)
    max_strangers = models.PositiveIntegerField(default=500, validators=AT_LEAST_ONE)
    max_strangers_per_address = models.PositiveIntegerField(default=50, validators=AT_LEAST_ONE)
    stranger_seconds = models.PositiveIntegerField(default=10, validators=[*AT_LEAST_ONE, MaxValueValidator(60)])
    # Touches of tripwires and wrong knocks within ten minutes after which an address is banned, and for how long; 0
    # bans nobody.
    ban_after_touches = models.PositiveIntegerField(default=10)
    ban_minutes = models.PositiveIntegerField(default=60, validators=AT_LEAST_ONE)
    # What one epoch of a session's keys may carry before new ones are made, and at most. Spec: 3.6
    rekey_after_seconds = models.PositiveIntegerField(
        default=SOFT_LIMIT_SECONDS, validators=[MinValueValidator(20), MaxValueValidator(SOFT_LIMIT_SECONDS)]
    )
    rekey_after_bytes = models.PositiveBigIntegerField(
        default=SOFT_LIMIT_BYTES, validators=[MinValueValidator(4096), MaxValueValidator(SOFT_LIMIT_BYTES)]
    )
    rekey_after_frames = models.PositiveBigIntegerField(
        default=SOFT_LIMIT_FRAMES, validators=[MinValueValidator(16), MaxValueValidator(SOFT_LIMIT_FRAMES)]
    )
    keys_end_after_seconds = models.PositiveIntegerField(
        default=HARD_LIMIT_SECONDS, validators=[MinValueValidator(60), MaxValueValidator(HARD_LIMIT_SECONDS)]
    )
    keys_end_after_bytes = models.PositiveBigIntegerField(
        default=HARD_LIMIT_BYTES, validators=[MinValueValidator(1 << 20), MaxValueValidator(HARD_LIMIT_BYTES)]
    )
    keys_end_after_frames = models.PositiveBigIntegerField(
        default=HARD_LIMIT_FRAMES, validators=[MinValueValidator(64), MaxValueValidator(HARD_LIMIT_FRAMES)]
    )
    # Days after which `prunemessages` removes rows of the log; 0 keeps them.
    retention_days = models.PositiveIntegerField(default=90)

    class Meta:
        verbose_name_plural = "connection policy"
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="chat_one_policy")]

    def __str__(self) -> str:
        return "connection policy"
