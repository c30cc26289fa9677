"""Files as the server has them: sealed chunks of a room, without name, type or key."""

from django.db import models

from .device import Device
from .room import Room


class File(models.Model):
    """A sealed file that a device has laid down for the devices of a room, or is laying down. Spec: 3.18"""

    # Drawn by the device that made it.
    file_id = models.BinaryField(max_length=16, unique=True)
    room = models.ForeignKey(Room, models.CASCADE, related_name="files")
    device = models.ForeignKey(Device, models.PROTECT, related_name="files")
    # Sealed bytes, tags included; they count for the device from the first moment on.
    size = models.PositiveBigIntegerField()
    # Chunks that are stored, without a gap.
    have = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    # Null until the last chunk came.
    completed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["device", "completed_at"], name="chat_file_unfinished")]

    def __str__(self) -> str:
        return bytes(self.file_id).hex()[:8]


class FileChunk(models.Model):
    """A piece of a sealed file: a row of its own, so that a chunk does not rewrite what came before it."""

    file = models.ForeignKey(File, models.CASCADE, related_name="chunks")
    index = models.PositiveIntegerField()
    body = models.BinaryField()

    class Meta:
        ordering = ["index"]
        constraints = [models.UniqueConstraint(fields=["file", "index"], name="chat_file_chunk_once")]

    def __str__(self) -> str:
        return f"{self.file} chunk {self.index}"
