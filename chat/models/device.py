"""A device: the only thing that can connect."""

from django.db import models

from .member import Member


class DeviceQuerySet(models.QuerySet):
    """The questions asked about devices."""

    def current(self) -> "DeviceQuerySet":
        """Devices that are not revoked."""
        return self.filter(revoked_at=None)

    def in_use(self) -> "DeviceQuerySet":
        """Devices of a member, with an account, that are not revoked."""
        return self.current().exclude(member=None)

    def enrolled(self) -> "DeviceQuerySet":
        """Devices that can connect: under a secret of their own, or a pending one that no cancelled invite gave."""
        pending = models.Q(pending_psk_id__isnull=False, invite__cancelled_at=None)
        return self.current().filter(models.Q(psk_id__isnull=False) | pending)

    def listed(self) -> "DeviceQuerySet":
        """Devices that have finished a handshake under their own secret."""
        return self.current().exclude(psk_id=None)

    def due(self) -> "DeviceQuerySet":
        """Of those, the ones that use a pair which was made before the operator wanted another."""
        before = models.Q(psk_made_at=None) | models.Q(psk_made_at__lt=models.F("psk_due_at"))
        return self.listed().exclude(psk_due_at=None).filter(before)


class Device(models.Model):
    """One device's keys and what became of it. Spec: 3.2, 3.13"""

    class Kind(models.IntegerChoices):
        """Who holds it."""

        HUMAN = 1
        AGENT = 2

    # H("clawchat/1 device\0" || public)[:16]
    device_id = models.BinaryField(max_length=16, unique=True)
    public = models.BinaryField(max_length=32, unique=True)
    # Null until `account.set`.
    member = models.ForeignKey(Member, models.PROTECT, null=True, blank=True, related_name="devices")
    # The leaf identity of 4.4, 146 bytes; null until `account.set`.
    identity = models.BinaryField(max_length=146, null=True)
    kind = models.PositiveSmallIntegerField(choices=Kind.choices, default=Kind.HUMAN)
    invite = models.ForeignKey("chat.Invite", models.SET_NULL, null=True, related_name="devices")
    # The pair in use: null before the first handshake under it, and after a revocation.
    psk_id = models.BinaryField(max_length=16, null=True, unique=True)
    psk_sealed = models.BinaryField(max_length=128, null=True)
    # The pair that the next handshake under it makes active.
    pending_psk_id = models.BinaryField(max_length=16, null=True, unique=True)
    pending_psk_sealed = models.BinaryField(max_length=128, null=True)
    # When each pair was made; null for one from before that was written down.
    psk_made_at = models.DateTimeField(null=True)
    pending_psk_made_at = models.DateTimeField(null=True)
    # When the operator wanted another one; null when that never was.
    psk_due_at = models.DateTimeField(null=True)
    # The identity of this server that its last handshake was made with; in a handover that may be the former one.
    server_identity = models.ForeignKey("chat.ServerIdentity", models.SET_NULL, null=True, related_name="devices")
    # Bytes of its rows in the rooms' logs, and of its files.
    stored_bytes = models.PositiveBigIntegerField(default=0)
    client_name = models.CharField(max_length=128, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = DeviceQuerySet.as_manager()

    def __str__(self) -> str:
        return bytes(self.device_id).hex()[:8]
