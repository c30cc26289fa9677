"""The room log."""

from django.db import models

from .device import Device
from .room import Room


class Envelope(models.Model):
    """One row of a room's log: ciphertext that the server cannot open; but an external commit lies open, but for the
    secrets in its path. Spec: 3.13, 4.5"""

    class Kind(models.IntegerChoices):
        """The content type in the MLS header."""

        APPLICATION = 1
        PROPOSAL = 2
        COMMIT = 3

    room = models.ForeignKey(Room, models.CASCADE, related_name="envelopes")
    # Counts from 1 in each room, without gaps.
    seq = models.BigIntegerField()
    kind = models.PositiveSmallIntegerField(choices=Kind.choices)
    # The epoch it was made in; a commit's leads to the next one.
    epoch = models.BigIntegerField()
    sender = models.ForeignKey(Device, models.PROTECT, related_name="envelopes")
    message_id = models.BinaryField(max_length=16)
    ciphertext = models.BinaryField()
    # Milliseconds since 1970, by the server's clock.
    stored_ms = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["room", "seq"], name="chat_envelope_place"),
            # A repeated send finds the place it already has.
            models.UniqueConstraint(fields=["sender", "message_id"], name="chat_envelope_once"),
            # The second guard of "one commit per epoch"; the first is the room's lock.
            models.UniqueConstraint(
                fields=["room", "epoch"], condition=models.Q(kind=3), name="chat_one_commit_per_epoch"
            ),
        ]
        indexes = [models.Index(fields=["stored_ms"], name="chat_envelope_age")]

    def __str__(self) -> str:
        return f"{self.room} {self.seq}"
