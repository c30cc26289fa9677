"""A connection's life."""

from datetime import datetime, timedelta

from django.db import models

from clawchat.protocol.suites import SUITE_X25519, SUITE_X25519_MLKEM768

from .device import Device

# A server process says every 10 s which connections live; one that nobody spoke for that long is gone.
SILENT_AFTER = timedelta(seconds=45)


class ConnectionQuerySet(models.QuerySet):
    """The questions asked about connections."""

    def live(self, now: datetime) -> "ConnectionQuerySet":
        """Connections that are open in a process that is alive."""
        return self.filter(closed_at=None, seen_at__gt=now - SILENT_AFTER)


class Connection(models.Model):
    """One authenticated connection, from its handshake to its end."""

    class Suite(models.IntegerChoices):
        """What its session's keys were agreed by, and every later one of it. Spec: 3.3"""

        HYBRID = SUITE_X25519_MLKEM768, "X25519 with ML-KEM-768"
        CLASSIC = SUITE_X25519, "X25519 alone"

    device = models.ForeignKey(Device, models.CASCADE, related_name="connections")
    # Which server process holds it: random, drawn at its start.
    process = models.CharField(max_length=32)
    address = models.GenericIPAddressField(null=True, blank=True)
    port = models.PositiveIntegerField()
    opened_at = models.DateTimeField()
    # By how many seconds the device's clock was ahead of ours when it came, as its proof says.
    clock_ahead = models.IntegerField(default=0)
    seen_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    bytes_in = models.BigIntegerField(default=0)
    bytes_out = models.BigIntegerField(default=0)
    # Messages and requests that came, and frames that were answered with an error.
    messages_in = models.PositiveBigIntegerField(default=0)
    frames_refused = models.PositiveBigIntegerField(default=0)
    # Null for a row from before this was written.
    suite = models.PositiveSmallIntegerField(choices=Suite.choices, null=True, blank=True)
    # Since when its session has the keys it uses; null for a row from before this was written.
    keys_since = models.DateTimeField(null=True, blank=True)
    # Why it ended: an error code of protocol.md 3.11 in words, or a plain word; empty while it lives.
    why = models.CharField(max_length=32, blank=True)

    objects = ConnectionQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["process"], condition=models.Q(closed_at=None), name="chat_connection_open"),
            models.Index(fields=["opened_at"], name="chat_connection_opened"),
            # Whose address is still there to be erased.
            models.Index(
                fields=["closed_at"], condition=models.Q(address__isnull=False), name="chat_connection_address"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.device} on port {self.port}"
