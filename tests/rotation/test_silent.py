"""The reader of the chat ports: a byte of reply to nobody but a client that asks properly."""

import asyncio
import errno

import pytest
from twisted.internet.protocol import Protocol
from twisted.internet.testing import StringTransport

from rotation.pins import STRANGER, Wire
from rotation.probes import KEY, ORIGIN, PATH, probes, proper_request
from rotation.silent import ChatPort, SilentFactory, is_upgrade
from tests.rotation.doors import LOOPBACK, Doors, run

PROBES = {probe.name: probe for probe in probes()}
AT_ONCE = [name for name, probe in PROBES.items() if probe.ends_at_once]
READ_SECONDS = 5


class Inside(Protocol):
    """What takes over after a proper request; remembers what it was given."""

    def __init__(self) -> None:
        self.data = b""

    def dataReceived(self, data: bytes) -> None:
        self.data += data


def build_reader(path: str = PATH) -> tuple[Wire, Inside]:
    """A reader on a wire, and the protocol that waits behind it."""
    wire, inside = Wire(peerAddress=STRANGER), Inside()
    factory = SilentFactory(ChatPort(50000, path), lambda address: inside, {ORIGIN.encode()})
    wire.wrappedProtocol = factory.buildProtocol(STRANGER)
    wire.wrappedProtocol.makeConnection(wire)
    return wire, inside


def feed(wire: Wire, data: bytes, step: int) -> None:
    """Give `data` to whoever reads the wire, `step` bytes at a time, until the wire is reset."""
    for start in range(0, len(data), step):
        if wire.aborted:
            break
        wire.wrappedProtocol.dataReceived(data[start : start + step])


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
@pytest.mark.parametrize("name", [name for name in AT_ONCE if name not in {"a frame too early", "a second request"}])
def test_a_probe_is_reset_without_a_byte(name, step):
    """Whatever is wrong with a request, however it is cut into pieces, the answer is nothing and a reset."""
    wire, inside = build_reader()

    feed(wire, PROBES[name].data, step)

    assert wire.value() == b""
    assert wire.aborted
    assert inside.data == b""


@pytest.mark.parametrize("step", [1, 1 << 20])
@pytest.mark.parametrize("name", sorted(set(PROBES) - set(AT_ONCE)))
def test_half_a_request_waits_for_the_deadline(name, step):
    """Nothing is judged before a line is complete, or how much of a path was right would show."""
    wire, inside = build_reader()

    feed(wire, PROBES[name].data, step)

    assert wire.value() == b""
    assert not wire.aborted
    assert inside.data == b""


@pytest.mark.parametrize("step", [1, 50, 1 << 20])
def test_a_proper_request_is_handed_over_in_canonical_form(step):
    """Offers, cookies and proxies' headers end at the reader; what Autobahn needs goes on."""
    offers = "Cookie: a=b\r\nSec-WebSocket-Extensions: permessage-deflate\r\nX-Forwarded-For: 1.2.3.4\r\n"
    more = f"Origin: {ORIGIN}\r\n{offers}"
    wire, inside = build_reader()

    feed(wire, proper_request(more=more), step)

    assert not wire.aborted
    assert inside.data.startswith(f"GET {PATH} HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\n".encode())
    assert f"origin: {ORIGIN}\r\n\r\n".encode() in inside.data
    assert b"ookie" not in inside.data and b"deflate" not in inside.data and b"orwarded" not in inside.data


def test_a_program_without_origin_is_taken():
    """Only browsers send an Origin; the path has opened the port."""
    wire, inside = build_reader()

    feed(wire, proper_request(), 1 << 20)

    assert inside.data


def test_a_port_knows_only_its_own_path():
    """The path of another port is a stranger's path here."""
    wire, inside = build_reader("/" + "C" * 22)

    feed(wire, proper_request(PATH), 1 << 20)

    assert wire.aborted
    assert inside.data == b""


def test_a_closed_server_takes_nobody():
    """While the server drains, a proper request is reset like any other."""
    wire, inside = Wire(peerAddress=STRANGER), Inside()
    factory = SilentFactory(ChatPort(50000, PATH), lambda address: inside, set(), is_closed=lambda: True)
    reader = factory.buildProtocol(STRANGER)
    reader.makeConnection(wire)

    reader.dataReceived(proper_request())

    assert wire.aborted
    assert inside.data == b""


def test_connection_may_name_more_than_the_upgrade():
    """Firefox writes keep-alive beside Upgrade."""
    headers = {
        b"host": [b"localhost:50000"],
        b"upgrade": [b"WebSocket"],
        b"connection": [b"keep-alive, Upgrade"],
        b"sec-websocket-key": [KEY.split()[1].encode()],
        b"sec-websocket-version": [b"13"],
    }

    assert is_upgrade(headers, set())


async def knock(number: int, data: bytes) -> tuple[bytes, bool]:
    """What a real port sends back, and whether it ends with a reset."""
    reader, writer = await asyncio.open_connection(LOOPBACK, number)
    received = b""
    try:
        writer.write(data)
        async with asyncio.timeout(READ_SECONDS):
            while chunk := await reader.read(65536):
                received += chunk
    except ConnectionResetError as error:
        return received, error.errno == errno.ECONNRESET
    except BrokenPipeError:
        return received, True
    finally:
        writer.close()
    return received, False


@pytest.mark.parametrize("name", AT_ONCE)
def test_a_real_port_resets_a_probe(doors: Doors, name):
    """Mallory learns from a live port, byte for byte, what a closed one would tell: nothing."""
    assert run(knock(doors.number, PROBES[name].data)) == (b"", True)
    assert doors.strangers in (["request"], [])


def test_a_real_port_resets_halves_at_the_deadline(doors: Doors):
    """Who says too little is reset too, with not a byte more."""
    doors.ports._chat_limits.seconds = 0.2

    async def knock_all():
        halves = [probe for probe in PROBES.values() if not probe.ends_at_once]
        return await asyncio.gather(*(knock(doors.number, probe.data) for probe in halves))

    assert set(run(knock_all())) == {(b"", True)}
    assert set(doors.strangers) == {"deadline"}


def test_the_wire_of_these_tests_sees_a_write():
    """The harness itself: a protocol that answers is noticed."""
    wire = Wire(peerAddress=STRANGER)
    assert isinstance(wire, StringTransport)

    wire.write(b"HTTP/1.1 400 Bad Request")

    assert wire.value() != b""
