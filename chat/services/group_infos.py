"""GroupInfos: a room's public state as its members upload it, for those who join.

The server reads the group context at their beginning. Signature, tree and confirmation tag are for who joins to check.
Spec: 4.5; RFC 9420 12.4.3
"""

from collections import Counter
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet, Sum

from chat.models import Device, GroupInfo, Room, WaitingWelcome, Welcome
from chat.retry import LONGEST_SECONDS, retry_text
from chat.services import externals, schemes, staging
from chat.services.acting import acting_device
from chat.services.policy import current_policy
from clawchat.mls.codec import Reader
from clawchat.mls.key_schedule import GroupContext
from clawchat.mls.profile import VOUCHER_BYTES, Roles
from clawchat.mls.suite import ROOM_SUITE
from clawchat.protocol.authenticated_data import vouched_message
from clawchat.protocol.errors import Limit, Malformed, NotMember, PeerError, StaleEpoch, TooLarge
from clawchat.protocol.primitives import ed25519_verify, sha256

# Of one epoch, each from another device: a joiner tries them in turn.
KEPT = 4
# Of administrators and open vouchers together: they are read at every commit.
ROLES_MAX_BYTES = 65_536
_MLS_VERSION, _WIRE_FORMAT = 1, 4


def read_roles(body: bytes, room_id: bytes, epoch: int) -> Roles:
    """The roles in a GroupInfo of this room and epoch.

    Raises: malformed (no GroupInfo, or that of another group, epoch or suite; no roles); too_large (roles).
    """
    reader = Reader(body)
    head = reader.u16(), reader.u16()
    if head != (_MLS_VERSION, _WIRE_FORMAT):
        raise Malformed("no GroupInfo")
    context = GroupContext.read(reader)
    if (context.group_id, context.epoch, context.cipher_suite) != (room_id, epoch, ROOM_SUITE.number):
        raise Malformed("a GroupInfo of another group, epoch or suite")
    roles = Roles.of(context.extensions)
    if len(roles.encode()) > ROLES_MAX_BYTES:
        raise TooLarge(f"roles of more than {ROLES_MAX_BYTES} bytes")
    return roles


@transaction.atomic
def put(device_pk: int, room_id: bytes, epoch: int, digest: bytes) -> None:
    """Keep a member's GroupInfo of the room's epoch beside those of up to three other devices.

    A fifth takes the place of the oldest that came from the member of whom most are there: nobody with many devices can
    push the others' out.
    Raises: malformed (the blob; other roles than the room's); stale_epoch with `epoch` and `head`; unsupported_version
    (the room's scheme); limit (what this device has lying here); not_member; revoked.
    Spec: 3.14 `group_info.put`
    """
    device = acting_device(device_pk)
    body = staging.load(device, digest)
    room = Room.objects.select_for_update().filter(room_id=room_id).first()
    if room is None or not room.memberships.current().filter(device=device_pk).exists():
        raise NotMember("not in this room")
    schemes.check(room.scheme)
    if epoch != room.epoch:
        raise StaleEpoch(f"the room is in epoch {room.epoch}", {"epoch": room.epoch, "head": room.head})
    check_kept(device_pk, len(body), current_policy().max_stored_bytes_per_device)
    if room.roles is None or read_roles(body, room_id, epoch).encode() != bytes(room.roles):
        raise Malformed("the GroupInfo has other roles than the room")
    seq = room.group_infos.filter(epoch=epoch).values_list("seq", flat=True).first()
    room.group_infos.filter(epoch=epoch, device=device_pk).delete()
    keep(room, device_pk, seq or room.head, epoch, body)
    _drop_one_too_many(room, epoch)
    staging.drop(device_pk, [digest])


def keep(room: Room, device_pk: int, seq: int, epoch: int, body: bytes) -> None:
    """Store a GroupInfo of an epoch that the commit at `seq` led to."""
    GroupInfo.objects.create(room=room, device_id=device_pk, seq=seq, epoch=epoch, **blob(body))


def blob(body: bytes) -> dict[str, Any]:
    """The columns of a blob: its digest, its size and itself."""
    return {"digest": sha256(body), "size": len(body), "body": body}


def of_epoch(room: Room, epoch: int) -> QuerySet[GroupInfo]:
    """The GroupInfos of an epoch without their bodies, the committer's first."""
    return room.group_infos.filter(epoch=epoch).defer("body").order_by("id")


def newest(device_pk: int, room_id: bytes, number: int, voucher: bytes | None) -> tuple[GroupInfo, int]:
    """The public state of a room's epoch that stands at this number, from 0, and how many there are.

    Raises: not_member (not for this device; nobody has committed yet); malformed (no such number); revoked.
    """
    acting_device(device_pk)
    room = readable(device_pk, room_id, voucher)
    latest = room.group_infos.order_by("-epoch").values_list("epoch", flat=True).first()
    if latest is None:
        raise NotMember("nobody has committed here yet")
    found = list(of_epoch(room, latest))
    if number >= len(found):
        raise Malformed(f"GroupInfo {number} of {len(found)}")
    return found[number], len(found)


def readable(device_pk: int, room_id: bytes, voucher: bytes | None) -> Room:
    """A room whose public state this device may have: it is in it, or another device of its member is, or its voucher
    is good (the voucher's public key, and the proof that 4.9 has in the commit).

    Raises: not_member.
    """
    room = Room.objects.filter(room_id=room_id).first()
    if room is None or not (externals.has_own_device(room, device_pk) or _is_vouched_for(room, device_pk, voucher)):
        raise NotMember("not in this room")
    return room


def kept_bytes(device_pk: int) -> int:
    """The bytes of the GroupInfos and Welcomes that a device has lying here."""
    states = GroupInfo.objects.filter(device=device_pk).aggregate(size=Sum("size"))["size"]
    welcomes = Welcome.objects.filter(device=device_pk).aggregate(size=Sum("size"))["size"]
    return (states or 0) + (welcomes or 0)


def check_kept(device_pk: int, more: int, most: int) -> None:
    """Nothing, when a device may lay down so many bytes more: none fills the disk past what its messages may take.

    Raises: limit.
    """
    kept = kept_bytes(device_pk)
    if kept + more > most:
        raise Limit(retry_text(LONGEST_SECONDS, f"{kept} bytes of this device's GroupInfos and Welcomes, of {most}"))


def drop_unused(room: Room, newest: int) -> None:
    """Remove the public states that nobody needs: neither the newest nor one whose Welcomes still wait."""
    waiting = WaitingWelcome.objects.filter(welcome__room=room).values("welcome__epoch")
    GroupInfo.objects.filter(Q(epoch__lt=newest), room=room).exclude(epoch__in=waiting).delete()


def _is_vouched_for(room: Room, device_pk: int, voucher: bytes | None) -> bool:
    if voucher is None:
        return False
    vouch_public, proof = voucher[:VOUCHER_BYTES], voucher[VOUCHER_BYTES:]
    device = Device.objects.get(pk=device_pk)
    try:
        ed25519_verify(vouch_public, proof, vouched_message(bytes(room.room_id), vouch_public, bytes(device.public)))
    except PeerError:
        return False
    return externals.is_vouched_for(room, vouch_public)


def _drop_one_too_many(room: Room, epoch: int) -> None:
    found = list(of_epoch(room, epoch).values_list("pk", "device__member"))
    if len(found) <= KEPT:
        return
    counts = Counter(member for _, member in found)
    most = max(counts.values())
    oldest = next(pk for pk, member in found if counts[member] == most)
    GroupInfo.objects.filter(pk=oldest).delete()
