"""Rooms: made by a device, resumed by a session."""

import re
import time
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Exists, OuterRef

from chat.models import AuditEvent, Envelope, Membership, Room
from chat.services import audit, schemes
from chat.services.acting import acting_device
from clawchat.protocol.errors import Malformed, NotMember

PAGE_ROOMS = 256
# So many refusals of one device are noted within an hour; more tell the operator nothing that these did not.
REJECTIONS_PER_DEVICE = 20
REJECTIONS_WITHIN_MS = 3_600_000
_REASON = re.compile("[a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class ResumedRoom:
    """Where a session goes on in a room."""

    room_id: bytes
    head: int
    epoch: int
    cursor: int


@transaction.atomic
def create_room(device_pk: int, room_id: bytes, scheme: int) -> int:
    """The epoch of a new room whose only member is this device; a repeat by its maker answers the same.

    Raises: malformed (an id that is taken); unsupported_version (a scheme this server does not take); revoked;
    not_member (no account).
    """
    device = acting_device(device_pk)
    schemes.check(scheme)
    room, made = Room.objects.get_or_create(
        room_id=room_id,
        defaults={"scheme": scheme, "made_by": device, "epoch_since_ms": time.time_ns() // 1_000_000},
    )
    if made:
        Membership.objects.create(room=room, device=device, joined_seq=0)
    elif room.made_by_id != device.pk:
        raise Malformed("the room id is taken")
    return room.epoch


def resume(device_pk: int, cursors: dict[bytes, int]) -> list[ResumedRoom]:
    """Of the rooms asked for, those this device is in, each with the cursor it goes on from.

    A cursor is raised to the first row the device may read, and lowered to the head when beyond it.
    Raises: revoked; not_member (no account).
    """
    acting_device(device_pk)
    stays = Membership.objects.current().filter(device=device_pk, room__room_id__in=list(cursors))
    columns = stays.values_list("room__room_id", "room__head", "room__epoch", "joined_seq", "room__pruned_through")
    return [
        ResumedRoom(bytes(room_id), head, epoch, min(max(cursors[bytes(room_id)], joined, pruned), head))
        for room_id, head, epoch, joined, pruned in columns
    ]


def own_rooms(device_pk: int, after: bytes) -> tuple[list[tuple[bytes, int, int, bool]], bool]:
    """The rooms above an id in which a device of the member is: id, scheme, epoch and whether this very device is in
    it; and whether there are more.

    Raises: revoked; not_member (no account).
    """
    device = acting_device(device_pk)
    stays = Membership.objects.current().filter(room=OuterRef("pk"))
    rooms = Room.objects.filter(Exists(stays.filter(device__member=device.member)), room_id__gt=after)
    rooms = rooms.annotate(here=Exists(stays.filter(device=device))).order_by("room_id")
    found = list(rooms.values_list("room_id", "scheme", "epoch", "here")[: PAGE_ROOMS + 1])
    return [(bytes(room_id), *rest) for room_id, *rest in found[:PAGE_ROOMS]], len(found) > PAGE_ROOMS


@transaction.atomic
def reject(device_pk: int, room_id: bytes, seq: int, reason: str) -> None:
    """Note that a member cannot process a commit; nothing else comes of it, and a repeat is noted once.

    Of one device 20 an hour are noted: whoever commits and rejects in turn does not fill the audit log.

    Raises: malformed (no commit there, a reason that is no word of ours); not_member; revoked.
    Spec: 3.14 `room.reject`, 4.5
    """
    device = acting_device(device_pk)
    if not _REASON.fullmatch(reason):
        raise Malformed("a reason is a word of a-z, 0-9 and -")
    if not Membership.objects.current().filter(room__room_id=room_id, device=device, joined_seq__lt=seq).exists():
        raise NotMember("not in this room")
    if not Envelope.objects.filter(room__room_id=room_id, seq=seq, kind=Envelope.Kind.COMMIT).exists():
        raise Malformed("no commit there")
    actor, subject = bytes(device.device_id).hex(), room_id.hex()
    own = AuditEvent.objects.filter(code="commit_rejected", actor=actor)
    since_ms = time.time_ns() // 1_000_000 - REJECTIONS_WITHIN_MS
    is_noted = own.filter(subject=subject, details__seq=seq).exists()
    if not is_noted and own.filter(time_ms__gt=since_ms).count() < REJECTIONS_PER_DEVICE:
        audit.record("commit_rejected", actor=actor, subject=subject, seq=seq, reason=reason)
