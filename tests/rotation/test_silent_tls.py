"""Under TLS a stranger gets the handshake and nothing after it: no byte of an application, whatever is sent."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from typing import NamedTuple

import aiohttp
import pytest
from OpenSSL import SSL

from rotation.probes import PATH, TLS_HELLO, probes, proper_request
from rotation.tls import ContextSource, Pair
from rotation.tls.files import FileSupply
from tests.rotation.certificates import Signed, client_context, sign, write_pair
from tests.rotation.doors import LOOPBACK, Doors, run

PROBES = {probe.name: probe for probe in probes()}
AT_ONCE = [name for name, probe in PROBES.items() if probe.ends_at_once]
READ_SECONDS = 10
# A change of cipher for middleboxes, an alert, the handshake, application data (RFC 8446 5.1): in TLS 1.3 all that is
# sealed looks like the last, so what strangers get is looked at after it was opened.
CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, SEALED = 20, 21, 22, 23


class Shelf:
    """A supply of the same certificates for ever."""

    def __init__(self, pairs: list[Pair]) -> None:
        self._pairs = pairs

    def is_stale(self) -> bool:
        return False

    def pairs(self) -> list[Pair]:
        return self._pairs


@pytest.fixture(scope="module")
def signed() -> list[Signed]:
    """A certificate of each kind."""
    return [sign(kind, kind=kind) for kind in ("ed25519", "p256")]


@pytest.fixture
def doors(signed) -> Iterator[Doors]:
    """Doors that speak TLS."""
    opened = Doors(tls=ContextSource(Shelf([Pair(*one) for one in signed])))
    yield opened
    run(opened.close())


class Heard(NamedTuple):
    """What came back: records before TLS was opened, bytes of an application inside it, and how it ended."""

    records: list[int]
    inside: bytes
    was_reset: bool


class Stranger:
    """A TLS client that writes down the type of each record it gets."""

    def __init__(self) -> None:
        self._connection = SSL.Connection(client_context(), None)
        self._connection.set_connect_state()
        self._received = b""
        self.inside = b""

    async def knock(self, number: int, data: bytes, *, with_finished: bool) -> Heard:
        """Shake hands, send `data` (with the end of the handshake, or when all that the server says has come)."""
        reader, writer = await asyncio.open_connection(LOOPBACK, number)
        was_reset = False
        try:
            async with asyncio.timeout(READ_SECONDS):
                while not self._is_through():
                    writer.write(self._outgoing())
                    self._take(await reader.read(65_536))
                if not with_finished:
                    writer.write(self._outgoing())
                    # The tickets, which resume nothing, come after the end of the handshake.
                    self._take(await reader.read(65_536))
                if data:
                    self._connection.send(data)
                writer.write(self._outgoing())
                while chunk := await reader.read(65_536):
                    self._take(chunk)
        except ConnectionResetError:
            was_reset = True
        finally:
            writer.close()
        return Heard(_record_types(self._received), self.inside, was_reset)

    def _is_through(self) -> bool:
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return False
        return True

    def _outgoing(self) -> bytes:
        data = b""
        try:
            while True:
                data += self._connection.bio_read(65_536)
        except SSL.WantReadError:
            return data

    def _take(self, data: bytes) -> None:
        self._received += data
        if data:
            self._connection.bio_write(data)
        try:
            while True:
                self.inside += self._connection.recv(65_536)
        except SSL.Error:
            return


def _record_types(data: bytes) -> list[int]:
    types = []
    while len(data) >= 5:
        types.append(data[0])
        data = data[5 + int.from_bytes(data[3:5], "big") :]
    return types


@pytest.mark.parametrize("with_finished", [True, False], ids=["at once", "after the handshake"])
@pytest.mark.parametrize("name", AT_ONCE)
def test_a_probe_gets_the_handshake_and_a_reset(doors, name, with_finished):
    """Mallory opens TLS, sends what is wrong, and hears nothing: the records are those of any handshake."""
    heard = run(Stranger().knock(doors.number, PROBES[name].data, with_finished=with_finished))

    assert heard.inside == b""
    assert heard.was_reset
    assert set(heard.records) <= {HANDSHAKE, CHANGE_CIPHER_SPEC, SEALED}
    assert doors.strangers in (["request"], [])


def test_what_a_stranger_gets_depends_on_nothing_he_sends(doors):
    """A wrong path, a right path with a wrong header, garbage: the same records, of the same sizes but for tickets."""
    names = ["wrong path", "no key", "wrong Origin", "garbage"]
    heard = [run(Stranger().knock(doors.number, PROBES[name].data, with_finished=False)) for name in names]

    assert len({tuple(one.records) for one in heard}) == 1


@pytest.mark.parametrize("name", ["wrong path", "no key", "garbage", "a browser at /", "header of 20 KB"])
def test_a_tripwire_answers_like_a_live_port(doors, name):
    """Under TLS too: the same records, no byte inside, the same end."""
    live = run(Stranger().knock(doors.number, PROBES[name].data, with_finished=False))
    doors.ports.arm_chat(doors.number)
    tripwire = run(Stranger().knock(doors.number, PROBES[name].data, with_finished=False))

    assert live == tripwire
    assert (tripwire.inside, tripwire.was_reset) == (b"", True)
    assert doors.touches == [("request", doors.number)]


@pytest.mark.parametrize("data", [b"", b"GET / HTTP/1.1\r\n\r\n", TLS_HELLO])
def test_a_touch_that_opens_no_tls_is_counted_once(doors, data):
    """Mute, in the clear, or with a hello that leads nowhere."""
    doors.ports.arm_chat(doors.number)
    doors.ports._chat_limits.seconds = 0.5

    run(plain(doors.number, data))

    assert [number for _, number in doors.touches] == [doors.number]
    assert doors.strangers == []


def test_halves_are_reset_at_the_deadline(doors):
    """Also a client who opens TLS and says nothing, and one who never opens it."""
    doors.ports._chat_limits.seconds = 0.5
    halves = [probe.data for probe in PROBES.values() if not probe.ends_at_once]

    async def knock_all() -> list[Heard]:
        return await asyncio.gather(*(Stranger().knock(doors.number, data, with_finished=True) for data in halves))

    heard = run(knock_all())
    assert {(one.inside, one.was_reset) for one in heard} == {(b"", True)}
    assert set(doors.strangers) == {"deadline"}
    assert run(plain(doors.number, b"")) == b""
    assert run(plain(doors.number, TLS_HELLO[:50])) == b""


async def plain(number: int, data: bytes) -> bytes:
    """What comes back to somebody who speaks no TLS."""
    reader, writer = await asyncio.open_connection(LOOPBACK, number)
    received = b""
    try:
        writer.write(data)
        async with asyncio.timeout(READ_SECONDS):
            while chunk := await reader.read(65_536):
                received += chunk
    except ConnectionError:
        pass
    finally:
        writer.close()
    return received


@pytest.mark.parametrize("name", ["wrong path", "a browser at /", "SSH banner", "HTTP/2 preface", "a second request"])
def test_who_speaks_no_tls_gets_an_alert_at_most(doors, name):
    """Which any server of TLS sends; a request with the right path in the clear opens nothing either."""
    received = run(plain(doors.number, PROBES[name].data))

    assert set(_record_types(received)) <= {ALERT}
    assert len(received) <= 7
    assert run(plain(doors.number, proper_request())) == received


def test_tls_1_2_gets_an_alert(doors):
    """And not a byte of a certificate."""
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.maximum_version = ssl.TLSVersion.TLSv1_2

    def knock() -> str:
        with socket.create_connection((LOOPBACK, doors.number), timeout=READ_SECONDS) as wire:
            try:
                old.wrap_socket(wire)
            except ssl.SSLError as error:
                return str(error)
        return "connected"

    assert "PROTOCOL_VERSION" in run(asyncio.to_thread(knock))


def test_a_member_gets_through(doors, signed):
    """The same port, the same TLS, a proper request: a WebSocket, over wss."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE

    async def talk() -> bytes:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"wss://{LOOPBACK}:{doors.number}{PATH}", ssl=trusting) as socket_,
        ):
            await socket_.send_bytes(b"H1")
            await socket_.receive()
            await socket_.send_bytes(b"hello " * 10_000)
            return await socket_.receive_bytes()

    assert run(talk()) == b"hello " * 10_000
    assert doors.strangers == []


def test_a_session_outlives_its_certificate(tmp_path, settings):
    """A renewal while it lives: it goes on, and the next one is shown the new certificate."""
    settings.CLAWCHAT_HOST = "localhost"
    files = write_pair(tmp_path, "server", sign("server"))
    source = ContextSource(FileSupply([files]))
    doors = Doors(tls=source)
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE

    async def talk() -> list[bytes]:
        shown = []
        url = f"wss://{LOOPBACK}:{doors.number}{PATH}"
        async with aiohttp.ClientSession() as session, session.ws_connect(url, ssl=trusting) as first:
            await first.send_bytes(b"H1")
            await first.receive()
            shown.append(_certificate_of(first))
            write_pair(tmp_path, "server", sign("server"))
            assert source.look()
            async with session.ws_connect(url, ssl=trusting) as second:
                shown.append(_certificate_of(second))
                await first.send_bytes(b"still here")
                assert await first.receive_bytes() == b"still here"
            shown.append(_certificate_of(first))
        return shown

    before, after, still = run(talk())
    run(doors.close())

    assert before == still
    assert after != before


def _certificate_of(connection: aiohttp.ClientWebSocketResponse) -> bytes:
    return connection.get_extra_info("ssl_object").getpeercert(binary_form=True)
