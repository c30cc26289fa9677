"""The audit log: a chain of hashes over everything that matters to safety."""

from django.db import models


class AuditEvent(models.Model):
    """One event. Any process inserts it unlinked; the sealer numbers it and links it to the one before."""

    # Null until sealed.
    number = models.BigIntegerField(null=True, unique=True)
    # Milliseconds since 1970.
    time_ms = models.BigIntegerField()
    code = models.CharField(max_length=32)
    # Who did it and to whom: ids in hex, or a plain word such as "operator".
    actor = models.CharField(max_length=64, blank=True)
    subject = models.CharField(max_length=64, blank=True)
    # Plain facts: sizes, counts, reasons. Never keys, names or content.
    details = models.JSONField(default=dict, blank=True)
    # In clear only here, so that it can be erased; the chain holds SHA-256(salt || address).
    address = models.CharField(max_length=45, blank=True)
    address_salt = models.BinaryField(max_length=16, null=True)
    address_digest = models.BinaryField(max_length=32, null=True)
    previous_hash = models.BinaryField(max_length=32, null=True)
    hash = models.BinaryField(max_length=32, null=True)

    class Meta:
        indexes = [
            models.Index(fields=["id"], condition=models.Q(number=None), name="chat_audit_unsealed"),
            models.Index(fields=["code", "id"], name="chat_audit_code"),
            models.Index(fields=["time_ms"], name="chat_audit_time"),
            # Whose address is still there to be erased.
            models.Index(fields=["time_ms"], condition=~models.Q(address=""), name="chat_audit_address"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.subject}".strip()


class AuditHead(models.Model):
    """The end of the chain; sealers move it by conditional update, so one of two wins and the other tries again."""

    # Always 1.
    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    number = models.BigIntegerField(default=0)
    hash = models.BinaryField(max_length=32, default=bytes(32))

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="chat_one_audit_head")]

    def __str__(self) -> str:
        return f"audit event {self.number}"


class AuditCheckpoint(models.Model):
    """A link that this server signed, so that what came before it can be pruned and the rest still be checked."""

    # Of the last event that the checkpoint stands for.
    number = models.BigIntegerField(unique=True)
    hash = models.BinaryField(max_length=32)
    # Which identity signed, and its signature; what over: chat/services/audit.
    public = models.BinaryField(max_length=32)
    signature = models.BinaryField(max_length=64)
    made_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"checkpoint at audit event {self.number}"
