"""Rooms: made by a device, resumed by a session."""

import time
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from chat.models import Membership, Room
from chat.services.acting import acting_device
from clawchat.protocol.errors import Malformed


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

    Raises: malformed (an id that is taken, a scheme this server does not take); revoked; not_member (no account).
    """
    device = acting_device(device_pk)
    if scheme not in settings.CLAWCHAT_SCHEMES:
        raise Malformed(f"rooms of scheme {scheme} are not taken here")
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
