"""What a joining device fetches: its Welcomes, and the public state of the group."""

from collections.abc import Sequence

from django.db import models, transaction
from django.db.models.functions import Substr

from chat.models import GroupInfo, Room, WaitingWelcome, Welcome
from chat.services import group_infos
from chat.services.acting import acting_device
from clawchat.protocol.errors import Malformed, NotMember
from clawchat.protocol.limits import STAGE_CHUNK_BYTES, STAGE_MAX_BYTES


def take_welcomes(device_pk: int, done: Sequence[int]) -> list[tuple[int, Welcome, GroupInfo]]:
    """The Welcomes that wait for this device, after those in `done` were erased; each with its epoch's GroupInfo.

    Raises: revoked; not_member (no account).
    """
    acting_device(device_pk)
    if not done and not WaitingWelcome.objects.filter(device=device_pk).exists():
        # As it is nearly always, for each client at each connection: no transaction that writes for that.
        return []
    return _erase_and_read(device_pk, done)


@transaction.atomic
def _erase_and_read(device_pk: int, done: Sequence[int]) -> list[tuple[int, Welcome, GroupInfo]]:
    served = WaitingWelcome.objects.filter(device=device_pk, pk__in=done).select_related("welcome__room")
    for waiting in served.order_by("welcome__room_id"):
        _erase(waiting)
    left = WaitingWelcome.objects.filter(device=device_pk).select_related("welcome__room").order_by("id")
    # The bodies are fetched by digest; here they would only fill memory.
    left = left.defer("welcome__body")[:256]
    return [(waiting.pk, waiting.welcome, _group_info(waiting.welcome.room, waiting.welcome.epoch)) for waiting in left]


def fetch(
    device_pk: int, room_id: bytes, digest: bytes, offset: int, voucher: bytes | None = None
) -> tuple[int, bytes]:
    """The size of a Welcome for this device, or of a GroupInfo of a room whose public state it may have, and one chunk.

    Raises: not_member (no such thing for this device); malformed (an offset beyond the end); revoked.
    """
    acting_device(device_pk)
    if offset > STAGE_MAX_BYTES:
        # PostgreSQL's substring takes no such number.
        raise Malformed(f"offset {offset}, nothing is larger than {STAGE_MAX_BYTES} bytes")
    chunk = Substr("body", offset + 1, STAGE_CHUNK_BYTES, output_field=models.BinaryField())
    welcome = Welcome.objects.filter(waiting__device=device_pk, room__room_id=room_id, digest=digest)
    row = welcome.values_list("size", chunk).first()
    if row is None:
        room = group_infos.readable(device_pk, room_id, voucher)
        row = room.group_infos.filter(digest=digest).values_list("size", chunk).first()
    if row is None:
        raise NotMember("nothing by this digest for this device")
    if offset > row[0]:
        raise Malformed(f"offset {offset} of {row[0]} bytes")
    return row[0], bytes(row[1])


def _erase(waiting: WaitingWelcome) -> None:
    room = Room.objects.select_for_update().get(pk=waiting.welcome.room_id)
    waiting.delete()
    if not waiting.welcome.waiting.exists():
        waiting.welcome.delete()
    group_infos.drop_unused(room, room.epoch)


def _group_info(room: Room, epoch: int) -> GroupInfo:
    return group_infos.of_epoch(room, epoch)[0]
