"""A server in a few lines, built on the protocol's own handshake: enough of one to try a client's every turn."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from clawchat.protocol.bodies import (  # fmt: skip
    Ack,
    ChatDelivery,
    ChatSend,
    CloseNotify,
    ErrorBody,
    Failure,
    Request,
    Response,
    parse_exchange,
)
from clawchat.protocol.connection_file import ConnectionInfo, Endpoint, RevocationsHead, seal_connection_file
from clawchat.protocol.credential import device_id
from clawchat.protocol.encoding import encode_base64url
from clawchat.protocol.errors import ClawChatError
from clawchat.protocol.fingerprint import server_id
from clawchat.protocol.frame import MessageType
from clawchat.protocol.handshake import Gate, ServerHandshake, ServerParameters, find_gate
from clawchat.protocol.invite import Invite
from clawchat.protocol.key_schedule import device_credentials, gate_key
from clawchat.protocol.keys import DevicePublic, DiscoverySecret, IdentityKey, IdentityPublic, PreSharedKey
from clawchat.protocol.places import LIST_NAME
from clawchat.protocol.primitives import random_bytes, sha256
from clawchat.protocol.rekey import ServerRekey
from clawchat.protocol.revocation_list import RevocationList, Revoked, seal_revocation_list
from clawchat.protocol.session import Session
from clawchat.protocol.succession import sign_succession
from clawchat.protocol.wraps import WRAPS_STEP, join_wraps, make_padding, make_wrap

# Just within the time that a place has.
SLOW_MIRROR_SECONDS = 4.5
# What it answers where a test looks no closer. Spec: 3.14
ANSWERS: dict[str, dict[str, Any]] = {
    "account.set": {"user_id": bytes(16)},
    "device.list": {"devices": []},
    "packages.take": {"packages": [], "missing": []},
}


@dataclass
class Port:
    """An open chat port."""

    number: int
    path: str
    runner: web.AppRunner
    tripwire: bool = False
    node: str = "one"
    fixed: bool = False
    load: float = 0.0
    # How long its port serves from a file's time on.
    lasts: int = 600
    # Seconds before it answers a first message.
    slowness: float = 0.0
    # What it says after a handshake under a device's own pair instead of serving.
    refusal: CloseNotify | None = None

    def endpoint(self, valid_from: int, retiring: bool = False) -> Endpoint:
        until = valid_from + self.lasts
        where = ("127.0.0.1", self.number, self.path, False, valid_from, until, self.load, self.node)
        return Endpoint(*where, retiring, self.fixed)


@dataclass(eq=False)
class Seat:
    """One authenticated socket."""

    port: Port
    socket: web.WebSocketResponse
    session: Session
    rekey: ServerRekey
    device: bytes
    psk_id: bytes
    cursors: dict[bytes, int] = field(default_factory=dict)

    async def send(self, kind: MessageType, payload: bytes) -> None:
        await self.socket.send_bytes(self.session.seal(kind, payload, random_bytes(16), 0))


@dataclass
class Row:
    """A row of a room's log."""

    sender: bytes
    message_id: bytes
    message: bytes


class TinyServer:
    """Rooms are made by writing to them; every device is in every room. The knobs make it misbehave."""

    def __init__(self) -> None:
        self.identity = IdentityKey.generate()
        # Who follows it, while it hands over.
        self.successor: IdentityKey | None = None
        self.secret = DiscoverySecret.generate()
        self.devices: dict[bytes, tuple[PreSharedKey, DevicePublic | None]] = {}
        self.invites: set[bytes] = set()
        self.first_pairs: set[bytes] = set()
        # Pairs that were not used yet, by the one that each is to follow.
        self.following: dict[bytes, bytes] = {}
        self.rooms: dict[bytes, list[Row]] = {}
        self.ports: list[Port] = []
        self.seats: list[Seat] = []
        self.requests: list[dict] = []
        self.handshakes = 0
        self.published = b""
        # What further mirrors give, by the last part of their address.
        self.other_files: dict[str, bytes] = {}
        self.locators: tuple[str, ...] = ()
        self.revocations: RevocationsHead | None = None
        # What the file lists; a server that lists suite 1 has no floor.
        self.suites: tuple[int, ...] = (2,)
        self._front: web.AppRunner | None = None
        self._serial = int(time.time())
        # Knobs
        self.keep_acks = False
        self.refuse_messages: list[int] = []
        self.refusal_text = "no"
        self.skip_row: int | None = None
        self.refuse_all = False
        self.cut_after_store = 0
        # Where the next renewal of a pair is cut: before it is stored, before it is answered, before its first AUTH_OK.
        self.cut_renewal = ""
        self.renewal_errors: list[int] = []
        self.clock_ahead_ms = 0
        self.renewal_waits: asyncio.Event | None = None
        self.lose_pairs = 0
        self.first_row = 1
        self.answer_pause = 0.0
        self.mute = False
        self.never_answer = False
        self.close_after_handshake: CloseNotify | None = None
        # Without a word, as the real server does.
        self.cuts_strangers = False
        self.gate_secrets: list[DiscoverySecret] = []
        self.finished_tlvs: dict[int, bytes] = {}
        self.parameters = ServerParameters()
        self.never_rekey = False
        # What it saw: by which identity each handshake was made, among others.
        self.came_by: list[IdentityPublic] = []
        self.hellos = 0
        self.answers: list[Response | Failure] = []
        self.pings = 0
        self.pongs: list[bytes] = []

    async def __aenter__(self) -> "TinyServer":
        routes = [web.get("/connection.json", self._connection_file), web.get("/{name}", self._other_file)]
        self._front, number = await serve(routes)
        self.locators = (f"http://127.0.0.1:{number}/connection.json",)
        self.publish(await self.open_port())
        return self

    async def __aexit__(self, *_: object) -> None:
        for port in list(self.ports):
            await self.close_port(port)
        await self._front.cleanup()

    # What a test does with it

    def invite(self, lifetime: int = 600, *, brings_secret: bool = True) -> str:
        invite_id, psk = random_bytes(16), PreSharedKey.generate()
        self.devices[invite_id] = (psk, None)
        self.invites.add(invite_id)
        expires = int(time.time()) + lifetime
        secret = self.secret if brings_secret else None
        return Invite(secret, self.identity.public, invite_id, psk, expires, self.locators, ()).encode()

    def wraps(self) -> bytes:
        """The secret in force, wrapped for everybody it knows."""
        entries = [make_wrap(psk, self.secret) for psk, _ in self.devices.values()]
        return join_wraps([*entries, *(make_padding() for _ in range(-len(entries) % WRAPS_STEP))])

    def list_revoked(self, *entries: Revoked, serial: int) -> RevocationsHead:
        """Publish a revocation list beside the file; what it gives belongs into the next file."""
        sealed = seal_revocation_list(RevocationList(serial, 1, entries), self.secret, self.identity, 1)
        self.other_files[LIST_NAME] = sealed
        self.revocations = RevocationsHead(serial, sha256(sealed))
        return self.revocations

    async def open_port(self, **members: Any) -> Port:
        path = "/" + encode_base64url(random_bytes(16))
        port = Port(0, path, None, **members)

        async def handler(request: web.Request) -> web.StreamResponse:
            return await self._serve_socket(request, port)

        port.runner, port.number = await serve([web.get(path, handler)])
        self.ports.append(port)
        return port

    async def close_port(self, port: Port) -> None:
        self.ports.remove(port)
        self.cut(port)
        await port.runner.cleanup()

    def info(self, *ports: Port, serial: int | None = None, now: int | None = None) -> ConnectionInfo:
        at = int(time.time()) if now is None else now
        # A port retires when a later one of its node is listed.
        successors = {port.node: port for port in ports}
        return ConnectionInfo(
            serial=serial or self._next_serial(),
            server_id=server_id(self.identity.public),
            server_name="Tiny",
            server_public=self.identity.public,
            timestamp=at,
            valid_from=at,
            valid_until=at + 600,
            next_rotation=at + 300,
            grace_seconds=60,
            endpoints=tuple(port.endpoint(at, successors[port.node] is not port) for port in ports),
            urls=self.locators,
            suites=self.suites,
            revocations=self.revocations,
        )

    def seal(self, info: ConnectionInfo) -> bytes:
        wraps, successor = self.wraps(), self.successor
        return seal_connection_file(info, self.secret, self.identity, info.timestamp, wraps=wraps, successor=successor)

    def publish(self, *ports: Port) -> bytes:
        """Put a file that lists these ports, the newest last, where readers get it."""
        self.published = self.seal(self.info(*ports))
        return self.published

    async def announce(self, *ports: Port) -> None:
        """Publish, and tell everybody in session."""
        data = self.publish(*ports)
        for seat in list(self.seats):
            await seat.send(MessageType.PORT_ROTATION, data)

    def cut(self, port: Port | None = None) -> None:
        """Break connections without a word."""
        for seat in list(self.seats):
            if port is None or seat.port is port:
                transport = seat.socket._req.transport
                if transport is not None:
                    transport.abort()

    async def close_all(self, code: int, notice: CloseNotify | None = None) -> None:
        for seat in list(self.seats):
            if notice is not None:
                await seat.send(MessageType.CLOSE_NOTIFY, notice.encode())
            await seat.socket.close(code=code)

    def hand_over(self, seconds: int = 3600, begins: int | None = None) -> bytes:
        """Another identity follows from now on, and both serve; the answer is the statement."""
        self.successor = IdentityKey.generate()
        begins = int(time.time()) if begins is None else begins
        return sign_succession(self.identity, self.successor, begins, begins + seconds).encode()

    def end_handover(self) -> None:
        """The one that follows is the server from now on."""
        assert self.successor is not None
        self.identity, self.successor = self.successor, None

    async def tell(self, op: str, **members: Any) -> None:
        """A notice to everybody in session."""
        for seat in list(self.seats):
            await seat.send(MessageType.REQUEST, Request(self._next_serial(), {"op": op, **members}).encode())

    async def append(self, room: bytes, message: bytes, sender: bytes = bytes(16), message_id: bytes = b"") -> int:
        """Store a row and hand it to whoever follows the room."""
        log = self.rooms.setdefault(room, [])
        log.append(Row(sender, message_id or random_bytes(16), message))
        for seat in list(self.seats):
            await self._catch_up(seat, room)
        return len(log)

    # Internal

    def _next_serial(self) -> int:
        self._serial += 1
        return self._serial

    async def _connection_file(self, request: web.Request) -> web.Response:
        if not self.published:
            raise web.HTTPNotFound
        return web.Response(body=self.published, content_type="application/json")

    async def _other_file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name == "slow":
            await asyncio.sleep(SLOW_MIRROR_SECONDS)
        if name not in self.other_files:
            raise web.HTTPNotFound
        return web.Response(body=self.other_files[name])

    async def _serve_socket(self, request: web.Request, port: Port) -> web.StreamResponse:
        socket = web.WebSocketResponse(max_msg_size=1 << 20)
        await socket.prepare(request)
        try:
            seat = await self._shake_hands(socket, port)
            refusal = self.close_after_handshake or port.refusal
            if seat is not None and refusal is not None:
                await seat.send(MessageType.CLOSE_NOTIFY, refusal.encode())
                await socket.close(code=4400 + refusal.number)
            elif seat is not None:
                self.seats.append(seat)
                self.handshakes += 1
                await self._read(seat)
        except (ClawChatError, ConnectionError, TypeError):
            await socket.close(code=1008)
        finally:
            self.seats = [seat for seat in self.seats if seat.socket is not socket]
        return socket

    async def _shake_hands(self, socket: web.WebSocketResponse, port: Port) -> Seat | None:
        hello = await socket.receive_bytes()
        self.hellos += 1
        await asyncio.sleep(port.slowness)
        if self.never_answer:
            await asyncio.sleep(5)
        identities = [each for each in (self.successor, self.identity) if each is not None]
        secrets = self.gate_secrets or [self.secret]
        gates = [Gate(gate_key(secret), identity) for secret in secrets for identity in identities]
        gate = find_gate(hello, gates)
        if gate is None and self.cuts_strangers:
            assert socket._req.transport is not None
            socket._req.transport.abort()
            return None
        if gate is None or self.refuse_all:
            await socket.close(code=1008)
            return None
        if port.tripwire:
            await socket.close(code=4409)
            return None
        pq_required, name = 1 not in self.suites, server_id(self.identity.public)
        handshake = ServerHandshake(gate, name, self.parameters, pq_required)
        await socket.send_bytes(handshake.receive_hello(hello, int(time.time() * 1000) + self.clock_ahead_ms))
        auth = handshake.receive_client_auth(await socket.receive_bytes())
        psk, bound = self.devices.get(auth.psk_id, (PreSharedKey.generate(), None))
        handshake.verify(psk, bound)
        self.came_by.append(gate.server_public)
        if auth.psk_id in self.invites:
            self.devices[auth.psk_id] = (psk, auth.device_public)
            own_id, own_psk = device_credentials(handshake.exporter, auth.device_public)
            if self.lose_pairs:
                self.lose_pairs -= 1
            else:
                self.devices[own_id] = (own_psk, auth.device_public)
                self.first_pairs.add(own_id)
        else:
            for invite_id in list(self.invites):
                if self.devices.get(invite_id, (None, None))[1] == auth.device_public:
                    self.invites.discard(invite_id)
                    del self.devices[invite_id]
        self._activate(auth.psk_id)
        if self.cut_renewal == "finish" and auth.psk_id not in self.first_pairs:
            self.cut_renewal = ""
            assert socket._req.transport is not None
            socket._req.transport.abort()
            return None
        frame, session = handshake.finish(self.finished_tlvs, random_bytes(16), 0)
        await socket.send_bytes(frame)
        signer = self.successor if self.successor and self.successor.public == gate.server_public else self.identity
        rekey = ServerRekey(session, auth.device_public, signer.sign, time.monotonic())
        return Seat(port, socket, session, rekey, device_id(auth.device_public), auth.psk_id)

    async def _answer_late(self, seat: Seat, number: int, release: asyncio.Event) -> None:
        await release.wait()
        await seat.send(MessageType.REQUEST, Response(number, {}).encode())

    def _activate(self, psk_id: bytes) -> None:
        """The pair that this one follows opens nothing any more, nor the one that was to follow it."""
        self.devices.pop(self.following.pop(psk_id, b""), None)
        for former, following in list(self.following.items()):
            if following == psk_id:
                del self.devices[former], self.following[former]

    def _renew(self, seat: Seat) -> bool:
        """Keep a pair that is to follow; False when the connection was cut instead."""
        cut, public = self.cut_renewal, self.devices[seat.psk_id][1]
        if cut in ("store", "answer"):
            self.cut_renewal = ""
        if cut != "store":
            psk_id, psk = device_credentials(seat.session.exporter, public)
            self.devices.pop(self.following.get(seat.psk_id, b""), None)
            self.devices[psk_id], self.following[seat.psk_id] = (psk, public), psk_id
        if cut in ("store", "answer"):
            self.cut()
        return cut not in ("store", "answer")

    async def _read(self, seat: Seat) -> None:
        async for message in seat.socket:
            if message.type != WSMsgType.BINARY:
                return
            frame = seat.session.open(message.data)
            if frame.type == MessageType.CHAT:
                await self._store(seat, ChatSend.parse(frame.payload), frame.message_id)
            elif frame.type == MessageType.REQUEST:
                exchange = parse_exchange(frame.payload)
                if isinstance(exchange, Request):
                    await self._answer(seat, exchange)
                else:
                    self.answers.append(exchange)
            elif frame.type == MessageType.KEY_ROTATION and not self.never_rekey:
                answer = seat.rekey.receive(frame.payload, time.monotonic())
                if answer is not None:
                    await seat.send(MessageType.KEY_ROTATION, answer)
            elif frame.type == MessageType.PING:
                self.pings += 1
                if not self.mute:
                    await seat.send(MessageType.PONG, frame.payload)
            elif frame.type == MessageType.PONG:
                self.pongs.append(frame.payload)

    async def _store(self, seat: Seat, body: ChatSend, message_id: bytes) -> None:
        if self.refuse_messages:
            error = ErrorBody(self.refuse_messages.pop(0), self.refusal_text, message_id)
            return await seat.send(MessageType.ERROR, error.encode())
        ids = [row.message_id for row in self.rooms.get(body.room_id, [])]
        if message_id in ids:
            seq = ids.index(message_id) + 1
        else:
            seq = await self.append(body.room_id, body.message, seat.device, message_id)
            if self.cut_after_store:
                self.cut_after_store -= 1
                return self.cut()
        if not self.keep_acks:
            await seat.send(MessageType.ACK, Ack(message_id, body.room_id, seq).encode())

    async def _answer(self, seat: Seat, request: Request) -> None:
        self.requests.append(request.body)
        await asyncio.sleep(self.answer_pause)
        body = ANSWERS.get(request.body["op"], {})
        if request.body["op"] == "room.resume":
            body = self._resume(seat, request.body["rooms"])
        elif request.body["op"] == "psk_renew":
            if self.renewal_errors:
                failure = Failure(request.id, {"code": self.renewal_errors.pop(0), "text": "1 second"})
                return await seat.send(MessageType.REQUEST, failure.encode())
            if not self._renew(seat):
                return
            if self.renewal_waits is not None:
                # What comes meanwhile is read.
                self._late = asyncio.create_task(self._answer_late(seat, request.id, self.renewal_waits))
                return
        elif request.body["op"] == "device.revoke":
            failure = Failure(request.id, {"code": 12, "text": "not yours", "devices": []})
            return await seat.send(MessageType.REQUEST, failure.encode())
        await seat.send(MessageType.REQUEST, Response(request.id, body).encode())
        for room in list(seat.cursors):
            await self._catch_up(seat, room)

    def _resume(self, seat: Seat, asked: list[dict]) -> dict:
        rooms, gone = [], []
        for each in asked:
            log = self.rooms.get(each["room"])
            if log is None:
                gone.append(each["room"])
                continue
            cursor = min(max(each["cursor"], self.first_row - 1), len(log))
            seat.cursors[each["room"]] = cursor
            rooms.append({"room": each["room"], "head": len(log), "epoch": 1, "cursor": cursor})
        return {"rooms": rooms, "gone": gone}

    async def _catch_up(self, seat: Seat, room: bytes) -> None:
        while seat.cursors.get(room, 1 << 60) < len(self.rooms[room]):
            seat.cursors[room] += 1
            seq = seat.cursors[room]
            if seq == self.skip_row:
                self.skip_row = None
                continue
            row = self.rooms[room][seq - 1]
            await seat.send(MessageType.CHAT, ChatDelivery(room, seq, 0, row.sender, row.message).encode())


async def serve(routes: list[web.RouteDef]) -> tuple[web.AppRunner, int]:
    """These routes on a loopback port: what to end them with, and its number."""
    application = web.Application()
    application.add_routes(routes)
    runner = web.AppRunner(application, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, runner.addresses[0][1]


@asynccontextmanager
async def deaf_port() -> AsyncIterator[int]:
    """A port that drops everything, as behind a firewall: nobody accepts, and the queue is full."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(deaf.getsockname())
        yield deaf.getsockname()[1]
        for each in waiting:
            each.close()


async def until(holds, seconds: float = 30.0) -> None:
    """Return once it holds; fail when it never does."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)
