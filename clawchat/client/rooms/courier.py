"""Carries what all rooms have to say over whatever connection there is. Spec: 3.13"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

from clawchat.client.connection import Connection
from clawchat.client.errors import ConnectionLost, Unreachable, plain_text
from clawchat.client.outbox import IN_FLIGHT
from clawchat.client.refusals import PASSING, pause_after
from clawchat.protocol.bodies import Ack, ErrorBody
from clawchat.protocol.errors import TooLarge, error_for

from .outbox import OutboxEntry
from .room import Room

CONNECT_SECONDS = 3600.0


class Courier:
    """Room by room, each in its order; the server takes so many at once without answer."""

    def __init__(self, rooms: Callable[[], Iterable[Room]], usable: Callable[[float], Awaitable[Connection]]) -> None:
        self._rooms, self._usable = rooms, usable
        self._wake = asyncio.Event()
        self._not_before = 0.0
        # Until this room's message has come again, the server takes no other on this connection.
        self._first: Room | None = None

    def wake(self) -> None:
        """Something may be sent."""
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(max(0.0, self._not_before - time.monotonic()))
            self._wake.clear()
            if any(len(room.outbox) for room in self._rooms()):
                try:
                    await self._send(await self._usable(CONNECT_SECONDS))
                except (ConnectionLost, Unreachable):
                    self._wake.set()

    # Answers

    def acknowledged(self, ack: Ack) -> None:
        """The server has stored a message."""
        found = self._find(ack.message_id)
        if found is not None:
            room, entry = found
            room.sender.acknowledged(entry, ack.seq)
            self._wake.set()

    def refused(self, connection: Connection, body: ErrorBody) -> None:
        """The server has not stored a message."""
        found = self._find(body.message_id) if body.message_id is not None else None
        if found is None:
            return
        room, entry = found
        error = error_for(body.number, plain_text(body.text))
        if not isinstance(error, PASSING):
            room.sender.refused(connection, entry, error)
        elif not entry.is_acknowledged and entry.connection is connection:
            self._first = self._first or room
            self._not_before = max(self._not_before, time.monotonic() + pause_after(error))
            room.outbox.rewind(entry)
        self._wake.set()

    # Internal

    def _find(self, message_id: bytes) -> tuple[Room, OutboxEntry] | None:
        for room in self._rooms():
            entry = room.outbox.find(message_id)
            if entry is not None:
                return room, entry
        return None

    async def _send(self, connection: Connection) -> None:
        first, self._first = self._first, None
        for room in sorted(self._rooms(), key=lambda room: room is not first):
            for entry in room.sender.prepare(connection, IN_FLIGHT - self._in_flight(connection)):
                if time.monotonic() < self._not_before:
                    # Refused meanwhile: nothing may overtake it.
                    self._wake.set()
                    return
                entry.connection, entry.stale = connection, False
                try:
                    await connection.send_message(entry.message_id, room.room_id, entry.message)
                except ConnectionLost:
                    entry.connection = None
                    raise
                except TooLarge as error:
                    room.sender.fail(error)
                    room.get_stuck(error.code)
                    break

    def _in_flight(self, connection: Connection) -> int:
        return sum(
            entry.connection is connection and not entry.is_acknowledged
            for room in self._rooms()
            for entry in room.outbox
        )
