"""MLS key packages: what others need to add a device to a room."""

from django.db import models

from .device import Device


class KeyPackage(models.Model):
    """One key package; a one-time package is handed out once. Spec: 4.5"""

    device = models.ForeignKey(Device, models.CASCADE, related_name="key_packages")
    # SHA-256 of the body: a repeated upload finds it again, also when it was handed out long ago.
    ref = models.BinaryField(max_length=32)
    # Empty once it was handed out.
    body = models.BinaryField(max_length=4096)
    last_resort = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    # Null while nobody has it; a last-resort package keeps null.
    claimed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["device", "ref"], name="chat_key_package_once"),
            models.UniqueConstraint(
                fields=["device"], condition=models.Q(last_resort=True), name="chat_one_last_resort"
            ),
        ]
        indexes = [models.Index(fields=["device"], condition=models.Q(claimed_at=None), name="chat_key_package_left")]

    def __str__(self) -> str:
        return f"key package {bytes(self.ref).hex()[:8]} of {self.device}"
