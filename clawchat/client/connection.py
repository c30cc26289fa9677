"""One authenticated connection: a WebSocket, the handshake as a device, frames, requests and their answers."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from clawchat.protocol.bodies import ChatSend, CloseNotify, ErrorBody, Request, parse_exchange, parse_ping
from clawchat.protocol.connection_file import Endpoint
from clawchat.protocol.errors import (
    ClawChatError,
    Malformed,
    PeerError,
    RekeyOverdue,
    Unauthentic,
    UnknownType,
    UsageError,
    close_code,
)
from clawchat.protocol.frame import Frame, MessageType
from clawchat.protocol.handshake import ClientHandshake
from clawchat.protocol.limits import (
    FRAME_CEILING_BYTES,
    HANDSHAKE_SECONDS,
    SILENCE_SECONDS,
)
from clawchat.protocol.primitives import new_message_id
from clawchat.protocol.rekey import ClientRekey
from clawchat.protocol.session import Session
from clawchat.protocol.suites import SUITE_X25519_MLKEM768

from .device import Credentials
from .endings import ended_with, refused_with
from .errors import ConnectionLost, Unreachable
from .keepalive import Due, Keepalive
from .questions import Answer, Questions

NORMAL_CLOSURE = 1000
# Of a handshake that did not come to its end: the client's twin of the server's 1008. Spec: 3.3
HANDSHAKE_FAILED = 4008
CLOSE_SECONDS = 2.0
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
    ) -> None:
        self.endpoint = endpoint
        self.handshake = handshake
        self.over = False
        self._socket = socket
        self._session: Session | None = None
        self._rekey: ClientRekey | None = None
        # Set when we close because of the keys.
        self._worn_out: RekeyOverdue | None = None
        self._sending = asyncio.Lock()
        self._questions = Questions()
        self._unanswered: set[bytes] = set()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._keepalive = Keepalive(SILENCE_SECONDS, time.monotonic())
        # Set when the server ends the session on purpose; nothing that comes after it is looked at.
        self._goodbye: CloseNotify | None = None

    @classmethod
    async def open(
        cls,
        http: aiohttp.ClientSession,
        endpoint: Endpoint,
        credentials: Credentials,
        *,
        client_name: str = "",
        suites: tuple[int, ...] = (SUITE_X25519_MLKEM768,),
        tls: ssl.SSLContext | None = None,
        refuses_certificate: Callable[[bytes], bool] | None = None,
        proven: Callable[[], Awaitable[None]] | None = None,
    ) -> "Connection":
        """A connection on which AUTH_OK has been verified.

        `suites` are those to offer, the preferred one first.
        `refuses_certificate` says of the other side's certificate (DER) whether it was revoked.
        `proven` is awaited when the other side has proven to be our server and we not yet who we are; what it raises
        ends the dial.
        Raises: unreachable (nobody there, or too slow); rediscover; unauthentic (refused, or another server, or its
        certificate was revoked); other peer errors for an answer that is none of ours; usage (an endpoint without TLS
        that is not this machine).
        Spec: 3.3, 3.13
        """
        if not endpoint.is_dialable:
            raise UsageError(f"{endpoint.host} offers no TLS, and it is not this machine")
        handshake = ClientHandshake(
            credentials.server_public,
            credentials.gate_key,
            credentials.psk_id,
            credentials.psk,
            credentials.device_key.public,
            credentials.device_key.sign,
            client_name,
            suites,
        )
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                socket = await http.ws_connect(
                    endpoint.url, max_msg_size=FRAME_CEILING_BYTES, compress=0, ssl=tls or True, autoping=True
                )
                connection = cls(endpoint, socket, handshake)
                await connection._check_certificate(refuses_certificate)
                await connection._shake_hands(credentials, proven)
                return connection
        except TimeoutError:
            raise Unreachable(f"no answer from port {endpoint.port} in {HANDSHAKE_SECONDS} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"port {endpoint.port} does not answer: {error}") from None

    @property
    def exporter(self) -> bytes:
        """32 bytes that only this session's two ends know."""
        return self.handshake.exporter

    @property
    def epoch(self) -> int:
        """How many times its keys were made anew, in both directions."""
        return self._session.epoch if self._session is not None else 0

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
            await self._close_socket(close_code(number) if number else NORMAL_CLOSURE)
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
        await self._close_socket(NORMAL_CLOSURE)

    # Internal

    async def _check_certificate(self, refuses: Callable[[bytes], bool] | None) -> None:
        tls = self._socket.get_extra_info("ssl_object")
        certificate = tls.getpeercert(binary_form=True) if tls is not None else None
        if refuses is not None and certificate is not None and refuses(certificate):
            await self._close_socket(NORMAL_CLOSURE)
            raise Unauthentic(f"the certificate of {self.endpoint.host} was revoked")

    async def _shake_hands(self, credentials: Credentials, proven: Callable[[], Awaitable[None]] | None) -> None:
        try:
            await self._socket.send_bytes(self.handshake.hello())
            answer = self.handshake.receive_server_hello(await self._receive(), time.time_ns() // 1_000_000)
            if proven is not None:
                await proven()
            await self._socket.send_bytes(answer)
            session = self.handshake.receive_finished(await self._receive())
            theirs, ours = credentials.server_public, credentials.device_key
            self._session, self._rekey = session, ClientRekey(session, theirs, ours.sign, time.monotonic())
            self._keepalive = Keepalive(self.handshake.server_parameters.idle_seconds, time.monotonic())
        except BaseException:
            await self._close_socket(HANDSHAKE_FAILED)
            raise

    async def _take_one(self, take: TakeFrame) -> None:
        data = await self._receive()
        frame = self._open_session().open(data)
        self._keepalive.heard(time.monotonic())
        if frame.type == MessageType.PING:
            await self.send(MessageType.PONG, parse_ping(frame.payload))
        elif frame.type == MessageType.KEY_ROTATION:
            await self._take_rekey(frame.payload)
        elif frame.type == MessageType.CLOSE_NOTIFY:
            self._goodbye = CloseNotify.parse(frame.payload)
            raise self._why_it_ended()
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
        assert self._rekey is not None
        done = self._rekey.receive(payload, time.monotonic())
        if done is not None:
            await self._send(MessageType.KEY_ROTATION, done)

    async def _look_after_keys(self) -> None:
        """Begin a rekey when it is due, and end the connection when it is overdue; frames go on meanwhile."""
        now = time.monotonic()
        if self.over or self._rekey is None:
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
        await self._close_socket(close_code(RekeyOverdue.number or 0))

    async def _receive(self) -> bytes:
        """The next binary message; raises why there is none."""
        message = await self._socket.receive()
        if message.type == aiohttp.WSMsgType.BINARY:
            data: bytes = message.data
            return data
        if message.type == aiohttp.WSMsgType.TEXT:
            raise Malformed("text instead of a binary message")
        raise self._why_it_ended()

    def _why_it_ended(self) -> ClawChatError:
        return ended_with(self._goodbye) if self._session is not None else refused_with(self._socket.close_code)

    def _open_session(self) -> Session:
        if self._session is None or self.over:
            raise ConnectionLost("the connection is over")
        return self._session

    async def _watch(self) -> None:
        """Ping a silent server, and give it up when it stays silent; look after keys that nobody uses."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            await self._look_after_keys()
            due = self._keepalive.look(time.monotonic())
            if due is Due.CLOSE:
                await self._close_socket(NORMAL_CLOSURE)
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
        if self._session is not None:
            self._session.end()
        self._quiet.set()

    async def _close_socket(self, code: int) -> None:
        with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._socket.close(code=code)
