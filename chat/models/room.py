"""Rooms and who may fetch from them."""

from django.db import models

from .device import Device


class Room(models.Model):
    """An MLS group as the server sees it: an id, an epoch and a log. Spec: 4.5"""

    room_id = models.BinaryField(max_length=16, unique=True)
    # Which kind of MLS the room speaks. Spec: 3.13
    scheme = models.PositiveIntegerField()
    epoch = models.BigIntegerField(default=0)
    # Milliseconds since 1970 when this epoch began: messages of the one before are taken for 30 s more.
    epoch_since_ms = models.BigIntegerField()
    # The seq of the last row of the log, 0 while it is empty. It counts under the room's lock.
    head = models.BigIntegerField(default=0)
    # Extension 0xF0C1 as the newest GroupInfo has it: who may add and remove. Null before the first commit. Spec: 4.4
    roles = models.BinaryField(max_length=65_536, null=True)
    # Rows up to this seq were removed after the retention.
    pruned_through = models.BigIntegerField(default=0)
    made_by = models.ForeignKey(Device, models.PROTECT, related_name="rooms_made")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return bytes(self.room_id).hex()[:8]


class MembershipQuerySet(models.QuerySet):
    """The questions asked about memberships."""

    def current(self) -> "MembershipQuerySet":
        """Memberships that no commit has ended."""
        return self.filter(left_seq=None)


class Membership(models.Model):
    """A device's stay in a room, as accepted commits declared it: it may read the rows joined_seq < seq <= left_seq."""

    room = models.ForeignKey(Room, models.CASCADE, related_name="memberships")
    device = models.ForeignKey(Device, models.PROTECT, related_name="memberships")
    # The seq of the commit that added the device; 0 for the maker.
    joined_seq = models.BigIntegerField()
    # The seq of the commit that removed it; null while it is a member.
    left_seq = models.BigIntegerField(null=True, blank=True)
    # The public key of the voucher by which it joined, which its leaf carries. Spec: 4.9
    voucher = models.BinaryField(max_length=32, null=True)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["room", "device"], condition=models.Q(left_seq=None), name="chat_one_current_membership"
            )
        ]
        indexes = [models.Index(fields=["room", "left_seq"], name="chat_membership_left")]

    def __str__(self) -> str:
        return f"{self.device} in {self.room}"
