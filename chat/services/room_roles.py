"""Who may change a room, as its roles say that every member holds in the same form.

The server cannot see what a member's commit changes. But it acts on what the request declares, and by a false
declaration somebody could take another's place in the roster: so it takes only what the committer might do in earnest.
Spec: 4.4, 4.5
"""

from collections.abc import Iterable

from chat.models import Device, Envelope, Room
from chat.services.externals import present_users
from clawchat.mls.profile import Roles
from clawchat.protocol.authenticated_data import AuthenticatedData, DataForm
from clawchat.protocol.errors import Malformed, NotMember


class Committer:
    """What a member may do in a room, before the commit it asks for."""

    def __init__(self, room: Room, device_pk: int) -> None:
        self.room = room
        self.member = Device.objects.select_related("member").get(pk=device_pk).member
        self.user = bytes(self.member.user_id)
        self.roles = Roles.parse(bytes(room.roles))
        users = present_users(room)
        self.administers = self.roles.administers(self.user, users)
        self.may_add = self.roles.may_add(self.user, users)

    def check_added(self, device_pks: Iterable[int]) -> None:
        """Nothing, when the member may add these devices.

        Raises: not_member with `devices`, those it may not add.
        """
        if not self.may_add:
            _refuse(Device.objects.filter(pk__in=device_pks).exclude(member=self.member), "add")

    def check_removed(self, device_pks: Iterable[int], data: AuthenticatedData, epoch: int) -> None:
        """Nothing, when the member may remove these devices: as an administrator, its own, those that asked to leave in
        this epoch, or the one that its owner's root revoked.

        Raises: not_member with `devices`, those it may not remove; malformed, unauthentic (a revocation).
        """
        devices = Device.objects.filter(pk__in=device_pks)
        if data.form == DataForm.REVOKED:
            _check_revoked(list(devices.select_related("member")), data)
        elif not self.administers:
            leaving = Envelope.objects.filter(room=self.room, epoch=epoch, kind=Envelope.Kind.PROPOSAL)
            _refuse(
                devices.exclude(member=self.member).exclude(pk__in=leaving.values("sender")),
                "remove",
            )

    def check_roles(self, new: Roles) -> None:
        """Nothing, when the member may change the roles to these.

        Raises: malformed.
        """
        first_lists = [(roles.every_member_may_add, roles.administrators) for roles in (self.roles, new)]
        come = set(new.vouches) - set(self.roles.vouches)
        own = all(self.may_add and vouch.inviter == self.user for vouch in come)
        if not self.administers and (first_lists[0] != first_lists[1] or not own):
            raise Malformed("the GroupInfo has roles that its sender may not give")


def check_vouchers_gone(room: Room, device_pks: Iterable[int], new: Roles) -> None:
    """Nothing, when no device that goes leaves its voucher on the list: somebody could come by it again.

    Raises: malformed.
    Spec: 4.9
    """
    used = room.memberships.current().filter(device__in=device_pks).exclude(voucher=None)
    if any(new.vouch(bytes(voucher)) for voucher in used.values_list("voucher", flat=True)):
        raise Malformed("the voucher of a device that goes is still listed")


def _check_revoked(devices: list[Device], data: AuthenticatedData) -> None:
    if len(devices) != 1 or bytes(devices[0].public) != data.key:
        raise Malformed("a revocation removes the one device that it names")
    data.verify_revoked(bytes(devices[0].member.root_public))


def _refuse(devices, what: str) -> None:
    refused = [bytes(device_id) for device_id in devices.values_list("device_id", flat=True)]
    if refused:
        raise NotMember(f"not this member's to {what}", {"devices": refused})
