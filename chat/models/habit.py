"""What is usual, learnt from what was."""

from django.db import models


class Habit(models.Model):
    """How much of one thing one device, or the whole server, does in a minute in which it does anything."""

    # A device's id in hex; empty for the whole server.
    subject = models.CharField(max_length=64, blank=True)
    # What is counted: messages, bytes, requests, connections, handshakes.
    metric = models.CharField(max_length=16)
    # The counts of the last minutes that were learnt from, oldest first, at most 240.
    samples = models.JSONField(default=list)
    # How many minutes were learnt from in all.
    learnt = models.PositiveIntegerField(default=0)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subject", "metric"], name="chat_one_habit")]

    def __str__(self) -> str:
        return f"{self.metric} of {self.subject[:8] or 'the server'}"
