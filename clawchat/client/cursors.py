"""How far each room's log was received and processed. No I/O but the store's."""

from dataclasses import dataclass

from clawchat.protocol.encoding import Reader, u64
from clawchat.protocol.errors import OutOfOrder, UsageError

from .store import Store

STORE = "cursors"


@dataclass(slots=True)
class _Cursor:
    received: int
    processed: int


class Cursors:
    """The rooms that are followed, and two places in each: the last seq received, and the last processed.

    A seq is taken when it is the next one, so two connections may deliver the same log during a move and nothing comes
    twice. Only `processed` is stored: what was received but not processed is asked for again after a restart.
    Spec: 3.13
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rooms: dict[bytes, _Cursor] = {}
        for room_id, value in store.items(STORE):
            seq = Reader(value).u64()
            self._rooms[room_id] = _Cursor(seq, seq)

    @property
    def rooms(self) -> list[bytes]:
        """The ids of the rooms that are followed."""
        return list(self._rooms)

    def received(self, room_id: bytes) -> int:
        """The last seq that came, 0 before the first.

        Raises: usage (a room that is not followed).
        """
        return self._cursor(room_id).received

    def start(self, room_id: bytes, cursor: int) -> None:
        """Follow a room after this seq; a room that is followed already stays where it is."""
        if room_id not in self._rooms:
            self._place(room_id, cursor)

    def forget(self, room_id: bytes) -> None:
        """Follow a room no more."""
        self._rooms.pop(room_id, None)
        self._store.delete(STORE, room_id)

    def resumed(self, room_id: bytes, asked: int, answered: int) -> None:
        """Take the server's word for where the log goes on, when it differs from what was asked for.

        Higher: the rows before are not for this device. Lower: the server has fewer rows than we saw.
        """
        cursor = self._rooms.get(room_id)
        if cursor is None or answered == asked:
            return
        # During a move the other connection may have come further since the question was asked.
        if answered < asked or answered > cursor.received:
            self._place(room_id, answered)

    def take(self, room_id: bytes, seq: int) -> bool:
        """Whether this row is new; False when it came before, or belongs to a room that is not followed.

        Raises: out_of_order (a row between is missing).
        """
        cursor = self._rooms.get(room_id)
        if cursor is None or seq <= cursor.received:
            return False
        if seq != cursor.received + 1:
            raise OutOfOrder(f"row {seq} after row {cursor.received}")
        cursor.received = seq
        return True

    def processed(self, room_id: bytes, seq: int) -> None:
        """Remember that the program is done with this row; a restart goes on after it."""
        cursor = self._rooms.get(room_id)
        if cursor is not None and seq > cursor.processed:
            cursor.processed = seq
            self._store.put(STORE, room_id, u64(seq))

    def _place(self, room_id: bytes, seq: int) -> None:
        self._rooms[room_id] = _Cursor(seq, seq)
        self._store.put(STORE, room_id, u64(seq))

    def _cursor(self, room_id: bytes) -> _Cursor:
        if room_id not in self._rooms:
            raise UsageError(f"room {room_id.hex()} is not followed")
        return self._rooms[room_id]
