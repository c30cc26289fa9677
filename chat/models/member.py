"""A person on this server."""

from django.db import models


class Member(models.Model):
    """A person, known by the key that signs their devices. Spec: 4.4"""

    # H("clawchat/1 user\0" || root_public)[:16]
    user_id = models.BinaryField(max_length=16, unique=True)
    root_public = models.BinaryField(max_length=32)
    # Empty until the member gave one; clients show it as what the server says.
    name = models.CharField(max_length=64, blank=True)
    # The member's root key, sealed under a recovery key that this server never had. Spec: 3.13
    root_blob = models.BinaryField(max_length=77, null=True)
    # An owner may revoke anybody's device.
    is_owner = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name or bytes(self.user_id).hex()[:8]
