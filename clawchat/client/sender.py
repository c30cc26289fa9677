"""Sends what is in the outbox, in order, over whatever connection there is, until each message is answered."""

import asyncio
import time
from collections.abc import Callable

from clawchat.protocol.bodies import Ack, ErrorBody
from clawchat.protocol.errors import (
    ClawChatError,
    PeerError,
    TooFast,
    TooLarge,
    Unavailable,
    error_for,
)

from .errors import ConnectionLost, plain_text
from .events import Refused
from .line import Line
from .outbox import Outbox
from .refusals import pause_after
from .store import Store


class Sender:
    """The outbox, and who waits for its messages to be answered.

    Messages of one client reach a room in the order of `send`, with one exception: when the server refuses one as
    too fast, those that were already under way behind it may come before it.
    """

    def __init__(self, store: Store, unclaimed: Callable[[Refused], None]) -> None:
        self._outbox = Outbox(store)
        self._unclaimed = unclaimed
        self._waiting: dict[bytes, asyncio.Future[int]] = {}
        self._wake = asyncio.Event()
        self._not_before = 0.0
        self._failure: ClawChatError | None = None

    def __len__(self) -> int:
        return len(self._outbox)

    async def send(self, room_id: bytes, message: bytes, message_id: bytes) -> int:
        """The seq of the message in the room's log, once the server has stored it.

        Whoever is cancelled meanwhile only stops waiting: the message is sent all the same.
        Raises: what the server refused it for; usage.
        """
        if self._failure is not None:
            raise self._failure
        self._outbox.add(message_id, room_id, message)
        if message_id not in self._waiting:
            self._waiting[message_id] = asyncio.get_running_loop().create_future()
        self._wake.set()
        return await asyncio.shield(self._waiting[message_id])

    async def run(self, line: Line) -> None:
        """Send until cancelled."""
        while True:
            await asyncio.sleep(max(0.0, self._not_before - time.monotonic()))
            connection = await line.usable()
            self._wake.clear()
            outgoing = self._outbox.next_to_send()
            if outgoing is None:
                await self._wake.wait()
                continue
            self._outbox.sent(outgoing.message_id)
            try:
                await connection.send_message(outgoing.message_id, outgoing.room_id, outgoing.message)
            except ConnectionLost:
                self._outbox.land(outgoing.message_id)
            except TooLarge as error:
                # Larger than this server takes: no other connection would carry it.
                self._refuse(outgoing.message_id, error)

    def acknowledged(self, ack: Ack) -> None:
        """The server has stored a message; a second word on the same message changes nothing."""
        self._outbox.settle(ack.message_id)
        future = self._waiting.pop(ack.message_id, None)
        if future is not None and not future.done():
            future.set_result(ack.seq)
        self._wake.set()

    def refused(self, body: ErrorBody) -> None:
        """The server has not stored a message."""
        if body.message_id is None or body.message_id not in self._outbox:
            return
        error = error_for(body.number, plain_text(body.text))
        if isinstance(error, TooFast | Unavailable):
            self._not_before = max(self._not_before, time.monotonic() + pause_after(error))
            self._outbox.land(body.message_id)
            self._wake.set()
        else:
            self._refuse(body.message_id, error)

    def switched(self) -> None:
        """Another connection carries everything that is unanswered."""
        self._outbox.land_all()
        self._wake.set()

    def fail(self, error: ClawChatError) -> None:
        """There will be no connection any more; messages stay in the outbox."""
        self._failure = error
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(error)
        self._waiting.clear()

    def _refuse(self, message_id: bytes, error: PeerError) -> None:
        self._outbox.settle(message_id)
        future = self._waiting.pop(message_id, None)
        if future is None:
            self._unclaimed(Refused(message_id, error))
        elif not future.done():
            future.set_exception(error)
        self._wake.set()
