"""What every server process must hear, and what was revoked."""

from django.db import models


class News(models.Model):
    """A line that every server process reads within a quarter of a second."""

    class Kind(models.TextChoices):
        """What happened; `subject` is a device id in hex where one is meant."""

        REVOKED = "revoked"
        WELCOME = "welcome"
        DIRECTORY = "directory"
        POLICY = "policy"
        SECOND_SESSION = "second"
        # The bans have changed.
        BANS = "bans"
        # Every session is to take new keys.
        REKEY = "rekey"
        # Every device is to ask for another pair.
        PAIRS = "pairs"
        # The discovery secret was renewed.
        SECRET = "secret"  # noqa: S105  (a kind of news)
        # An identity hands over, or has handed over.
        IDENTITY = "identity"

    kind = models.CharField(max_length=16, choices=Kind.choices)
    subject = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "news"

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}".strip()


class Revocation(models.Model):
    """Something that is not to be trusted any more. Spec: 3.12"""

    class Kind(models.TextChoices):
        """The kinds of the revocation list."""

        DEVICE = "device"
        IDENTITY = "identity"
        DISCOVERY = "discovery"
        CERTIFICATE = "certificate"

    kind = models.CharField(max_length=11, choices=Kind.choices)
    # The device's or the server's Ed25519 key, or the secret's kid; of a certificate its id in the list.
    subject = models.BinaryField(max_length=32)
    why = models.CharField(max_length=128, blank=True)
    # The revoked identity's own signature, 64 bytes; null for the other kinds.
    statement = models.BinaryField(max_length=64, null=True)
    since = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "subject"], name="chat_revoked_once")]

    def __str__(self) -> str:
        return f"{self.kind} {bytes(self.subject).hex()[:8]}"
