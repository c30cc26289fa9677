"""Who the server is, and what opens its connection file."""

from django.db import models


class ServerIdentity(models.Model):
    """An Ed25519 identity of this server. Spec: 3.2"""

    class State(models.TextChoices):
        """What an identity is used for now."""

        ACTIVE = "active"
        SUCCESSOR = "successor"
        RETIRED = "retired"

    public = models.BinaryField(max_length=32, unique=True)
    # Sealed under the master key (services/secrets.py); never shown.
    private_sealed = models.BinaryField(max_length=128)
    state = models.CharField(max_length=9, choices=State.choices, default=State.ACTIVE)
    created_at = models.DateTimeField(auto_now_add=True)
    # Of a successor, and of who was one: the statement by which the one before handed over, 208 bytes, and the time
    # in which both serve. Null for the first identity.
    statement = models.BinaryField(max_length=208, null=True)
    handover_from = models.DateTimeField(null=True, blank=True)
    handover_until = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "server identities"
        constraints = [
            # Two processes may start on an empty database at once; one of them makes the identity.
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="active"), name="chat_one_active_identity"
            ),
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="successor"), name="chat_one_successor_identity"
            ),
        ]

    def __str__(self) -> str:
        return f"{bytes(self.public).hex()[:8]} ({self.state})"


class DiscoverySecret(models.Model):
    """The secret that opens the connection file and passes the gate; it authenticates nobody. Spec: 3.2"""

    # The key id that the connection file shows (3.8).
    kid = models.BinaryField(max_length=8, unique=True)
    secret_sealed = models.BinaryField(max_length=128)
    since = models.DateTimeField(auto_now_add=True)
    # True for the one in use; `until` is when it went out of use.
    current = models.BooleanField(default=True)
    until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["current"], condition=models.Q(current=True), name="chat_one_current_secret"
            )
        ]

    def __str__(self) -> str:
        return bytes(self.kid).hex()
