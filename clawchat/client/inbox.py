"""Receives the logs of the rooms that are followed: in order, without gaps, each row once."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from functools import partial

from clawchat.protocol.bodies import ChatDelivery
from clawchat.protocol.errors import ClawChatError, Malformed, OutOfOrder

from .connection import Connection
from .cursors import Cursors
from .events import Event, RoomGone
from .questions import Answer
from .store import Store

logger = logging.getLogger(__name__)

# What one request may name (docs/protocol.md 3.14).
ROOMS_PER_REQUEST = 256


class Inbox:
    """What came and was not read yet. Events wait in memory; read them, or follow no room."""

    def __init__(self, store: Store) -> None:
        self.cursors = Cursors(store)
        self._events: asyncio.Queue[Event | ClawChatError] = asyncio.Queue()
        self._asked_anew: set[bytes] = set()
        # asyncio itself keeps no hold on a task.
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, event: Event | ClawChatError) -> None:
        """Add an event; an error ends `events` once all before it were read."""
        self._events.put_nowait(event)

    async def events(self) -> AsyncIterator[Event]:
        """Everything that comes, one after the other.

        A row counts as processed when the next event is asked for; one that was not comes again after a restart.
        Raises: what made an end of it all.
        """
        while True:
            event = await self._events.get()
            if isinstance(event, ClawChatError):
                # For whoever asks next.
                self._events.put_nowait(event)
                raise event
            yield event
            if isinstance(event, ChatDelivery):
                self.cursors.processed(event.room_id, event.seq)

    async def resume(self, connection: Connection, rooms: Iterable[bytes] | None = None) -> None:
        """Have these rooms (all that are followed) delivered on this connection, after what was received already.

        Raises: connection_lost; what the server refuses it for.
        Spec: 3.14
        """
        wanted = list(self.cursors.rooms if rooms is None else rooms)
        for at in range(0, len(wanted), ROOMS_PER_REQUEST):
            asked = {room_id: self.cursors.received(room_id) for room_id in wanted[at : at + ROOMS_PER_REQUEST]}
            body = {"op": "room.resume", "rooms": [{"room": room, "cursor": seq} for room, seq in asked.items()]}
            # The answer's cursors count before the first row that follows it.
            await connection.ask(body, partial(self._resumed, asked))

    def deliver(self, connection: Connection, row: ChatDelivery) -> None:
        """Take a row that came on this connection."""
        try:
            if self.cursors.take(row.room_id, row.seq):
                self._asked_anew.discard(row.room_id)
                self.put(row)
        except OutOfOrder as error:
            if row.room_id not in self._asked_anew:
                logger.warning("a room's log has a gap, asking again: %s", error)
                self._asked_anew.add(row.room_id)
                task = asyncio.create_task(self._resume_anew(connection, row.room_id))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _resume_anew(self, connection: Connection, room_id: bytes) -> None:
        try:
            await self.resume(connection, [room_id])
        except ClawChatError as error:
            # The next connection resumes every room.
            logger.info("not asked again: %s", error)

    def _resumed(self, asked: dict[bytes, int], answer: Answer) -> None:
        try:
            places = {room["room"]: room["cursor"] for room in answer["rooms"]}
            gone = list(answer["gone"])
        except (KeyError, TypeError):
            raise Malformed("answer to room.resume") from None
        for room_id, cursor in places.items():
            if room_id in asked:
                self.cursors.resumed(room_id, asked[room_id], cursor)
        for room_id in gone:
            if room_id in asked:
                self.cursors.forget(room_id)
                self.put(RoomGone(room_id))
