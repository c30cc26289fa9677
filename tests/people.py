"""People with devices, as tests of the server use them: alice owns, bob is a member, charlie must learn nothing."""

import asyncio
import time
from typing import Any

from channels.testing import WebsocketCommunicator

from chat.consumers import ChatConsumer
from chat.hub import get_hub
from clawchat.protocol.authenticated_data import member_data
from clawchat.protocol.bodies import (
    ChatDelivery,
    ChatSend,
    ErrorBody,
    Failure,
    Request,
    Response,
    parse_exchange,
)
from clawchat.protocol.credential import DeviceKind, device_id, seal_root_blob, sign_identity
from clawchat.protocol.errors import error_for
from clawchat.protocol.frame import Frame, MessageType
from clawchat.protocol.handshake import ClientHandshake
from clawchat.protocol.invite import Invite
from clawchat.protocol.key_schedule import device_credentials, gate_key
from clawchat.protocol.keys import DeviceKey, PreSharedKey, RecoveryKey, RootKey
from clawchat.protocol.message_header import ContentType, encode_private_message
from clawchat.protocol.operations import check_answer
from clawchat.protocol.primitives import new_message_id, random_bytes, sha256
from clawchat.protocol.session import Session
from clawchat.protocol.suites import allowed_suites
from tests.fakes import FakeLink
from tests.mls_bytes import OPEN_ROLES, group_info

PATIENCE_SECONDS = 10.0
STAGE_CHUNK = 131_072


class ConnectionEnded(Exception):
    """The server ended the connection; the text says how."""


class Phone:
    """One device: it enrols, connects and talks layer A over a fake link to the real consumer."""

    def __init__(self, invite: str, root: RootKey | None = None) -> None:
        self.invite = Invite.parse(invite)
        self.root = root or RootKey.generate()
        self.key = DeviceKey.generate()
        # The secret in force when this device first looked; then what it was told.
        self.discovery_secret = self.invite.discovery_secret or get_hub().keys.discovery_secret
        self.id = device_id(self.key.public)
        # The identity that it comes by.
        self.server_public = self.invite.server_public
        self.psk_id: bytes = self.invite.invite_id
        self.psk: PreSharedKey = self.invite.invite_psk
        # What it offers.
        self.suites = allowed_suites(pq_required=True)
        self.link: FakeLink | None = None
        self.socket: WebsocketCommunicator | None = None
        self.session: Session | None = None
        self._requests = 0
        # Frames that came while something else was awaited.
        self._kept: list[Frame] = []

    # Connecting

    async def enrol(self) -> None:
        """Take the invite up: a handshake under it, and the secret that comes of it."""
        handshake = await self.shake_hands()
        self.psk_id, self.psk = device_credentials(handshake.exporter, self.key.public)
        await self.hang_up()

    async def connect(self, link: FakeLink | None = None) -> None:
        """A session under the device's own secret."""
        await self.shake_hands(link)

    async def shake_hands(self, link: FakeLink | None = None) -> ClientHandshake:
        """A whole handshake with the secret in hand."""
        handshake, answer = await self.meet(link)
        await self.put(answer)
        self.session = handshake.receive_finished(await self.take())
        self._kept.clear()
        return handshake

    async def meet(self, link: FakeLink | None = None) -> tuple[ClientHandshake, bytes]:
        """A handshake that has come as far as the server's proof, and what is to be answered to it."""
        await self.open(link)
        handshake = self.handshake()
        await self.put(handshake.hello())
        return handshake, handshake.receive_server_hello(await self.take(), now_ms())

    async def open(self, link: FakeLink | None = None) -> None:
        """An upgraded connection on which nothing was said."""
        self.link = link or FakeLink()
        self.socket = WebsocketCommunicator(ChatConsumer.as_asgi(), "/")
        self.socket.scope["clawchat"] = self.link
        await self.socket.connect()

    def handshake(self) -> ClientHandshake:
        """The client's half, with the secret in hand."""
        return ClientHandshake(
            self.server_public,
            gate_key(self.discovery_secret),
            self.psk_id,
            self.psk,
            self.key.public,
            self.key.sign,
            "tests 1",
            self.suites,
        )

    async def hang_up(self) -> None:
        """The connection is cut."""
        if self.socket is not None:
            await self.socket.disconnect()
            self.socket = None

    # Bytes

    async def put(self, data: bytes) -> None:
        """One binary message to the server."""
        await self.socket.send_to(bytes_data=data)

    async def take(self, patience: float = PATIENCE_SECONDS) -> bytes:
        """The next binary message from the server.

        Raises: ConnectionEnded; TimeoutError.
        """
        if not self.link.sent.empty():
            return self.link.sent.get_nowait()
        coming = asyncio.ensure_future(self.link.sent.get())
        ended = asyncio.ensure_future(self.link.ended.wait())
        await asyncio.wait({coming, ended}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if coming.done():
            return coming.result()
        coming.cancel()
        if self.link.ended.is_set():
            raise ConnectionEnded(f"close code {self.link.closed}, aborted {self.link.aborted}")
        raise TimeoutError("nothing came")

    async def ended(self) -> int | None:
        """The close code, once the server has ended the connection; None for a reset."""
        await asyncio.wait_for(self.link.ended.wait(), PATIENCE_SECONDS)
        return self.link.closed

    # Frames

    async def put_frame(self, message_type: MessageType, payload: bytes, message_id: bytes | None = None) -> bytes:
        """Send a frame and give its message id."""
        message_id = message_id or new_message_id(now_ms())
        await self.put(self.session.seal(message_type, payload, message_id, now_ms()))
        return message_id

    async def frame(self, *types: MessageType, patience: float = PATIENCE_SECONDS) -> Frame:
        """The next frame of one of these types (of any, when none is given); others are kept for later."""
        for index, kept in enumerate(self._kept):
            if not types or kept.type in types:
                return self._kept.pop(index)
        while True:
            frame = self.session.open(await self.take(patience))
            if not types or frame.type in types:
                return frame
            self._kept.append(frame)

    async def nothing_comes(self, *types: MessageType, patience: float = 0.15) -> bool:
        """Whether no frame of these types comes for a moment."""
        try:
            await self.frame(*types, patience=patience)
        except (TimeoutError, ConnectionEnded):
            return True
        return False

    # Talking

    async def request(self, operation: str, **members: Any) -> dict[str, Any]:
        """The answer to a request, of the shape that 3.14 gives it; a failure is raised as the error it names."""
        self._requests += 1
        number = self._requests
        await self.put_frame(MessageType.REQUEST, Request(number, {"op": operation, **members}).encode())
        answer = await self.answer(number)
        if isinstance(answer, Failure):
            raise error_for(answer.body["code"], answer.body["text"], answer.body)
        check_answer(operation, answer.body)
        return answer.body

    async def answer(self, number: int, patience: float = PATIENCE_SECONDS) -> Response | Failure:
        """The answer to the request of this id; notices and other answers are kept for later."""
        passed_over = []
        while True:
            frame = await self.frame(MessageType.REQUEST, patience=patience)
            exchange = parse_exchange(frame.payload)
            if not isinstance(exchange, Request) and exchange.id == number:
                self._kept.extend(passed_over)
                return exchange
            passed_over.append(frame)

    async def notice(self, name: str) -> None:
        """Return once the server gave this notice."""
        while True:
            exchange = parse_exchange((await self.frame(MessageType.REQUEST)).payload)
            if isinstance(exchange, Request) and exchange.body["op"] == name:
                return

    async def set_account(self, name: str = "") -> bytes:
        """Make this device one of its person's, and name the person."""
        identity = sign_identity(self.root, self.key.public, DeviceKind.HUMAN, 0, 2**32)
        blob = seal_root_blob(self.root, RecoveryKey.generate())
        answer = await self.request("account.set", identity=identity.encode(), root_blob=blob)
        if name:
            await self.request("name.set", name=name)
        return answer["user_id"]

    async def post(self, room: bytes, text: bytes = b"hello", epoch: int = 0, message_id: bytes | None = None) -> bytes:
        """Send a message to a room without waiting, and give its id."""
        message_id = message_id or new_message_id(now_ms())
        body = ChatSend(room, mls_message(room, message_id, epoch, text)).encode()
        return await self.put_frame(MessageType.CHAT, body, message_id)

    async def ack_or_error(self) -> Frame:
        """The next acknowledgement or error."""
        return await self.frame(MessageType.ACK, MessageType.ERROR)

    async def error(self) -> ErrorBody:
        """The next error."""
        return ErrorBody.parse((await self.frame(MessageType.ERROR)).payload)

    async def delivery(self) -> ChatDelivery:
        """The next row of a room that was delivered."""
        return ChatDelivery.parse((await self.frame(MessageType.CHAT)).payload)

    async def stage(self, blob: bytes) -> bytes:
        """Upload a blob in chunks and give its digest."""
        digest = sha256(blob)
        for offset in range(0, len(blob), STAGE_CHUNK):
            chunk = blob[offset : offset + STAGE_CHUNK]
            await self.request("room.stage", digest=digest, size=len(blob), offset=offset, bytes=chunk)
        return digest

    async def commit(self, room: bytes, epoch: int, added=(), removed=(), message_id: bytes | None = None, **members):
        """Commit to a room, with blobs that stand for a commit, a Welcome and a GroupInfo."""
        message_id = message_id or new_message_id(now_ms())
        message = mls_message(room, message_id, epoch, random_bytes(32), ContentType.COMMIT)
        state = group_info(room, epoch + 1, OPEN_ROLES, random_bytes(32))
        staged = {"commit": await self.stage(message), "group_info": await self.stage(state)}
        if added:
            staged["welcome"] = await self.stage(b"welcome" + random_bytes(32))
        request = {"room": room, "epoch": epoch, "message_id": message_id, "added": list(added)}
        return await self.request("room.commit", removed=list(removed), **{**request, **staged, **members})


def mls_message(
    room: bytes, message_id: bytes, epoch: int, text: bytes, kind: ContentType = ContentType.APPLICATION
) -> bytes:
    """A message with a true clear header; what stands for ciphertext is given."""
    return encode_private_message(room, epoch, kind, member_data(room, message_id), b"s", text)


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000
