"""The front door under TLS: guarded like a plain one, whatever the handshake writes."""

import asyncio
import ssl
from collections.abc import Iterator

import aiohttp
import pytest

from rotation.tls import ContextSource
from rotation.tls.files import FileSupply
from tests.ports import free_port
from tests.rotation.certificates import sign, write_pair
from tests.rotation.doors import LOOPBACK, Doors, run

READ_SECONDS = 10


@pytest.fixture
def doors(tmp_path, settings) -> Iterator[Doors]:
    """Doors that speak TLS."""
    settings.CLAWCHAT_HOST = "localhost"
    opened = Doors(tls=ContextSource(FileSupply([write_pair(tmp_path, "server", sign("server"))])))
    yield opened
    run(opened.close())


@pytest.fixture
def front(doors: Doors) -> int:
    """The number of an open front door."""
    number = free_port()
    doors.ports.open_front(LOOPBACK, number)
    return number


def trusting() -> ssl.SSLContext:
    """A client that asks for no certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def drip(number: int, *pieces: bytes, every: float = 0.05) -> bytes:
    """Send a request in pieces and return what comes back before the connection ends."""
    reader, writer = await asyncio.open_connection(LOOPBACK, number, ssl=trusting())
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(every)
        async with asyncio.timeout(READ_SECONDS):
            return await reader.read(65_536)
    except (ConnectionError, ssl.SSLError):
        return b"reset"
    finally:
        writer.close()


def test_a_page_is_served(front):
    """An ordinary answer, one after the other on one connection, of any size."""

    async def get() -> list[str]:
        async with aiohttp.ClientSession() as session:
            texts = []
            for _ in range(3):
                async with session.get(f"https://{LOOPBACK}:{front}/", ssl=trusting()) as answer:
                    assert "Server" not in answer.headers
                    texts.append(await answer.text())
            return texts

    assert run(get()) == ["hello"] * 3


@pytest.mark.parametrize("pieces", [[b""], [b"G"] * 20, [b"GET / HTTP/1.1\r\nHost: x\r\nX: "] + [b"x"] * 20])
def test_who_shakes_hands_and_dawdles_is_cut(doors, front, pieces):
    """The end of a handshake is no answer: it buys no time."""
    doors.ports._front_limits.seconds = 0.4

    assert run(drip(front, *pieces)) in (b"reset", b"")
    assert doors.ports._front_limits.open == 0


def test_half_a_hello_is_cut(doors, front):
    """Before the handshake too."""
    doors.ports._front_limits.seconds = 0.2

    async def knock() -> bytes:
        reader, writer = await asyncio.open_connection(LOOPBACK, front)
        try:
            writer.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
            async with asyncio.timeout(READ_SECONDS):
                return await reader.read(100)
        except ConnectionError:
            return b"reset"
        finally:
            writer.close()

    assert run(knock()) == b"reset"


def test_a_request_in_pieces_is_answered(front):
    """Slow is not hostile while it is in time."""
    answer = run(drip(front, b"GET / HTTP/1.1\r\n", b"Host: x\r\n", b"Connection: close\r\n\r\n"))

    assert b"hello" in answer


def test_an_answered_connection_may_rest(doors, front):
    """The deadline is for requests; the next one has one of its own."""
    doors.ports._front_limits.seconds = 0.4

    async def ask_rest_and_ask() -> list[bytes]:
        reader, writer = await asyncio.open_connection(LOOPBACK, front, ssl=trusting())
        heard = []
        for _ in range(2):
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(READ_SECONDS):
                heard.append(await reader.readuntil(b"\r\n0\r\n\r\n"))
            await asyncio.sleep(1)
        writer.close()
        return heard

    assert all(b"hello" in answer for answer in run(ask_rest_and_ask()))
