"""What somebody makes us hold before we know him: at most 64 KiB, whatever he says, at every layer of a chat port."""

import asyncio
import contextlib
import gc
import socket
import ssl
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import aiohttp
import pytest

from rotation.budget import CHAT_BYTES, FRONT_BYTES, HELLO_BYTES, READ_BYTES, Budget, announced
from rotation.guard import Guarded
from rotation.probes import PATH, proper_request
from rotation.tls import ContextSource, Pair
from tests.ports import free_port
from tests.rotation.certificates import sign
from tests.rotation.doors import LOOPBACK, Doors, run
from tests.rotation.test_silent_tls import Shelf

MOST_BYTES = 65_536
PEERS = 8
MASK = bytes(4)


def frame(first: int, payload: bytes) -> bytes:
    """A frame of a client whose mask changes nothing; `first` is FIN and opcode."""
    size = len(payload)
    long = b"\xfe" + size.to_bytes(2, "big") if size > 125 else bytes([0x80 | size])
    return bytes([first]) + long + MASK + payload


class Way(NamedTuple):
    """How somebody comes so far, what he says then, in pieces of so many bytes, and how often."""

    beginning: tuple[bytes, ...]
    says: bytes
    step: int
    times: int


REQUEST = proper_request(PATH)
HELLO = frame(0x82, b"hello")
BEFORE_H1, AFTER_H1 = (REQUEST,), (REQUEST, HELLO)
LARGE_HEAD = b"\x82\xfe\x08\x04" + MASK
WAYS = {
    "before the request line": Way((), b"G" * 1000, 1000, 150),
    "in the header": Way((REQUEST[:-2] + b"X: ",), b"a" * 1000, 1000, 150),
    "in many short headers": Way((REQUEST[:-2],), b"X: a\r\n" * 100, 600, 200),
    "before H1, in pairs of bytes": Way(BEFORE_H1, LARGE_HEAD + bytes(2050), 2, 1),
    "before H1, fragments of nothing": Way((REQUEST, frame(0x02, b"")), frame(0x00, b"") * 200, 1200, 100),
    "before H1, fragments of a byte": Way((REQUEST, frame(0x02, b"")), frame(0x00, b"xy") * 200, 8, 5),
    "before H1, messages of nothing": Way(BEFORE_H1, frame(0x82, b"") * 2000, 12_000, 10),
    "before H1, pings": Way(BEFORE_H1, frame(0x89, bytes(125)) * 20, 2620, 50),
    "before H1, half a ping": Way(BEFORE_H1, b"\x89\xfd" + MASK + bytes(124), 1, 1),
    "after H1, messages of nothing": Way(AFTER_H1, frame(0x82, b"") * 2000, 12_000, 10),
    "after H1, large messages": Way(AFTER_H1, frame(0x82, bytes(2052)) * 5, 10_300, 12),
    "after H1, pings": Way(AFTER_H1, frame(0x89, bytes(125)) * 20, 2620, 50),
    "after H1, fragments of nothing": Way((*AFTER_H1, frame(0x02, b"")), frame(0x00, b"") * 200, 1200, 100),
}


@pytest.fixture(scope="module")
def contexts() -> ContextSource:
    """What a chat port of these tests shows under TLS."""
    return ContextSource(Shelf([Pair(*sign(kind, kind=kind)) for kind in ("ed25519", "p256")]))


@pytest.fixture(params=["plain", "TLS"])
def slow_doors(request, contexts) -> Iterator[Doors]:
    """Doors with an application that takes H1 and then waits for its database, which does not answer."""
    answers = asyncio.Event()

    async def be_slow(scope: dict, receive: Callable, send: Callable) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        if (await receive())["type"] == "websocket.receive":
            scope["clawchat"].judged()
            scope["clawchat"].send(b"H2")
            await answers.wait()

    opened = Doors(be_slow, contexts if request.param == "TLS" else None)
    yield opened
    answers.set()
    run(opened.close())


def size_of(thing: Any) -> int:
    """Bytes of memory of a buffer, or of a list or a map and all that is in it."""
    if isinstance(thing, dict):
        return sys.getsizeof(thing) + sum(size_of(one) for one in thing.values())
    if isinstance(thing, list | tuple):
        return sys.getsizeof(thing) + sum(size_of(one) for one in thing)
    return sys.getsizeof(thing) if isinstance(thing, bytes | bytearray | str) else 0


def held(guarded: Guarded) -> int:
    """All that a socket's protocols hold of what came and of what is to go; OpenSSL's part is not seen from here."""
    inner, transport = guarded.innermost, guarded.transport
    names = ("_read", "data", "frame_data", "message_data", "control_frame_data", "http_request_data")
    buffers = [getattr(inner, name, None) for name in names]
    queue = getattr(inner, "application_queue", None)
    waiting = list(queue._queue) if queue is not None else []
    outgoing = [transport.dataBuffer, *transport._tempDataBuffer]
    return size_of([*buffers, waiting, outgoing, getattr(guarded._budget, "_head", None)])


@pytest.fixture
def most_held(monkeypatch) -> list[int]:
    """The most that any socket's protocols held, looked at after every read."""
    most, receive = [0], Guarded.dataReceived

    def receive_and_look(self: Guarded, data: bytes) -> None:
        receive(self, data)
        most[0] = max(most[0], held(self) + sys.getsizeof(data))

    monkeypatch.setattr(Guarded, "dataReceived", receive_and_look)
    return most


class Peer:
    """Somebody on a raw socket, who reads nothing of what he is told once TLS is open."""

    def __init__(self, doors: Doors) -> None:
        self._loop, self._socket = asyncio.get_running_loop(), socket.socket()
        self._number, self._tls = doors.number, doors.ports._tls is not None

    async def come(self) -> None:
        """Connect, and open TLS where it is spoken."""
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await self._loop.sock_connect(self._socket, (LOOPBACK, self._number))
        if self._tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            self._sealed = context.wrap_bio(self._incoming, self._outgoing)
            await self._shake_hands()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    async def go(self, way: Way) -> None:
        """Say all of it, or as much as one is let."""
        with contextlib.suppress(OSError):
            await self.come()
            for data in way.beginning:
                await self.say(data)
                # Whoever speaks before he is answered is reset: here each gets as far as he can.
                await asyncio.sleep(0.05)
            for start in list(range(0, len(way.says), way.step)) * way.times:
                await self.say(way.says[start : start + way.step])
            await asyncio.sleep(0.05)

    async def say(self, data: bytes) -> None:
        """Say it, in a packet of its own."""
        if self._tls:
            self._sealed.write(data)
            data = self._outgoing.read()
        await self._loop.sock_sendall(self._socket, data)
        await asyncio.sleep(0)

    async def _shake_hands(self) -> None:
        while True:
            try:
                self._sealed.do_handshake()
            except ssl.SSLWantReadError:
                await self._loop.sock_sendall(self._socket, self._outgoing.read())
                self._incoming.write(await self._loop.sock_recv(self._socket, 65_536))
            else:
                await self._loop.sock_sendall(self._socket, self._outgoing.read())
                return


@pytest.mark.parametrize("name", WAYS)
def test_nobody_makes_us_hold_more_than_64_kib(slow_doors, most_held, name):
    """In every buffer between socket and application, looked at after every read; and by what Python has allocated for
    a crowd of them that is still there, objects and all.
    """

    async def crowd() -> float:
        peers = [Peer(slow_doors) for _ in range(PEERS)]
        gc.collect()
        tracemalloc.start()
        await asyncio.gather(*(peer.go(WAYS[name]) for peer in peers))
        gc.collect()
        now, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        for peer in peers:
            peer.close()
        return now / PEERS

    cost = run(crowd())
    assert 0 < most_held[0] <= MOST_BYTES
    assert cost <= MOST_BYTES


# One read, one header, one hello


def test_a_strangers_socket_is_read_in_small_pieces_and_a_members_in_large_ones(doors):
    """What one read takes is held too."""
    seen = []

    async def talk() -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(doors.url) as ws:
            (guarded,) = guards(doors)
            seen.append(guarded.transport.bufferSize)
            await ws.send_bytes(b"H1")
            await ws.receive()
            seen.append(guarded.transport.bufferSize)
            # A member may say as much as it likes.
            for _ in range(4):
                await ws.send_bytes(bytes(CHAT_BYTES))
                assert len((await ws.receive()).data) == CHAT_BYTES

    run(talk())
    assert seen == [READ_BYTES, 65_536]


def guards(doors: Doors) -> list[Guarded]:
    """The guards of all sockets on the chat port."""
    _, listening = doors.ports._chat[doors.number]
    return list(listening.factory.protocols)


@pytest.mark.parametrize(("said", "where"), [((), "request"), ((b"hello",), "handshake")])
def test_who_says_too_much_before_auth_ok_is_reset_and_counted(doors, said, where):
    """Past the gate it is a handshake that failed, before it a request that was none."""

    async def say_much() -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(doors.url) as ws:
            for message in said:
                await ws.send_bytes(message)
                await ws.receive()
            (guarded,) = guards(doors)
            guarded.dataReceived(bytes(CHAT_BYTES + 1))
            await ws.receive(timeout=5)

    run(say_much())
    assert doors.strangers == [where]


@pytest.mark.parametrize("step", [1, 3, 6, 9, 10_000])
def test_the_size_of_a_hello_is_known_from_its_first_bytes(step):
    """Whether it comes in one record or in several, and however the wire cuts it."""
    hello = b"\x01" + HELLO_BYTES.to_bytes(3, "big")
    in_one = b"\x16\x03\x01\x40\x04" + hello
    in_four = b"".join(b"\x16\x03\x01\0\x01" + hello[i : i + 1] for i in range(4))
    assert announced(in_one) == announced(in_four) == HELLO_BYTES
    assert announced(in_one[:-1]) is None

    def passes(data: bytes) -> bool:
        budget = Budget(CHAT_BYTES, speaks_tls=True)
        return all(budget.take(data[i : i + step]) for i in range(0, len(data), step))

    assert passes(in_one + b"more") and passes(in_four + b"more")
    assert not passes(in_one[:-1] + b"\x01")
    assert not passes(in_four[:-1] + b"\x01")
    assert not passes(b"\x16\x03\x01\0\0" * 10)
    # OpenSSL refuses what is no handshake, and nobody waits for its size.
    assert passes(b"GET / HTTP/1.1\r\n") and passes(b"\x15\x03\x01\0\x02\x01\0")


def test_a_budget_is_spent_once_and_renewed_by_an_answer():
    """The last byte fits, one more does not."""
    budget = Budget(10, speaks_tls=False)
    assert budget.take(bytes(9)) and budget.take(b"x") and not budget.take(b"x")

    budget.renew()
    assert budget.take(bytes(10)) and not budget.take(b"x")


def first_flight(context: ssl.SSLContext) -> bytes:
    """A ClientHello, in its one record."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


def test_openssl_is_not_told_of_a_hello_that_is_too_large(contexts):
    """It would make room for 128 KiB at the first nine bytes; a hello cut into records of a byte is taken as ever."""
    doors = Doors(tls=contexts)
    hello = first_flight(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    large = b"\x16\x03\x01\x40\0\x01\x01\xff\xff"
    cut = b"".join(b"\x16\x03\x01\0\x01" + hello[5 + i : 6 + i] for i in range(len(hello) - 5))

    async def knock(data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(LOOPBACK, doors.number)
        writer.write(data)
        try:
            async with asyncio.timeout(5):
                return await reader.read(1)
        except ConnectionResetError:
            return b"reset"
        finally:
            writer.close()

    assert run(knock(large)) == b"reset"
    assert doors.strangers == ["request"]
    assert run(knock(hello)) == run(knock(cut)) == b"\x16"
    run(doors.close())


def test_the_front_door_holds_no_large_request(doors):
    """Twisted keeps a body, and takes a form apart, before any application is asked; a small one is answered."""
    number = free_port()
    doors.ports.open_front(LOOPBACK, number)
    form = "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n"

    async def post(size: int) -> bytes:
        reader, writer = await asyncio.open_connection(LOOPBACK, number)
        heard = b""
        try:
            # Twice: an answer begins the count anew.
            for _ in range(2):
                writer.write(form.format(size).encode() + b"a" * size)
                await writer.drain()
                heard += await reader.readuntil(b"hello")
        except ConnectionError:
            return b"reset"
        finally:
            writer.close()
        return heard

    assert run(post(FRONT_BYTES - 1000)).count(b"200 OK") == 2
    assert run(post(FRONT_BYTES + 1)) == b"reset"
    assert run(post(10_000_000)) == b"reset"


# One message at a time


@pytest.fixture
def heard() -> list[bytes]:
    """What came to the application of `listening_doors`."""
    return []


@pytest.fixture
def listening_doors(heard) -> Iterator[Doors]:
    """Doors whose application answers each message, and lets nobody in."""

    async def listen(scope: dict, receive: Callable, send: Callable) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (event := await receive())["type"] == "websocket.receive":
            heard.append(event["bytes"])
            scope["clawchat"].judged()
            scope["clawchat"].send(b"answer")

    opened = Doors(listen)
    yield opened
    run(opened.close())


def test_a_second_message_before_the_first_is_judged_is_no_handshake(listening_doors, heard):
    """However many come with one packet, one is looked at, and nobody is answered."""

    async def hurry() -> bytes:
        reader, writer = await asyncio.open_connection(LOOPBACK, listening_doors.number)
        writer.write(REQUEST)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HELLO + frame(0x82, b"") * 1000)
        try:
            return await reader.read()
        except ConnectionResetError:
            return b"reset"
        finally:
            writer.close()

    assert run(hurry()) == b"reset"
    assert len(heard) <= 1


def test_a_third_message_before_auth_ok_ends_the_handshake(listening_doors, heard):
    """H1 and H3 are all that a client has to say; this one is past the gate, and told the code of every failure."""

    async def go_on() -> list[Any]:
        async with aiohttp.ClientSession() as session, session.ws_connect(listening_doors.url) as ws:
            told = []
            for number in range(3):
                await ws.send_bytes(b"%d" % number)
                told.append((await ws.receive(timeout=5)).data)
            return told

    assert run(go_on()) == [b"answer", b"answer", 1008]
    assert heard == [b"0", b"1"]


def test_a_message_that_drips_in_is_kept_in_one_piece(listening_doors):
    """Each piece as an object of its own takes thirty times its size."""

    async def drip() -> list[int]:
        pieces = []
        _, writer = await asyncio.open_connection(LOOPBACK, listening_doors.number)
        for data in (REQUEST, LARGE_HEAD, *(b"ab",) * 20):
            writer.write(data)
            await asyncio.sleep(0.01)
            (guarded,) = guards(listening_doors)
            pieces.append(len(getattr(guarded.innermost, "frame_data", None) or b""))
        writer.close()
        return pieces

    assert max(run(drip())) == 1


# What a stranger is not answered


@pytest.mark.parametrize(
    "said",
    [frame(0x88, b"\x03\xe8"), frame(0x89, b"ping"), frame(0x8A, b"pong"), frame(0x01, b"\xff"), frame(0x83, b"")],
    ids=["close", "ping", "pong", "no UTF-8", "no opcode"],
)
def test_control_frames_before_the_gate_are_not_answered(doors, said):
    """Whoever knows the path alone hears the 101 and the end: no pong, no close frame."""
    doors.ports._chat_limits.seconds = 0.3

    async def say() -> bytes:
        reader, writer = await asyncio.open_connection(LOOPBACK, doors.number)
        writer.write(REQUEST)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        answer = b""
        # In pieces: a reset would take with it what came before.
        with contextlib.suppress(ConnectionResetError):
            while piece := await reader.read(1000):
                answer += piece
        writer.close()
        return answer

    assert run(say()) == b""


@pytest.mark.parametrize(
    "said",
    [
        frame(0x81, b"text"),
        frame(0x82, bytes(2053)),
        b"\x82\xff" + (1 << 20).to_bytes(8, "big") + MASK,
        frame(0x8A, b"") * 65,
        frame(0x83, b""),
    ],
    ids=["text", "too large", "announced", "pongs", "no opcode"],
)
def test_who_knows_the_path_and_no_more_is_counted(doors, said):
    """Once, however the WebSocket ended; and hears nothing."""

    async def say() -> None:
        reader, writer = await asyncio.open_connection(LOOPBACK, doors.number)
        writer.write(REQUEST)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        with pytest.raises(ConnectionResetError):
            while not await reader.read(1):
                raise AssertionError("the end came softly")
        writer.close()

    run(say())
    assert doors.strangers == ["gate"]


def test_who_leaves_before_the_gate_is_not_counted(doors):
    """A client of ours that found a better way says goodbye without having said anything else."""

    async def leave() -> bytes:
        reader, writer = await asyncio.open_connection(LOOPBACK, doors.number)
        writer.write(REQUEST)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(frame(0x88, b"\x03\xe8"))
        try:
            return await reader.read()
        except ConnectionResetError:
            return b"reset"
        finally:
            writer.close()

    assert run(leave()) == b"reset"
    assert doors.strangers == []
