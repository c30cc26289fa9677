"""The room log's only way in: appends and commits, many in one transaction, each with a savepoint of its own."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from django.db import DatabaseError, OperationalError, connection, transaction

from chat.models import Device, Envelope, Membership, Room
from chat.retry import LONGEST_SECONDS, retry_text
from chat.services import commits, externals, group_infos, schemes
from chat.services.acting import acting_device
from chat.services.commits import Commit, CommitRequest
from clawchat.protocol.bodies import ChatDelivery
from clawchat.protocol.errors import Internal, Limit, NotMember, PeerError, Revoked, StaleEpoch, UnsupportedVersion

# Messages of the epoch before are taken for so long after the commit that ended it. Spec: 4.5
PREVIOUS_EPOCH_MS = 30_000
# So much more a device that has its fill may still store as commits: whoever cannot write any more must still be able
# to remove somebody.
COMMITS_MORE_BYTES = 16 * 1024 * 1024

# The repeat of a (sender, message id) is no error: it finds the place it has. Any other conflict is one.
_INSERT = """
    INSERT INTO chat_envelope (room_id, seq, kind, epoch, sender_id, message_id, ciphertext, stored_ms)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (sender_id, message_id) DO NOTHING
"""


_GROW = "UPDATE chat_device SET stored_bytes = stored_bytes + %s WHERE id = %s"
ANY_SIZE = 1 << 62


@dataclass(frozen=True, slots=True, repr=False)
class Append:
    """A message that a device wants in a room's log."""

    device_pk: int
    device_id: bytes
    room_id: bytes
    message_id: bytes
    kind: int
    epoch: int
    ciphertext: bytes
    # What a commit does besides taking its place in the log.
    commit: Commit | None = None


@dataclass(frozen=True, repr=False)
class StoredRow:
    """A row of the log, as it is delivered."""

    room_id: bytes
    seq: int
    kind: int
    epoch: int
    sender_id: bytes
    message_id: bytes
    ciphertext: bytes
    stored_ms: int
    # Rows of Device that this commit took out of the room; this row is the last one for them.
    removed: frozenset[int] = frozenset()

    @cached_property
    def body(self) -> bytes:
        """The payload that every session gets, made once for all of them."""
        return ChatDelivery(self.room_id, self.seq, self.stored_ms, self.sender_id, self.ciphertext).encode()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message stands; row is None when it stood there before."""

    room_id: bytes
    seq: int
    epoch: int
    row: StoredRow | None = None


Outcome = Place | PeerError


@dataclass
class _Ledger:
    """What a batch needs to know, read once, and what it has changed so far."""

    now_ms: int
    rooms: dict[bytes, Room]
    revoked: dict[int, bool]
    members: set[tuple[int, int]]
    # Bytes of the log that each device has, and has got in this batch; and how many one may have.
    stored: dict[int, int]
    most_stored: int
    grown: Counter[int] = field(default_factory=Counter)
    touched: set[bytes] = field(default_factory=set)


def store(works: Sequence[Append], now_ms: int | None = None, most_stored: int = ANY_SIZE) -> list[Outcome]:
    """What became of each: a place in its room's log, or the error to answer with.

    `most_stored` is how many bytes of the log one device may have, by its ciphertexts.
    One transaction; a work that fails takes nothing else with it. The rooms are locked first and in the order of their
    ids, so their seq count without gaps and two processes never wait for each other in a circle.
    Raises: OperationalError (the database is away or full: nothing of the batch is stored).
    Spec: 3.13, 4.5
    """
    with transaction.atomic():
        ledger = _read_ledger(works, time.time_ns() // 1_000_000 if now_ms is None else now_ms, most_stored)
        outcomes = [_store_one(ledger, work) for work in works]
        for room_id in ledger.touched:
            ledger.rooms[room_id].save(update_fields=["head", "epoch", "epoch_since_ms", "roles"])
        with connection.cursor() as cursor:
            cursor.executemany(_GROW, [(size, device_pk) for device_pk, size in ledger.grown.items()])
    return outcomes


def append_for(device_pk: int, request: CommitRequest) -> "Append | Place":
    """A commit as the writer takes it; or the place it has when it is a repeat.

    Raises: malformed (blobs, header); too_large; revoked; not_member (no account).
    """
    device = acting_device(device_pk)
    place = find_place(device_pk, request.message_id)
    if place is not None:
        return place
    message, commit = commits.prepare(device, request)
    kind, device_id = Envelope.Kind.COMMIT, bytes(device.device_id)
    return Append(device_pk, device_id, request.room_id, request.message_id, kind, request.epoch, message, commit)


def find_place(device_pk: int, message_id: bytes) -> Place | None:
    """The place a device's message has, if it has one."""
    found = Envelope.objects.filter(sender=device_pk, message_id=message_id)
    row = found.values_list("room__room_id", "seq", "epoch").first()
    return Place(bytes(row[0]), row[1], row[2]) if row else None


def _read_ledger(works: Iterable[Append], now_ms: int, most_stored: int) -> _Ledger:
    works = list(works)
    rooms = Room.objects.select_for_update().filter(room_id__in={work.room_id for work in works}).order_by("id")
    by_id = {bytes(room.room_id): room for room in rooms}
    # Read under the rooms' locks: who has just been removed is not a member here.
    senders = {work.device_pk for work in works}
    # Locked too: who is being revoked at this moment is waited for, so that nothing is stored once that is done. A lock
    # that lets others refer to the row, and in the order of the ids, as for the rooms.
    locked = Device.objects.select_for_update(no_key=True).filter(pk__in=senders).order_by("id")
    devices = list(locked.values_list("pk", "revoked_at", "stored_bytes"))
    members = Membership.objects.current().filter(room__in=by_id.values(), device__in=senders)
    return _Ledger(
        now_ms,
        by_id,
        {pk: revoked_at is not None for pk, revoked_at, _ in devices},
        set(members.values_list("room_id", "device_id")),
        {pk: size for pk, _, size in devices},
        most_stored,
    )


def _store_one(ledger: _Ledger, work: Append) -> Outcome:
    try:
        with transaction.atomic():
            return _write(ledger, work)
    except PeerError as error:
        return error
    except OperationalError:
        raise
    except DatabaseError:
        return Internal("not stored")


def _write(ledger: _Ledger, work: Append) -> Outcome:
    if ledger.revoked.get(work.device_pk, True):
        raise Revoked
    refusal = _refusal(ledger, work)
    if refusal is not None:
        # A repeat comes late by nature: it gets its place although the room has moved on since.
        place = find_place(work.device_pk, work.message_id)
        if place is None:
            raise refusal
        return place
    room = ledger.rooms[work.room_id]
    row = _insert(room, work, ledger.now_ms)
    if row is None:
        return find_place(work.device_pk, work.message_id) or Internal("not stored")
    if work.commit is not None:
        row = _apply_commit(ledger, room, work, row)
    room.head = row.seq
    ledger.touched.add(work.room_id)
    ledger.grown[work.device_pk] += len(work.ciphertext)
    return Place(work.room_id, row.seq, row.epoch, row)


def _refusal(ledger: _Ledger, work: Append) -> PeerError | None:
    room = ledger.rooms.get(work.room_id)
    if room is None:
        return NotMember("not in this room")
    objection = _objection_to_sender(ledger, room, work)
    if objection is not None:
        return objection
    try:
        schemes.check(room.scheme)
    except UnsupportedVersion as error:
        return error
    if work.epoch == room.epoch:
        return _refusal_of_more(ledger, work)
    late = work.kind == Envelope.Kind.APPLICATION and work.epoch == room.epoch - 1
    if late and ledger.now_ms - room.epoch_since_ms <= PREVIOUS_EPOCH_MS:
        return _refusal_of_more(ledger, work)
    return StaleEpoch(f"the room is in epoch {room.epoch}", {"epoch": room.epoch, "head": room.head})


def _objection_to_sender(ledger: _Ledger, room: Room, work: Append) -> PeerError | None:
    """Why the device may not write into this room: it is not in it, and does not join it by this very work."""
    external = work.commit.external if work.commit is not None else None
    if external is not None and external.joins:
        return externals.objection(room, work.device_pk, external)
    return None if (room.pk, work.device_pk) in ledger.members else NotMember("not in this room")


def _refusal_of_more(ledger: _Ledger, work: Append) -> PeerError | None:
    most = ledger.most_stored + (COMMITS_MORE_BYTES if work.commit is not None else 0)
    stored = ledger.stored[work.device_pk] + ledger.grown[work.device_pk]
    if stored + len(work.ciphertext) <= most:
        return None
    return Limit(retry_text(LONGEST_SECONDS, f"{stored} bytes of this device's messages are stored, of {most}"))


def _insert(room: Room, work: Append, now_ms: int) -> StoredRow | None:
    seq = room.head + 1
    values = (room.pk, seq, work.kind, work.epoch, work.device_pk, work.message_id, work.ciphertext, now_ms)
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, values)
        if cursor.rowcount != 1:
            return None
    return StoredRow(work.room_id, seq, work.kind, work.epoch, work.device_id, work.message_id, work.ciphertext, now_ms)


def _apply_commit(ledger: _Ledger, room: Room, work: Append, row: StoredRow) -> StoredRow:
    """Move the room to its next epoch, with everything that belongs to it."""
    more = len(work.commit.group_info) + len(work.commit.welcome or b"")
    group_infos.check_kept(work.device_pk, more, ledger.most_stored + COMMITS_MORE_BYTES)
    removed, added = commits.apply(room, work.device_pk, row.seq, work.commit)
    room.epoch = work.epoch + 1
    room.epoch_since_ms = ledger.now_ms
    ledger.members -= {(room.pk, device_pk) for device_pk in removed}
    ledger.members |= {(room.pk, device_pk) for device_pk in added}
    return StoredRow(
        row.room_id,
        row.seq,
        row.kind,
        row.epoch,
        row.sender_id,
        row.message_id,
        row.ciphertext,
        row.stored_ms,
        # Who comes back goes on where it was: for that device this row is not the last one.
        removed=frozenset(removed - {work.device_pk}),
    )
