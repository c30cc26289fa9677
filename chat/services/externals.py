"""External commits: a device that joins a room on its own, or comes back to it.

The commit is in clear, and what stands in it is judged here as members will judge it, as far as the roster and the
roles in the newest GroupInfo allow: one that members have to refuse would end the epoch for nothing.
Spec: 3.13, 4.4, 4.9
"""

from dataclasses import dataclass

from chat.models import Device, Membership, Room
from clawchat.mls.profile import VOUCHER_BYTES, VOUCHER_EXTENSION, Roles
from clawchat.protocol.authenticated_data import AuthenticatedData, DataForm
from clawchat.protocol.credential import LeafIdentity
from clawchat.protocol.errors import Malformed, NotMember, PeerError, Unauthentic, UnsupportedVersion
from clawchat.protocol.external_commit import ExternalCommit
from clawchat.protocol.keys import DevicePublic


@dataclass(frozen=True, slots=True)
class External:
    """What an external commit says about who comes, held against the device that sent it."""

    data: AuthenticatedData
    # Whether it removes a leaf.
    removes: bool
    # The public key of the voucher that the new leaf carries.
    voucher: bytes | None

    @property
    def joins(self) -> bool:
        """Whether the device comes without being in the room by the roster."""
        return self.data.form != DataForm.MEMBER


def read(device: Device, message: bytes, room_id: bytes, message_id: bytes, epoch: int) -> External:
    """An external commit, its leaf this device's and its proof good.

    Raises: malformed (header, form, a leaf of somebody else); unauthentic (voucher's proof, root's signature).
    """
    commit = ExternalCommit.parse(message)
    data = AuthenticatedData.parse(commit.authenticated_data)
    named = (commit.group_id, data.room_id, data.message_id, commit.epoch)
    if named != (room_id, room_id, message_id, epoch):
        raise Malformed("a commit for another room or epoch, or under another id")
    _check_leaf(device, commit)
    external = External(data, commit.removed is not None, _voucher(commit))
    _check_form(device, external, epoch)
    return external


def check_declared(external: External, device_id: bytes, added: tuple[bytes, ...], removed: tuple[bytes, ...]) -> None:
    """Nothing, when the devices declared are those the commit can mean.

    Raises: malformed.
    """
    if added != (device_id,):
        raise Malformed("an external commit adds its sender")
    if len(removed) != external.removes or (external.data.form == DataForm.MEMBER and removed != (device_id,)):
        raise Malformed("the devices removed are not those of the commit")


def objection(room: Room, device_pk: int, external: External) -> PeerError | None:
    """Why a device that is not in the room may not join it like this; under the room's lock.

    Nothing but `not_member` is said: whoever only knows the id of a room learns nothing about it.
    """
    if external.data.form == DataForm.OWN_DEVICE and has_own_device(room, device_pk):
        return None
    if external.data.form == DataForm.VOUCHER and is_vouched_for(room, external.data.key):
        return None
    return NotMember("not in this room")


def has_own_device(room: Room, device_pk: int) -> bool:
    """Whether a device of the same member is in the room."""
    return room.memberships.current().filter(device__member__devices=device_pk).exists()


def is_vouched_for(room: Room, vouch_public: bytes) -> bool:
    """Whether a voucher is listed, not used yet, and its inviter in the room and one who may add."""
    if room.roles is None or room.memberships.current().filter(voucher=vouch_public).exists():
        return False
    roles, users = Roles.parse(bytes(room.roles)), present_users(room)
    vouch = roles.vouch(vouch_public)
    return vouch is not None and vouch.inviter in users and roles.may_add(vouch.inviter, users)


def present_users(room: Room) -> set[bytes]:
    """The user ids of everybody in the room."""
    found = room.memberships.current().values_list("device__member__user_id", flat=True)
    return {bytes(user_id) for user_id in found}


def check_stay(room: Room, device_pk: int, external: External, removed: set[int]) -> None:
    """Nothing, when those who go are the sender's own, and carry no voucher that this commit cannot take off the list.

    Raises: malformed (a voucher that is not the leaf's it replaces); not_member with `devices`.
    """
    stays = Membership.objects.current().filter(room=room)
    if not external.joins:
        if not stays.filter(device=device_pk, voucher=external.voucher).exists():
            raise Malformed("the leaf carries another voucher than before")
        return
    roles = Roles.parse(bytes(room.roles))
    for stay in stays.filter(device__in=removed).select_related("device"):
        listed = stay.voucher is not None and roles.vouch(bytes(stay.voucher)) is not None
        if listed or not Device.objects.filter(pk=device_pk, member=stay.device.member_id).exists():
            raise NotMember("not to be removed like this", {"devices": [bytes(stay.device.device_id)]})


def _check_leaf(device: Device, commit: ExternalCommit) -> None:
    try:
        identity = LeafIdentity.parse(commit.identity)
        identity.verify(DevicePublic(bytes(device.public)))
    except (Unauthentic, UnsupportedVersion) as error:
        raise Malformed("the leaf's identity is not this device's") from error
    if commit.signature_key != bytes(device.public) or identity.user_id != bytes(device.member.user_id):
        raise Malformed("the leaf is not this device's")


def _voucher(commit: ExternalCommit) -> bytes | None:
    if not commit.extensions:
        return None
    (kind, data), *more = commit.extensions
    if more or kind != VOUCHER_EXTENSION or len(data) != VOUCHER_BYTES:
        raise Malformed("the leaf has extensions that no leaf has")
    return data


def _check_form(device: Device, external: External, epoch: int) -> None:
    data, leaf_key = external.data, bytes(device.public)
    if data.form == DataForm.MEMBER and external.removes:
        return
    if data.form == DataForm.VOUCHER and not external.removes and external.voucher == data.key:
        data.verify_voucher(leaf_key)
    elif data.form == DataForm.OWN_DEVICE and external.voucher is None:
        data.verify_own_device(bytes(device.member.root_public), epoch, leaf_key)
    else:
        raise Malformed(f"an external commit of form {data.form:d} that is none")
