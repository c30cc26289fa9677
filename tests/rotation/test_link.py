"""The chat port from inside: what a consumer can do with its Link, over a real socket."""

import asyncio

import aiohttp
import pytest

from rotation.link import _binary_frame
from rotation.probes import ORIGIN, PATH, proper_request
from tests.rotation.doors import Doors, run

MEMBER = b"H1" + bytes(2050)


def talk(doors: Doors, *sent: bytes | str, **options) -> list[aiohttp.WSMessage]:
    """What comes back when these messages are sent one after the other."""

    async def conversation() -> list[aiohttp.WSMessage]:
        heard = []
        async with aiohttp.ClientSession() as session, session.ws_connect(doors.url, max_msg_size=0, **options) as ws:
            for message in sent:
                await (ws.send_str(message) if isinstance(message, str) else ws.send_bytes(message))
                heard.append(await ws.receive(timeout=5))
        return heard

    return run(conversation())


def close_code(messages: list[aiohttp.WSMessage]) -> int | None:
    """The code of the close frame at the end; 1006 when there was none."""
    last = messages[-1]
    return last.data if last.type is aiohttp.WSMsgType.CLOSE else 1006


def test_a_client_with_the_path_gets_in(doors):
    """The upgrade is answered, without the name of any program and without extensions."""

    async def upgrade() -> aiohttp.ClientWebSocketResponse:
        async with aiohttp.ClientSession() as session:
            return await session.ws_connect(doors.url, compress=15, protocols=("x",), origin=ORIGIN)

    ws = run(upgrade())

    assert "Server" not in ws._response.headers
    assert ws.protocol is None and not ws.compress


def test_a_page_from_elsewhere_does_not(doors):
    """Mallory's page knows the path, yet its Origin closes the port."""
    with pytest.raises(aiohttp.ClientError):
        talk(doors, MEMBER, origin="https://elsewhere.example")


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 1 << 20])
def test_a_member_sends_messages_of_any_size(doors, size):
    """Up to 1 MiB, both ways, one binary message each."""
    greeting, echo = talk(doors, MEMBER, bytes(size))

    assert greeting.data == b"AUTH_OK"
    assert (echo.type, echo.data) == (aiohttp.WSMsgType.BINARY, bytes(size))


@pytest.mark.parametrize("size", [2053, 4096, 1 << 20])
def test_a_stranger_sends_no_more_than_a_hello(doors, size):
    """A larger first message is reset, without a close frame."""
    assert close_code(talk(doors, b"H1" + bytes(size - 2))) == 1006


def test_a_member_sends_no_more_than_a_mebibyte(doors):
    """One byte more resets the connection."""
    assert close_code(talk(doors, MEMBER, bytes((1 << 20) + 1))) == 1006


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 4403, 4409])
def test_any_close_code_is_sent(doors, code):
    """Autobahn's own close refuses all of 1001-2999."""
    closed = talk(doors, b"close %d" % code)[-1]

    assert (closed.data, closed.extra) == (code, "as you wish")


def test_an_abort_says_nothing(doors):
    """No close frame, no byte."""
    assert close_code(talk(doors, b"abort")) == 1006


def test_an_application_that_fails_is_closed_with_1011(doors, caplog):
    """The peer learns a number, the log has the rest."""
    assert close_code(talk(doors, b"raise")) == 1011
    caplog.clear()


def test_an_application_that_leaves_takes_the_connection_with_it(doors):
    """No socket stays open with nobody behind it."""
    assert close_code(talk(doors, b"leave")) == 1011


@pytest.mark.parametrize(("said", "code"), [((), 1006), ((b"hello",), 1008)], ids=["mute", "past the gate"])
def test_a_client_that_does_not_prove_himself_is_ended_at_the_deadline(doors, said, code):
    """Ten seconds from accept to authenticated(), here a fifth of one; only who opened the gate is told a code."""
    doors.ports._chat_limits.seconds = 0.2

    async def wait() -> list[aiohttp.WSMessage]:
        async with aiohttp.ClientSession() as session, session.ws_connect(doors.url) as ws:
            for message in said:
                await ws.send_bytes(message)
                await ws.receive(timeout=5)
            return [await ws.receive(timeout=5)]

    assert close_code(run(wait())) == code


def test_sessions_outlive_their_port(doors):
    """A port that closes refuses newcomers and disturbs nobody."""

    async def go_on() -> bytes:
        async with aiohttp.ClientSession() as session, session.ws_connect(doors.url) as ws:
            await ws.send_bytes(MEMBER)
            await ws.receive()
            await doors.ports.close_chat(doors.number)
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.ws_connect(doors.url)
            await ws.send_bytes(b"still here")
            return (await ws.receive(timeout=5)).data

    assert run(go_on()) == b"still here"


def test_a_drain_says_1001_to_members_and_resets_the_others(doors):
    """Who opened the gate hears that the server goes away, and says goodbye in time; who did not hears nothing."""

    async def drain() -> list[int]:
        async with aiohttp.ClientSession() as session:
            sockets = [await session.ws_connect(doors.url) for _ in range(3)]
            for ws, said in zip(sockets, (MEMBER, b"past the gate"), strict=False):
                await ws.send_bytes(said)
                await ws.receive()
            drained = asyncio.ensure_future(doors.server._drain())
            codes = [close_code([await ws.receive(timeout=5)]) for ws in sockets]
            async with asyncio.timeout(3):
                await drained
            return codes

    assert run(drain()) == [1001, 1001, 1006]


async def slow_reader(doors: Doors, read_bytes: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client of ours by hand, with a small window."""
    reader, writer = await asyncio.open_connection("127.0.0.1", doors.number, limit=read_bytes)
    writer.write(proper_request(PATH))
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


def test_a_peer_that_does_not_read_makes_the_link_unwritable():
    """The consumer is told to wait, and told again when it may go on."""
    told = []

    async def flood(scope, receive, send):
        link = scope["clawchat"]
        await receive()
        await send({"type": "websocket.accept"})
        link.authenticated()
        # The kernel's buffers and the reader's fill up first; then nothing moves any more.
        stuck = 0
        while stuck < 20:
            if link.writable:
                link.send(bytes(1_000_000))
            await asyncio.sleep(0.02)
            stuck = 0 if link.writable else stuck + 1
        link.on_writable = lambda: told.append("writable")
        told.append("waiting")
        await receive()

    doors = Doors(flood)

    async def read_late() -> None:
        reader, writer = await slow_reader(doors, 65536)
        while "waiting" not in told:
            await asyncio.sleep(0.01)
        assert "writable" not in told
        while "writable" not in told:
            await reader.read(1 << 20)
        writer.close()

    run(read_late())
    run(doors.close())

    assert told == ["waiting", "writable"]


def test_a_peer_that_sends_faster_than_it_is_heard_is_read_no_further():
    """Messages wait in the peer's buffers, not in ours without end; none is lost."""
    heard = []
    go_on = asyncio.Event()

    async def listen_late(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        scope["clawchat"].authenticated()
        await go_on.wait()
        while (event := await receive())["type"] == "websocket.receive":
            heard.append(event["bytes"])

    doors = Doors(listen_late)
    count = 400

    async def send_much() -> int:
        async with aiohttp.ClientSession() as session, session.ws_connect(doors.url) as ws:
            sending = asyncio.ensure_future(send_all(ws))
            (protocol,) = doors.server.connections
            async with asyncio.timeout(20):
                while protocol.application_queue.qsize() <= 64:
                    await asyncio.sleep(0.02)
            await asyncio.sleep(0.3)
            waiting = protocol.application_queue.qsize()
            go_on.set()
            await sending
            while len(heard) < count:
                await asyncio.sleep(0.01)
        return waiting

    async def send_all(ws: aiohttp.ClientWebSocketResponse) -> None:
        for number in range(count):
            await ws.send_bytes(number.to_bytes(2, "big") * 10_000)

    waiting = run(send_much())
    run(doors.close())

    assert 64 < waiting < 100
    assert [int.from_bytes(message[:2], "big") for message in heard] == list(range(count))


def test_pings_of_a_peer_that_reads_nothing_are_not_answered():
    """The answers would fill our memory; once it reads again it is answered again."""
    told = []

    async def listen(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        scope["clawchat"].authenticated()
        told.append(scope["clawchat"])
        await receive()

    doors = Doors(listen)

    async def ping() -> list[bytes | None]:
        async with aiohttp.ClientSession() as session, session.ws_connect(doors.url, autoping=False) as ws:
            answers = []
            for writable in (True, False, True):
                told[0].writable = writable
                await ws.ping(b"%d" % writable)
                try:
                    answers.append((await ws.receive(timeout=10 if writable else 0.3)).data)
                except TimeoutError:
                    answers.append(None)
        return answers

    answers = run(ping())
    run(doors.close())

    assert answers == [b"1", None, b"1"]


def test_a_frame_is_written_in_the_shortest_form():
    """RFC 6455 5.2: 7, 16 or 64 bits of length, whichever is the least that fits."""
    assert _binary_frame(b"")[:2] == b"\x82\x00"
    assert _binary_frame(bytes(125))[:2] == b"\x82\x7d"
    assert _binary_frame(bytes(126))[:4] == b"\x82\x7e\x00\x7e"
    assert _binary_frame(bytes(65536))[:10] == b"\x82\x7f" + (65536).to_bytes(8, "big")
