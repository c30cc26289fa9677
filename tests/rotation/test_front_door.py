"""The front door beside the chat ports: Daphne as it comes, guarded and drained."""

import asyncio

import aiohttp
import pytest

from rotation.server import ManagedServer
from tests.ports import free_port
from tests.rotation.doors import LOOPBACK, Doors, nothing, run


@pytest.fixture
def front(doors: Doors) -> int:
    """The number of an open front door."""
    number = free_port()
    doors.ports.open_front(LOOPBACK, number)
    return number


async def drip(number: int, *pieces: bytes, every: float = 0.05) -> bytes:
    """Send a request in pieces and return what comes back before the connection ends."""
    reader, writer = await asyncio.open_connection(LOOPBACK, number)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(every)
        async with asyncio.timeout(5):
            return await reader.read(65536)
    except ConnectionError:
        return b"reset"
    finally:
        writer.close()


def test_a_page_is_served_without_the_names_of_programs(doors, front):
    """An ordinary answer."""

    async def get() -> aiohttp.ClientResponse:
        async with aiohttp.ClientSession() as session, session.get(f"http://{LOOPBACK}:{front}/") as answer:
            assert await answer.text() == "hello"
            return answer

    answer = run(get())

    assert answer.status == 200
    assert "Server" not in answer.headers


def test_a_websocket_is_refused_here(doors, front):
    """Chat ports are for that, and a refusal leaves nothing behind."""

    async def refuse() -> list[int]:
        codes = []
        async with aiohttp.ClientSession() as session:
            for _ in range(3):
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    await session.ws_connect(f"ws://{LOOPBACK}:{front}/")
                codes.append(refused.value.status)
        return codes

    assert run(refuse()) == [403, 403, 403]


def test_a_slow_header_is_cut(doors, front):
    """Half a request, byte by byte, holds no socket for long."""
    doors.ports._front_limits.seconds = 0.2

    assert run(drip(front, *[b"G"] * 10)) == b"reset"


def test_a_slow_body_is_cut(doors, front):
    """The deadline covers the body; the answer that asks for it buys no more than another deadline."""
    doors.ports._front_limits.seconds = 0.2
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n"

    assert run(drip(front, head, *[b"x"] * 20)) in (b"reset", b"HTTP/1.1 100 Continue\r\n\r\n")
    assert doors.ports._front_limits.open == 0


def test_a_request_in_pieces_is_answered(doors, front):
    """Slow is not hostile while it is in time."""
    answer = run(drip(front, b"GET / HTTP/1.1\r\n", b"Host: x\r\n", b"Connection: close\r\n\r\n"))

    assert answer.endswith(b"hello\r\n0\r\n\r\n") or b"hello" in answer


def test_a_drain_lets_a_running_request_finish():
    """What was asked before the end is answered."""
    asked = asyncio.Event()

    async def slow_answer(scope, receive, send) -> None:
        asked.set()
        await asyncio.sleep(0.3)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"late"})

    doors, number = Doors(), free_port()
    doors.server.application = slow_answer
    doors.ports.open_front(LOOPBACK, number)

    async def ask_and_drain() -> str:
        async with aiohttp.ClientSession() as session:
            asking = asyncio.ensure_future(session.get(f"http://{LOOPBACK}:{number}/"))
            async with asyncio.timeout(20):
                await asked.wait()
            await doors.close()
            async with await asking as answer:
                return await answer.text()

    assert run(ask_and_drain()) == "late"


def test_a_drain_goes_on_when_a_step_fails(caplog):
    """Nothing keeps the process from ending."""
    ended = []

    async def fail() -> None:
        raise RuntimeError("a bug")

    async def end() -> None:
        ended.append(True)

    server = ManagedServer(None, ready=lambda: None, started=nothing, closing=fail, closed=end)
    server.connections = {}
    run(server._drain())

    assert ended == [True]
    assert "a step of the shutdown failed" in caplog.text


def test_a_start_that_fails_ends_the_server():
    """The reason is kept for whoever started it."""

    async def fail() -> None:
        raise RuntimeError("no room")

    server = ManagedServer(None, ready=lambda: None, started=fail, closing=nothing, closed=nothing)
    run(server._start())

    assert str(server.failure) == "no room"
    assert server.abort_start
