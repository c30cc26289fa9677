"""Strangers of many kinds at a chat port: what each says, and every byte that comes back. Spec: 3.3, 3.9"""

import asyncio
import contextlib
import functools
import re
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from clawchat.protocol.handshake import ClientHandshake
from clawchat.protocol.key_schedule import gate_key
from clawchat.protocol.keys import DeviceKey, DiscoverySecret, IdentityPublic, PreSharedKey
from clawchat.protocol.primitives import random_bytes
from rotation.probes import TLS_HELLO, proper_request

AT_ONCE = 60
# Far past the ten seconds that a stranger has: who is not ended by then never is.
PATIENCE_SECONDS = 25.0
DRIP_SECONDS = 0.4
# Record types of TLS (RFC 8446 5.1); all that is sealed looks like the last, and is opened before it is judged.
CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, SEALED = 20, 21, 22, 23
# All that may be said to somebody who shows the path: the answer that RFC 6455 4.2.2 asks for; no program's name.
UPGRADED = re.compile(
    rb"HTTP/1\.1 101 Switching Protocols\r\n"
    rb"(?:Upgrade: WebSocket\r\n|Connection: Upgrade\r\n|Sec-WebSocket-Accept: [A-Za-z0-9+/]{27}=\r\n){3}\r\n"
)

# A step of what a stranger does: bytes to say, or one of these.
Step = bytes | str
# Wait until the header of an answer has come; hear what comes next; go on a byte at a time for ever; hang up.
ANSWERED, LISTEN, DRIP, HANG_UP = "answered", "listen", "drip", "hang up"


class Heard(NamedTuple):
    """What came back: bytes on the wire, what was in them once TLS was opened, and whether the server ended it."""

    raw: bytes
    inside: bytes
    ended: bool


@dataclass(frozen=True)
class Target:
    """A chat port, and what a stranger would have to know of it."""

    host: str
    port: int
    path: str
    server_public: IdentityPublic
    secret: DiscoverySecret
    # An H1 that has let somebody in.
    recorded: bytes
    tls: bool

    def hello(self, secret: DiscoverySecret | None = None) -> bytes:
        """A fresh H1 under this secret, or under one that nobody knows."""
        psk, device = PreSharedKey.generate(), DeviceKey.generate()
        key = gate_key(secret or DiscoverySecret.generate())
        made = ClientHandshake(self.server_public, key, random_bytes(16), psk, device.public, device.sign, "probe")
        return made.hello()


@dataclass(frozen=True)
class Kind:
    """One kind of stranger.

    `steps(target, number)` is what the number-th of them does; `where` is what the audit log calls it, empty for what
    leaves no mark; `knows_path` are let to the 101; `is_slow` are ended by the deadline alone; `opens_tls` is False for
    those who speak plainly to a port with TLS.
    """

    name: str
    steps: Callable[[Target, int], Iterable[Step]]
    where: str = ""
    knows_path: bool = False
    is_slow: bool = False
    opens_tls: bool = True
    speaks_alpn: bool = False


def frame(payload: bytes, first: int = 0x82) -> bytes:
    """A frame of a client, masked as it must be; `first` is FIN and opcode."""
    size, mask = len(payload), random_bytes(4)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    key = (mask * (size // 4 + 1))[:size]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")
    return bytes([first]) + length + mask + masked


def _upgraded(*said: bytes) -> Callable[[Target, int], Iterable[Step]]:
    return lambda target, number: (proper_request(target.path), ANSWERED, *said)


def _with(say: Callable[[Target, int], bytes]) -> Callable[[Target, int], Iterable[Step]]:
    """The path, and then a message that depends on the target."""
    return lambda target, number: (proper_request(target.path), ANSWERED, say(target, number))


def _in_fragments(target: Target, number: int) -> bytes:
    hello = target.hello()
    pieces = [hello[start : start + 100] for start in range(0, len(hello), 100)]
    firsts = [0x02, *(0x00,) * (len(pieces) - 2), 0x80]
    return b"".join(frame(piece, first) for piece, first in zip(pieces, firsts, strict=True))


def _other_path(path: str) -> str:
    return path[:-1] + ("B" if path[-1] != "B" else "C")


ANYBODY = (
    Kind("port scan", lambda target, number: (HANG_UP,)),
    Kind("half open", lambda target, number: (), "deadline", is_slow=True),
    Kind("GET /", lambda target, number: (b"GET / HTTP/1.1\r\nHost: chat\r\n\r\n",), "request"),
    Kind("right path, no upgrade", lambda target, number: (proper_request(target.path, upgrade=""),), "request"),
    Kind("wrong path", lambda target, number: (proper_request(_other_path(target.path)),), "request"),
    Kind("garbage", lambda target, number: (random_bytes(4200).replace(b"\r", b"x"),), "request"),
    Kind("pipelined request", lambda target, number: (2 * proper_request(target.path),), "request"),
    Kind("slow drip", lambda target, number: (b"GET /", DRIP), "deadline", is_slow=True),
    Kind("all the bytes it takes", lambda target, number: (b"GET /" + b"a" * 200_000,), "request"),
)
ON_THE_PATH = (
    Kind("empty message", _upgraded(frame(b"")), "gate", knows_path=True),
    Kind("text message", _upgraded(frame(b"hello", 0x81)), "gate", knows_path=True),
    Kind("oversized H1", _with(lambda target, number: frame(target.hello().ljust(2053, b"\0"))), "gate", True),
    Kind("announces 1 MB", _upgraded(b"\x82\xff" + (1 << 20).to_bytes(8, "big") + bytes(100)), "gate", knows_path=True),
    Kind(
        "garbage of H1's length", _with(lambda target, number: frame(random_bytes(len(target.recorded)))), "gate", True
    ),
    Kind("wrong gate", _with(lambda target, number: frame(target.hello())), "gate", knows_path=True),
    Kind("replayed H1", _with(lambda target, number: frame(target.recorded)), "admission", knows_path=True),
    Kind("wrong gate in fragments", _with(_in_fragments), "gate", knows_path=True),
    Kind("two messages at once", _with(lambda target, number: 2 * frame(target.hello())), "gate", knows_path=True),
    Kind("flood of pings", _upgraded(100 * frame(b"are you there", 0x89)), "gate", knows_path=True),
    Kind("close frame", _upgraded(frame(b"\x03\xe8", 0x88)), knows_path=True),
    Kind("path and silence", _upgraded(), "deadline", knows_path=True, is_slow=True),
    Kind("slow drip of H1", _upgraded(b"\x82\xfe\x05\x05\0\0\0\0", DRIP), "deadline", knows_path=True, is_slow=True),
)
TRUNCATED = Kind("truncated H1", _with(lambda target, number: frame(target.recorded[:number])), "gate", knows_path=True)
AT_TLS = (
    Kind("plain HTTP to TLS", lambda target, number: (proper_request(target.path),), opens_tls=False),
    # Not a handshake record by chance: one of those is judged by its size.
    Kind("garbage to TLS", lambda target, number: (b"\xff" + random_bytes(499),), opens_tls=False),
    Kind("half a hello", lambda target, number: (TLS_HELLO[:60],), "deadline", opens_tls=False, is_slow=True),
    Kind(
        "a hello of 128 KiB",
        lambda target, number: (b"\x16\x03\x01\x40\0\x01\x01\xff\xff" + bytes(16_380),),
        "request",
        opens_tls=False,
    ),
    Kind("h2 by ALPN", lambda target, number: (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",), "request", speaks_alpn=True),
)


class Stranger:
    """One connection of somebody who writes down all that comes back."""

    def __init__(self, target: Target, source: str, kind: Kind) -> None:
        self._target, self._source = target, source
        self._raw = self._inside = b""
        self._sealed: ssl.SSLObject | None = None
        if target.tls and kind.opens_tls:
            self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            self._sealed = _context(kind.speaks_alpn).wrap_bio(
                self._incoming, self._outgoing, server_hostname="localhost"
            )

    async def knock(self, steps: Iterable[Step]) -> Heard:
        """Do all of it, and listen until the server ends the connection."""
        ended = False
        address = (self._source, 0)
        reader, writer = await asyncio.open_connection(self._target.host, self._target.port, local_addr=address)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                if self._sealed is not None:
                    await self._shake_hands(reader, writer)
                for step in steps:
                    if step == HANG_UP:
                        return Heard(self._raw, self._inside, True)
                    await self._do(step, reader, writer)
                while await self._hear(reader):
                    pass
                ended = True
        except ConnectionError:
            ended = True
        except TimeoutError:
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        return Heard(self._raw, self._inside, ended)

    async def _do(self, step: Step, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if isinstance(step, bytes):
            await self._say(step, writer)
        elif step == LISTEN:
            await self._hear(reader)
        elif step == ANSWERED:
            while b"\r\n\r\n" not in self._inside and await self._hear(reader):
                pass
        else:
            hearing = asyncio.ensure_future(self._hear(reader))
            try:
                while not hearing.done():
                    await self._say(b"a", writer)
                    await asyncio.wait({hearing}, timeout=DRIP_SECONDS)
                hearing.result()
            finally:
                hearing.cancel()

    async def _say(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        if self._sealed is not None:
            self._sealed.write(data)
            data = self._outgoing.read()
        writer.write(data)
        await writer.drain()

    async def _hear(self, reader: asyncio.StreamReader) -> bool:
        """Whether something came; False at the end of the connection."""
        data = await reader.read(65_536)
        self._raw += data
        if self._sealed is None:
            self._inside += data
            return bool(data)
        self._incoming.write(data)
        # An alert of the server ends TLS, which is all that there is to hear of it.
        with contextlib.suppress(ssl.SSLError):
            while piece := self._sealed.read(65_536):
                self._inside += piece
        return bool(data)

    async def _shake_hands(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                self._sealed.do_handshake()
            except ssl.SSLWantReadError:
                writer.write(self._outgoing.read())
                data = await reader.read(65_536)
                if not data:
                    raise ConnectionResetError("ended in the handshake") from None
                self._raw += data
                self._incoming.write(data)
            else:
                writer.write(self._outgoing.read())
                return


@functools.cache
def _context(speaks_alpn: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if speaks_alpn:
        context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def complaint(kind: Kind, target: Target, heard: Heard) -> str:
    """What is wrong with what this stranger heard; empty when it is what he may hear.

    Without the path: not a byte, and under TLS only what TLS itself says. With the path: the one answer that a browser
    has to see before it can say anything, and nothing after it but the end.
    """
    if not heard.ended:
        return "was never ended"
    inside = heard.inside if target.tls and kind.opens_tls else b"" if target.tls else heard.raw
    if kind.knows_path:
        if not UPGRADED.fullmatch(inside):
            return f"heard {inside[:200]!r}"
    elif inside:
        return f"heard {inside[:200]!r}"
    return _odd_records(kind, heard.raw) if target.tls else ""


def _odd_records(kind: Kind, raw: bytes) -> str:
    types, rest = [], raw
    while len(rest) >= (size := 5 + int.from_bytes(rest[3:5], "big")):
        types.append(rest[0])
        rest = rest[size:]
    if rest:
        return f"heard half a record, {rest[:20]!r}"
    if not kind.opens_tls:
        # One alert in the clear: seven bytes, of which none is ours.
        return "" if raw == b"" or (types == [ALERT] and len(raw) == 7) else f"heard {raw[:100]!r}"
    allowed = {CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, SEALED}
    return "" if set(types) <= allowed and types[0] == HANDSHAKE else f"heard records {types}"


async def knock_all(target: Target, plan: list[tuple[Kind, str, int]]) -> list[str]:
    """Every probe of the plan (kind, from where, which of its kind), many at once; what was wrong, a line each."""
    places = asyncio.Semaphore(AT_ONCE)

    async def knock(kind: Kind, source: str, number: int) -> str:
        # Who waits for the deadline takes nobody's place.
        async with contextlib.nullcontext() if kind.is_slow else places:
            heard = await Stranger(target, source, kind).knock(kind.steps(target, number))
        wrong = complaint(kind, target, heard)
        return f"{kind.name} {number}: {wrong}" if wrong else ""

    return [wrong for wrong in await asyncio.gather(*(knock(*one) for one in plan)) if wrong]
