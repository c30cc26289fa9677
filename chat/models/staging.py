"""Large MLS objects on their way in, in chunks named by the digest of the whole."""

from django.db import models

from .device import Device


class StagedBlob(models.Model):
    """A Welcome, GroupInfo or commit that a device is uploading. Kept an hour. Spec: 3.14 `room.stage`"""

    device = models.ForeignKey(Device, models.CASCADE, related_name="staged_blobs")
    # SHA-256 of the whole; checked when the last chunk came.
    digest = models.BinaryField(max_length=32)
    # Bytes of the whole, and bytes that came so far without a gap.
    size = models.PositiveIntegerField()
    have = models.PositiveIntegerField(default=0)
    touched_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["device", "digest"], name="chat_staged_once")]

    def __str__(self) -> str:
        return f"{bytes(self.digest).hex()[:8]} ({self.have} of {self.size} bytes)"


class StagedChunk(models.Model):
    """A piece of a staged blob; separate rows, so that a chunk does not rewrite what came before it."""

    blob = models.ForeignKey(StagedBlob, models.CASCADE, related_name="chunks")
    offset = models.PositiveIntegerField()
    body = models.BinaryField()

    class Meta:
        ordering = ["offset"]
        constraints = [models.UniqueConstraint(fields=["blob", "offset"], name="chat_staged_chunk_once")]

    def __str__(self) -> str:
        return f"{self.blob} at {self.offset}"
