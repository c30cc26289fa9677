"""The discovery secret, wrapped for one device or one invitation that is away."""

from django.db import models


class DiscoveryWrap(models.Model):
    """One entry of the published wraps; one without a holder is padding. Spec: 3.10"""

    secret = models.ForeignKey("chat.DiscoverySecret", models.CASCADE, related_name="wraps")
    # tag[8] and the sealed secret[48], as published.
    entry = models.BinaryField(max_length=56)
    device = models.ForeignKey("chat.Device", models.CASCADE, null=True, related_name="wraps")
    invite = models.ForeignKey("chat.Invite", models.CASCADE, null=True, related_name="wraps")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["secret", "entry"], name="chat_wrap_once"),
            models.CheckConstraint(
                condition=models.Q(device=None) | models.Q(invite=None), name="chat_wrap_of_one_holder"
            ),
        ]

    def __str__(self) -> str:
        return f"wrap of {self.secret}"
