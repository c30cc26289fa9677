"""Takes a room's rows as they come in, and reads them in portions."""

import asyncio
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from clawchat.protocol.bodies import ChatDelivery
from clawchat.protocol.errors import NotMember

from .pending_commit import ADOPTED
from .reading import NOT_UNDERSTOOD, Reading

if TYPE_CHECKING:
    from .room import Room

# So that a long log does not wait for one huge transaction, and nobody else waits for a long log.
ROWS_AT_ONCE = 64


class RoomReader:
    """How far one room's log has come in, and how far it was read."""

    def __init__(self, room: "Room") -> None:
        self._room = room
        self._incoming: deque[ChatDelivery] = deque()
        self._is_called = False
        # The last row that came in, read or not; the server is asked for what follows it.
        self.received = room.record.cursor

    def receive(self, row: ChatDelivery) -> bool:
        """Take a row; False when rows before it are missing."""
        if row.seq > self.received + 1:
            return False
        if row.seq == self.received + 1:
            self.received = row.seq
            self._incoming.append(row)
            self._read_soon()
        return True

    def move_to(self, cursor: int) -> None:
        """Go on at another place of the log, which was not reached by reading."""
        self._incoming.clear()
        self.received = cursor
        room = self._room
        change = room.change()
        change.record = replace(room.record, cursor=cursor)
        room.write(change)
        room.sender.settle_passed()

    def read_all(self) -> None:
        """Read what has come in, without pause."""
        while self._incoming:
            self._read_some()

    # Internal

    def _read_soon(self) -> None:
        """What comes in one go is read in one go."""
        if not self._is_called:
            self._is_called = True
            self._room.home.spawn(self._read_now())

    async def _read_now(self) -> None:
        while self._incoming and not self._room.is_closed:
            self._read_some()
            await asyncio.sleep(0)
        self._is_called = False

    def _read_some(self) -> None:
        room = self._room
        if room.group is None or room.stuck or not room.is_joined:
            self._incoming.clear()
            return
        reading = Reading(room)
        for _ in range(min(ROWS_AT_ONCE, len(self._incoming))):
            reading.read(self._incoming.popleft())
        if reading.record.cursor > room.record.cursor:
            self._keep(reading)
        if reading.stuck:
            self._note_stuck(reading)

    def _keep(self, reading: Reading) -> None:
        """Write everything the rows led to, and make it true."""
        room, pending = self._room, self._room.pending
        change = room.change()
        change.record, change.group = reading.record, None if reading.record.is_gone else reading.group
        if reading.fate:
            change.pending = None
        epoch_ended = reading.record.epoch != room.record.epoch
        # Whoever was added does not know the room's name; that it is told is decided together with the adding.
        has_added = reading.fate == ADOPTED and pending is not None and bool(pending.added)

        def also() -> None:
            room.archive.add(reading.entries)
            for entry in reading.delivered:
                room.outbox.erase(entry)
            if has_added and room.record.name:
                room.queue_profile()

        room.write(change, also)
        for entry, seq in reading.delivered.items():
            room.sender.delivered(entry, seq)
        if pending is not None and reading.fate:
            pending.settle(reading.fate)
            room.must_update &= reading.fate != ADOPTED
        if epoch_ended or not room.is_joined:
            room.home.store.forget_former()
        if not room.is_joined:
            room.let_down(NotMember("this device is not in the room"))
        room.owes_profile = (room.owes_profile or reading.has_newcomer) and not reading.is_named
        if room.is_leaving and epoch_ended and room.is_joined:
            # The commit that ended the epoch was made by somebody who had not heard of it yet.
            room.commits.leave_again()
        room.home.tell(room, reading.entries)
        room.home.wake()

    def _note_stuck(self, reading: Reading) -> None:
        room = self._room
        if reading.stuck == NOT_UNDERSTOOD:
            room.home.spawn(room.commits.report(reading.record.cursor + 1, reading.reason))
        room.get_stuck(reading.stuck)
