"""One authenticated connection: frames, requests and their answers, keys that are made anew."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from clawchat.protocol.bodies import ChatSend, CloseNotify, ErrorBody, Request, parse_exchange, parse_ping
from clawchat.protocol.connection_file import Endpoint
from clawchat.protocol.errors import (
    ClawChatError,
    PeerError,
    RekeyOverdue,
    UnknownType,
    close_code,
)
from clawchat.protocol.frame import Frame, MessageType
from clawchat.protocol.handshake import ClientHandshake
from clawchat.protocol.keys import IdentityPublic
from clawchat.protocol.primitives import new_message_id
from clawchat.protocol.rekey import ClientRekey
from clawchat.protocol.session import Session

from .endings import ended_with
from .errors import ConnectionLost
from .keepalive import Due, Keepalive
from .questions import Answer, Questions
from .wire import NORMAL_CLOSURE, close, read_binary

WATCH_SECONDS = 5.0

TakeFrame = Callable[[Frame], Awaitable[None]]


class Connection:
    """A session with the server over one WebSocket.

    `run` reads it until it ends; `over` tells that it has. Frames are sealed and sent in one order, whoever sends. Its
    keys are made anew on the way, at a soft limit or when the server asks; nobody outside notices.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        socket: aiohttp.ClientWebSocketResponse,
        handshake: ClientHandshake,
        session: Session,
        theirs: IdentityPublic,
        sign: Callable[[bytes], bytes],
    ) -> None:
        """Go on where a handshake with `theirs` has ended; `sign` is the device key's."""
        self.endpoint = endpoint
        self.handshake = handshake
        self.over = False
        self._socket = socket
        self._session = session
        now = time.monotonic()
        self._rekey = ClientRekey(session, theirs, sign, now)
        self._keepalive = Keepalive(handshake.server_parameters.idle_seconds, now)
        # Set when we close because of the keys.
        self._worn_out: RekeyOverdue | None = None
        self._sending = asyncio.Lock()
        self._questions = Questions()
        self._unanswered: set[bytes] = set()
        self._quiet = asyncio.Event()
        self._quiet.set()
        # Set when the server ends the session on purpose; nothing that comes after it is looked at.
        self._goodbye: CloseNotify | None = None

    @property
    def exporter(self) -> bytes:
        """32 bytes that only this session's two ends know."""
        return self.handshake.exporter

    @property
    def epoch(self) -> int:
        """How many times its keys were made anew, in both directions."""
        return self._session.epoch

    async def run(self, take: TakeFrame) -> ClawChatError:
        """Read until the connection ends, and return why it did.

        Answers go to whoever asked, pings are answered, every other frame is given to `take`, one after the other.
        What is unanswered then raises connection_lost where it was asked.
        """
        watch = asyncio.create_task(self._watch())
        try:
            while True:
                await self._take_one(take)
        except ClawChatError as error:
            reason = self._worn_out or error
        except BaseException:
            self._end(ConnectionLost("closed by us"))
            raise
        finally:
            watch.cancel()
        if isinstance(reason, UnknownType):
            # Not silently: whoever sent it is newer than this client.
            with contextlib.suppress(ClawChatError):
                await self._send(MessageType.ERROR, ErrorBody(UnknownType.number or 0, reason.code).encode())
        self._end(reason)
        if not self._socket.closed:
            # Our own reason; one that the server gave is no news to it.
            is_ours = isinstance(reason, PeerError) and self._goodbye is None
            number = reason.number if is_ours else 0
            await close(self._socket, close_code(number) if number else NORMAL_CLOSURE)
        return reason

    async def send(
        self,
        message_type: MessageType,
        payload: bytes,
        message_id: bytes | None = None,
        sealing: Callable[[Session], None] | None = None,
    ) -> None:
        """Seal and send one frame; when the keys have done enough, begin to make new ones.

        Raises: connection_lost; too_large.
        """
        await self._send(message_type, payload, message_id, sealing)
        await self._look_after_keys()

    async def _send(
        self,
        message_type: MessageType,
        payload: bytes,
        message_id: bytes | None = None,
        sealing: Callable[[Session], None] | None = None,
    ) -> None:
        async with self._sending:
            # Sealed and written without a pause in between, so frames leave in the order of their counters.
            now_ms = time.time_ns() // 1_000_000
            try:
                session = self._open_session()
                if sealing is not None:
                    sealing(session)
                frame = session.seal(message_type, payload, message_id or new_message_id(now_ms), now_ms)
                await self._socket.send_bytes(frame)
            except (aiohttp.ClientError, OSError) as error:
                self._end(ConnectionLost(f"the connection broke: {error}"))
                raise ConnectionLost("the connection broke while sending") from None
            except RekeyOverdue:
                await self._give_up_keys()
                raise ConnectionLost("the keys of this connection have done enough") from None

    async def send_message(self, message_id: bytes, room_id: bytes, message: bytes) -> None:
        """Send a chat message; `answered` is to be called when the server has answered it.

        Raises: connection_lost; too_large.
        """
        self._unanswered.add(message_id)
        self._quiet.clear()
        try:
            await self.send(MessageType.CHAT, ChatSend(room_id, message).encode(), message_id)
        except ClawChatError:
            self.answered(message_id)
            raise

    def answered(self, message_id: bytes) -> None:
        """The server has acknowledged or refused this message."""
        self._unanswered.discard(message_id)
        self._note_quiet()

    async def renew_pair(self, keep: Callable[[bytes], None]) -> None:
        """Have the server make another pair for this device; `keep` gets the exporter it is derived from, before any
        later frame is looked at.

        Raises: as `ask`.
        Spec: 3.14
        """
        sealed_under = b""

        def note(session: Session) -> None:
            nonlocal sealed_under
            sealed_under = session.exporter

        await self.ask({"op": "psk_renew"}, lambda _: keep(sealed_under), note)

    async def ask(
        self,
        body: dict[str, Any],
        then: Callable[[Answer], None] | None = None,
        sealing: Callable[[Session], None] | None = None,
    ) -> Answer:
        """The server's answer to a request; `then` gets it first, before any later frame is looked at.

        `sealing` is called when the request is sealed, with the session as it is then.

        Raises: connection_lost (unanswered; ask again on another connection); the error that the server names;
        malformed (an answer of another shape than 3.14 gives it).
        Spec: 3.11
        """
        number, future = self._questions.begin(body["op"], then)
        self._quiet.clear()
        try:
            await self.send(MessageType.REQUEST, Request(number, body).encode(), sealing=sealing)
            return await future
        finally:
            self._questions.end(number)
            self._note_quiet()

    async def quiet(self, seconds: float) -> bool:
        """Whether everything sent here was answered within this time."""
        try:
            async with asyncio.timeout(seconds):
                await self._quiet.wait()
        except TimeoutError:
            return False
        return not self._unanswered and not self._questions

    async def close(self, notify: bool = True) -> None:
        """End it in good order; without `notify` only the WebSocket is closed."""
        if notify and not self.over:
            with contextlib.suppress(ClawChatError):
                await self.send(MessageType.CLOSE_NOTIFY, CloseNotify(0).encode())
        self._end(ConnectionLost("closed by us"))
        await close(self._socket, NORMAL_CLOSURE)

    # Internal

    async def _take_one(self, take: TakeFrame) -> None:
        data = await read_binary(self._socket)
        if data is None:
            raise ended_with(self._goodbye)
        frame = self._open_session().open(data)
        self._keepalive.heard(time.monotonic())
        if frame.type == MessageType.PING:
            await self.send(MessageType.PONG, parse_ping(frame.payload))
        elif frame.type == MessageType.KEY_ROTATION:
            await self._take_rekey(frame.payload)
        elif frame.type == MessageType.CLOSE_NOTIFY:
            self._goodbye = CloseNotify.parse(frame.payload)
            raise ended_with(self._goodbye)
        elif frame.type == MessageType.REQUEST:
            exchange = parse_exchange(frame.payload)
            if isinstance(exchange, Request):
                await take(frame)
            else:
                self._questions.answer(exchange)
        elif frame.type != MessageType.PONG:
            await take(frame)
        await self._look_after_keys()

    async def _take_rekey(self, payload: bytes) -> None:
        done = self._rekey.receive(payload, time.monotonic())
        if done is not None:
            await self._send(MessageType.KEY_ROTATION, done)

    async def _look_after_keys(self) -> None:
        """Begin a rekey when it is due, and end the connection when it is overdue; frames go on meanwhile."""
        now = time.monotonic()
        if self.over:
            return
        if self._rekey.is_overdue(now):
            await self._give_up_keys()
        elif self._rekey.is_due(now):
            with contextlib.suppress(ConnectionLost):
                await self._send(MessageType.KEY_ROTATION, self._rekey.init(now))

    async def _give_up_keys(self) -> None:
        """Another connection has other keys."""
        self._worn_out = RekeyOverdue("the keys of this connection have done enough")
        self._end(self._worn_out)
        await close(self._socket, close_code(RekeyOverdue.number or 0))

    def _open_session(self) -> Session:
        if self.over:
            raise ConnectionLost("the connection is over")
        return self._session

    async def _watch(self) -> None:
        """Ping a silent server, and give it up when it stays silent; look after keys that nobody uses."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            await self._look_after_keys()
            due = self._keepalive.look(time.monotonic())
            if due is Due.CLOSE:
                await close(self._socket, NORMAL_CLOSURE)
                return
            if due is Due.PING:
                try:
                    await self.send(MessageType.PING, b"")
                except ClawChatError:
                    return

    def _note_quiet(self) -> None:
        if not self._unanswered and not self._questions:
            self._quiet.set()

    def _end(self, reason: ClawChatError) -> None:
        if self.over:
            return
        self.over = True
        self._questions.lose(reason)
        self._session.end()
        self._rekey.end()
        self._quiet.set()
