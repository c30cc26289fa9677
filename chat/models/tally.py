"""What a server process did and used, minute by minute."""

from django.db import models


class Tally(models.Model):
    """One minute of one server process; older ones are drawn together into hours. Counts of things, never of whom."""

    # The node's name, and which of its processes: random, drawn at its start.
    node = models.CharField(max_length=32)
    process = models.CharField(max_length=32)
    # When it began, on the whole minute, and how many minutes it is: 1, or 60 once it is old.
    minute = models.DateTimeField()
    minutes = models.PositiveSmallIntegerField(default=1)
    # At most at once: devices with a live session, and sessions.
    people = models.PositiveIntegerField(default=0)
    sessions = models.PositiveIntegerField(default=0)
    # In all: rows stored, rows handed out, bytes of frames in and out, handshakes that were completed.
    messages = models.PositiveBigIntegerField(default=0)
    deliveries = models.PositiveBigIntegerField(default=0)
    bytes_in = models.PositiveBigIntegerField(default=0)
    bytes_out = models.PositiveBigIntegerField(default=0)
    handshakes = models.PositiveIntegerField(default=0)
    # What was refused, by the reason: {"gate": 3, "limit": 1}; and touches of tripwires and decoys.
    refused = models.JSONField(default=dict)
    scans = models.PositiveIntegerField(default=0)
    # Milliseconds from a message's coming to its acknowledgement; null when there was none.
    delay_median_ms = models.FloatField(null=True)
    delay_p99_ms = models.FloatField(null=True)
    # Of this process: percent of one core, bytes (its own share of what is shared); of the machine: percent of all
    # cores and of memory; of the disk with the data directory: bytes. Null where the system does not tell.
    cpu_percent = models.FloatField(null=True)
    memory_bytes = models.PositiveBigIntegerField(null=True)
    machine_cpu_percent = models.FloatField(null=True)
    machine_memory_percent = models.FloatField(null=True)
    disk_free_bytes = models.PositiveBigIntegerField(null=True)
    disk_total_bytes = models.PositiveBigIntegerField(null=True)

    class Meta:
        verbose_name_plural = "tallies"
        constraints = [models.UniqueConstraint(fields=["process", "minute"], name="chat_one_tally_a_minute")]
        indexes = [models.Index(fields=["minute"], name="chat_tally_minute")]

    def __str__(self) -> str:
        return f"{self.node} at {self.minute:%Y-%m-%d %H:%M}"
