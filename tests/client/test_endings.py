"""Why a connection ended: a close code is what anybody at the wire may write, and counts for nothing in a session."""

import asyncio

import pytest

from clawchat.client import Client
from clawchat.client.endings import ended_with, refused_with
from clawchat.client.errors import TEXT_SHOWN, ConnectionLost
from clawchat.protocol.bodies import CloseNotify, ErrorBody, Response
from clawchat.protocol.errors import CODES, Internal, Rediscover, Revoked, TooFast, Unauthentic, Unavailable
from clawchat.protocol.frame import MessageType
from clawchat.protocol.primitives import random_bytes
from tests.client.conftest import ROOM, message
from tests.client.tiny_server import until

FORGED = [1000, 1001, 1008, 1011, 4401, 4403, 4408, 4409, 4410, 4411, 4414, 4499]


async def lost(server, client: Client, end) -> None:
    """Return once the connection ended so, and another one stands."""
    connection = client._line._current
    await end()
    await until(lambda: client._line._current is not connection and client.status == "connected" and server.seats)


async def test_forged_close_codes_are_a_lost_connection(server, alice):
    """Whatever they claim: the client comes back at once, to the same port, and has lost nothing."""
    looked = []
    alice._finder.fetch = lambda *arguments: looked.append(arguments)
    for code in FORGED:
        await lost(server, alice, lambda code=code: server.close_all(code))
        assert alice.problem is None

    assert looked == []
    assert await alice.send(ROOM, message("still here")[1]) == 1


async def test_what_is_said_in_the_session_counts_whatever_the_close_code_says(server, alice):
    """A proxy that rewrites 4410 hides nothing."""
    await server.close_all(1000, CloseNotify(Revoked.number, "put out"))
    with pytest.raises(Revoked):
        async with asyncio.timeout(8):
            async for _ in alice.events():
                pass


async def test_frames_after_close_notify_are_not_looked_at(server, alice):
    """Nor waited for: the client is gone before the WebSocket is closed."""
    (seat,) = server.seats

    async def end() -> None:
        await seat.send(MessageType.CLOSE_NOTIFY, CloseNotify(0).encode())
        await seat.send(MessageType.PING, b"late")
        await seat.send(MessageType.PORT_ROTATION, b"late")

    await lost(server, alice, end)
    assert server.pongs == []


def test_codes_before_auth_ok():
    """1008 is a refusal, 4409 a tripwire, 4414 a server that is ill; all others say that nobody was there."""
    meant = {code: type(refused_with(code)) for code in (None, *range(1000, 1016), *range(4400, 4500))}
    known = {code: kind for code, kind in meant.items() if kind is not ConnectionLost}
    assert known == {1008: Unauthentic, 4409: Rediscover, 4414: Unavailable}


def test_goodbyes():
    """None is a truncation, 0 is no fault, a number of a later version is a fault of the server."""
    assert isinstance(ended_with(None), ConnectionLost) and isinstance(ended_with(CloseNotify(0)), ConnectionLost)
    assert {type(ended_with(CloseNotify(number))) for number in CODES} == set(CODES.values())
    assert isinstance(ended_with(CloseNotify(999)), Internal)


def test_a_servers_text_is_plain_and_short():
    """It is shown to people, also in a terminal."""
    assert ended_with(CloseNotify(10, "a\x1b[2J\n\u202eb" + "c" * 999)).text == "a[2Jb" + "c" * (TEXT_SHOWN - 8)


async def test_error_frames_of_a_server(server, alice):
    """Of no message, of a message that nobody sent, with a number of a later version: the session goes on."""
    (seat,) = server.seats
    for body in (ErrorBody(1, "x"), ErrorBody(60_000, "x"), ErrorBody(7, "x", random_bytes(16))):
        await seat.send(MessageType.ERROR, body.encode())
    server.refuse_messages, server.refusal_text = [60_000], "later\x1b[2J"
    with pytest.raises(Internal, match=r"^later\[2J$"):
        await alice.send(ROOM, message("hello")[1])
    assert server.seats == [seat]


async def test_an_answer_to_nothing_and_a_second_answer_end_the_session(server, alice):
    """Whoever sends them has lost count; one that nobody waits for any more is passed over."""
    (seat,) = server.seats
    await lost(server, alice, lambda: seat.send(MessageType.REQUEST, Response(4711, {}).encode()))
    assert seat.socket.close_code == 4401

    (seat,) = server.seats
    connection = await alice.usable(1)
    numbers = []
    begin = connection._questions.begin
    connection._questions.begin = lambda *what: numbers.append(asked := begin(*what)) or asked
    assert "devices" in await connection.ask({"op": "device.list"})
    server.answer_pause, heard = 0.2, len(server.requests)
    given_up = asyncio.create_task(connection.ask({"op": "device.list"}))
    await until(lambda: len(server.requests) > heard)
    given_up.cancel()
    server.answer_pause = 0
    assert "devices" in await connection.ask({"op": "device.list"})
    assert server.seats == [seat]

    await lost(server, alice, lambda: seat.send(MessageType.REQUEST, Response(numbers[0][0], {"devices": []}).encode()))
    assert seat.socket.close_code == 4401


async def test_pings_of_every_size_are_echoed_and_one_byte_more_ends_the_session(server, alice):
    """And a pong that nobody asked for is passed over."""
    (seat,) = server.seats
    for size in (0, 1, 64):
        await seat.send(MessageType.PONG, bytes(size))
        await seat.send(MessageType.PING, bytes(range(size)))
    await until(lambda: len(server.pongs) == 3)
    assert server.pongs == [b"", b"\0", bytes(range(64))]

    await lost(server, alice, lambda: seat.send(MessageType.PING, bytes(65)))
    assert seat.socket.close_code == 4406 and len(server.pongs) == 3


async def test_unknown_type_is_named_in_an_error_frame(server, alice, monkeypatch):
    """Not silently; the server's log has it then."""
    (seat,) = server.seats
    heard = []
    opened = seat.session.open

    def spy(data: bytes):
        frame = opened(data)
        heard.append((frame.type, frame.payload))
        return frame

    monkeypatch.setattr(seat.session, "open", spy)
    await lost(server, alice, lambda: seat.send(0x7F, b""))
    kind, payload = heard[-1]
    assert kind == MessageType.ERROR and ErrorBody.parse(payload).number == 5 and seat.socket.close_code == 4405


async def test_a_failed_question_keeps_its_wait(server, alice):
    """The text of `too_fast` begins with seconds, also when it was made plain."""
    server.renewal_errors = [TooFast.number]
    connection = await alice.usable(1)
    with pytest.raises(TooFast, match=r"^1 second"):
        await connection.ask({"op": "psk_renew"})
