"""Files: sealed chunks that a device lays down for the devices of a room, and that are handed out to them again.

The server knows of a file who made it, for which room, how large it is sealed, and when. Every question looks at the
membership in its own transaction, so whoever was removed reads nothing more.
Locks are taken in one order: room, device, file; so nobody waits for ever.
Spec: 3.18
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Greatest
from django.utils import timezone

from chat.models import Device, File, FileChunk, Membership, Room
from chat.retry import LONGEST_SECONDS, retry_text
from chat.services import schemes
from chat.services.acting import acting_device
from chat.services.policy import current_policy
from clawchat.protocol import bodies
from clawchat.protocol.attachment import sealed_size
from clawchat.protocol.errors import Limit, Malformed, NotMember, OutOfOrder, PeerError, TooLarge
from clawchat.protocol.limits import FILE_CHUNK_BYTES

# Of one device, begun and not completed: above it the oldest go, and whoever still wants one begins it anew.
UNFINISHED_PER_DEVICE = 64
UNFINISHED_KEPT = timedelta(days=1)
# What any file has when it is sealed, an empty one too. Smaller ones would take more in rows than they count for.
SMALLEST = sealed_size(0)
# What one transaction removes: whoever stores a message waits for its end, and erasing takes as long as writing does.
CHUNKS_AT_ONCE = 64
# Between two of them others have their turn: SQLite asks again every tenth of a second.
PAUSE_SECONDS = 0.15


@dataclass(frozen=True, slots=True)
class Stored:
    """A chunk is stored: of which room its file is, and how many chunks are there now."""

    room_id: bytes
    have: int


@transaction.atomic
def create(device_pk: int, file_id: bytes, room_id: bytes, size: int) -> int:
    """How many chunks of a file are stored: 0 when it begins here, more when it was begun before.

    `size` is that of all chunks with their tags; all of it counts for the device from now on.
    Raises: malformed (smaller than any file is when sealed, or an id that is taken otherwise); too_large with `most`;
    limit; not_member; revoked; unsupported_version (the room's scheme).
    Spec: 3.14 `file.create`
    """
    acting_device(device_pk)
    policy = current_policy()
    _check_size(size, policy.max_file_bytes)
    room = _lock_room(device_pk, room_id)
    device = _lock_device(device_pk)
    file = File.objects.filter(file_id=file_id).first()
    if file is None:
        _drop_one_too_many(device)
        _check_stored(device.stored_bytes, size, policy.max_stored_bytes_per_device)
        # Another device may have taken the id at this moment.
        whole = {"room": room, "device": device, "size": size}
        file, is_made = File.objects.get_or_create(file_id=file_id, defaults=whole)
        if is_made:
            Device.objects.filter(pk=device_pk).update(stored_bytes=F("stored_bytes") + size)
    if (file.device_id, file.room_id, file.size) != (device_pk, room.pk, size):
        raise Malformed("the file id is taken")
    return file.have


@transaction.atomic
def store_chunks(device_pk: int, chunks: Sequence[bodies.FileChunk]) -> list[Stored | PeerError]:
    """What became of each chunk, in this order: it is stored, now or before, or the error to answer with.

    One transaction for all of them; a chunk that is refused takes no other with it.
    Raises: revoked; not_member (no account): of all of them.
    """
    # Locked: once it is revoked, nothing of it is completed any more.
    _lock_device(device_pk)
    files = _lock_files(device_pk, {chunk.file_id for chunk in chunks})
    outcomes: list[Stored | PeerError] = []
    fresh = []
    for chunk in chunks:
        file = files.get(chunk.file_id)
        try:
            _check_chunk(file, chunk)
        except PeerError as error:
            outcomes.append(error)
            continue
        if chunk.index == file.have:
            fresh.append(FileChunk(file=file, index=chunk.index, body=chunk.data))
            file.have += 1
        outcomes.append(Stored(bytes(file.room.room_id), file.have))
    FileChunk.objects.bulk_create(fresh)
    for file in {row.file for row in fresh}:
        file.completed_at = timezone.now() if file.have == _chunk_count(file) else None
        file.save(update_fields=["have", "completed_at"])
    return outcomes


def read(device_pk: int, file_id: bytes, room_id: bytes, index: int, count: int) -> tuple[int, list[bodies.FileChunk]]:
    """The sealed size of a whole file, and its chunks from an index on, at most so many; behind its end there are none.

    That the device is not revoked and is in the room is part of the very queries that fetch.
    Raises: not_member (also for a file that is not whole); revoked.
    Spec: 3.14 `file.read`
    """
    acting_device(device_pk)
    readable = Q(completed_at__isnull=False, room__room_id=room_id, file_id=file_id) & Q(
        room__memberships__device=device_pk,
        room__memberships__left_seq=None,
        room__memberships__device__revoked_at=None,
    )
    file = File.objects.filter(readable).first()
    if file is None:
        raise NotMember("no such file in this room")
    last = _chunk_count(file) - 1
    rows = FileChunk.objects.filter(file__in=File.objects.filter(readable), index__gte=index, index__lt=index + count)
    chunks = rows.order_by("index").values_list("index", "body")
    return file.size, [bodies.FileChunk(file_id, at, at == last, bytes(body)) for at, body in chunks]


@transaction.atomic
def drop(device_pk: int, file_id: bytes, room_id: bytes) -> bool:
    """Remove a file that this device made, and whether nothing of it is left; one that is not there (any more) needs
    nothing.

    From the first call on nobody reads it; a large one takes several, with pauses between.
    Raises: not_member (another's file, or of another room); revoked.
    Spec: 3.14 `file.drop`
    """
    device = _lock_device(device_pk)
    file = File.objects.select_related("room").filter(file_id=file_id).first()
    if file is None:
        return True
    if file.device_id != device_pk or bytes(file.room.room_id) != room_id:
        raise NotMember("not a file of yours in this room")
    return _erase_some(device, File.objects.filter(pk=file.pk))[1]


def drop_unfinished() -> int:
    """How many files were removed because they were not completed within a day, or their device was revoked."""
    over = Q(created_at__lt=timezone.now() - UNFINISHED_KEPT) | Q(device__revoked_at__isnull=False)
    return _remove_all(File.objects.filter(over, completed_at=None))


def drop_old(days: int) -> int:
    """How many whole files were removed because they are older than so many days."""
    before = timezone.now() - timedelta(days=days)
    # One that has lost a part already is not whole any more.
    return _remove_all(File.objects.filter(Q(completed_at__lt=before) | Q(completed_at=None, created_at__lt=before)))


def stored_bytes() -> int:
    """What all files take together, those included that are still coming."""
    return File.objects.aggregate(size=Sum("size"))["size"] or 0


def _check_size(size: int, most: int) -> None:
    if size < SMALLEST:
        raise Malformed(f"a file of {size} bytes when sealed, at least {SMALLEST}")
    # What the operator allows is a file as people know it: none of that size is refused for its padding.
    if size > sealed_size(most):
        raise TooLarge(f"a file of {size} bytes when sealed, at most {most} before", {"most": most})


def _check_stored(stored: int, more: int, most: int) -> None:
    if stored + more > most:
        raise Limit(retry_text(LONGEST_SECONDS, f"{stored} bytes of this device are stored, of {most}"))


def _lock_room(device_pk: int, room_id: bytes) -> Room:
    """The room, which no commit changes meanwhile, when the device is in it."""
    room = Room.objects.select_for_update().filter(room_id=room_id).first()
    if room is None or not room.memberships.current().filter(device=device_pk).exists():
        raise NotMember("not in this room")
    schemes.check(room.scheme)
    return room


def _lock_device(device_pk: int) -> Device:
    """Its row, with a lock that lets others refer to it; whoever revokes it at this moment is waited for."""
    Device.objects.select_for_update(no_key=True).filter(pk=device_pk).first()
    return acting_device(device_pk)


def _lock_files(device_pk: int, file_ids: set[bytes]) -> dict[bytes, File]:
    """Those of the files that are this device's and of rooms that it is in, by their ids."""
    own = File.objects.select_for_update(of=("self",)).select_related("room").order_by("id")
    files = list(own.filter(device=device_pk, file_id__in=file_ids))
    stays = Membership.objects.current().filter(device=device_pk, room__in=[file.room_id for file in files])
    rooms = set(stays.values_list("room_id", flat=True))
    return {bytes(file.file_id): file for file in files if file.room_id in rooms}


def _check_chunk(file: File | None, chunk: bodies.FileChunk) -> None:
    if file is None:
        raise NotMember("not a file of yours in a room that you are in")
    last = _chunk_count(file) - 1
    size = FILE_CHUNK_BYTES if chunk.index < last else file.size - last * FILE_CHUNK_BYTES
    if chunk.index > last or chunk.is_last != (chunk.index == last) or len(chunk.data) != size:
        raise Malformed(f"chunk {chunk.index} of {len(chunk.data)} bytes does not fit the file")
    if chunk.index > file.have:
        raise OutOfOrder(f"chunk {chunk.index}, expected {file.have}")


def _chunk_count(file: File) -> int:
    return -(-file.size // FILE_CHUNK_BYTES)


def _drop_one_too_many(device: Device) -> None:
    unfinished = device.files.filter(completed_at=None).order_by("-id").values_list("pk", flat=True)
    too_many = list(unfinished[UNFINISHED_PER_DEVICE - 1 :])
    if too_many:
        _erase(device, list(File.objects.filter(pk__in=too_many).select_for_update().order_by("id")))
        device.refresh_from_db(fields=["stored_bytes"])


def _remove_all(going: QuerySet[File]) -> int:
    devices = list(going.order_by("device").values_list("device", flat=True).distinct())
    return sum(_remove_of(device_pk, going) for device_pk in devices)


def _remove_of(device_pk: int, going: QuerySet[File]) -> int:
    removed, is_all = _remove_some(device_pk, going)
    while not is_all:
        time.sleep(PAUSE_SECONDS)
        count, is_all = _remove_some(device_pk, going)
        removed += count
    return removed


@transaction.atomic
def _remove_some(device_pk: int, going: QuerySet[File]) -> tuple[int, bool]:
    device = Device.objects.select_for_update(no_key=True).get(pk=device_pk)
    return _erase_some(device, going.filter(device=device))


def _erase_some(device: Device, going: QuerySet[File]) -> tuple[int, bool]:
    """How many went, the oldest first, and whether these were all. One that is too large for once loses its end.

    Locked first: one whose last chunk comes at this very moment is judged after it came.
    """
    oldest = list(going.select_for_update(of=("self",)).order_by("id")[: CHUNKS_AT_ONCE + 1])
    gone, chunks = [], 0
    for file in oldest:
        chunks += max(1, file.have)
        if chunks > CHUNKS_AT_ONCE:
            break
        gone.append(file)
    if oldest and not gone:
        _shorten(oldest[0])
    _erase(device, gone)
    return len(gone), len(gone) == len(oldest)


def _shorten(file: File) -> None:
    file.have -= CHUNKS_AT_ONCE
    file.completed_at = None
    file.chunks.filter(index__gte=file.have).delete()
    file.save(update_fields=["have", "completed_at"])


def _erase(device: Device, gone: Sequence[File]) -> None:
    if gone:
        FileChunk.objects.filter(file__in=gone).delete()
        File.objects.filter(pk__in=[file.pk for file in gone]).delete()
        less = Greatest(F("stored_bytes") - sum(file.size for file in gone), 0)
        Device.objects.filter(pk=device.pk).update(stored_bytes=less)
