"""New keys while the client talks: at its limits or on request, nothing lost; a broken rekey is a lost connection."""

import asyncio

import pytest

from clawchat.client import Client, connection
from clawchat.protocol import rekey
from clawchat.protocol.errors import RekeyOverdue
from clawchat.protocol.frame import MessageType
from clawchat.protocol.handshake import KeyLimits, ServerParameters
from clawchat.protocol.keys import IdentityKey
from clawchat.protocol.limits import SOFT_LIMIT_BYTES, SOFT_LIMIT_FRAMES
from tests.client.conftest import ROOM, collect, message
from tests.client.tiny_server import until


@pytest.fixture(autouse=True)
def short_epochs(monkeypatch) -> None:
    """Nobody waits ten seconds in a test, nor five for the client's watch."""
    monkeypatch.setattr(rekey, "REKEY_INTERVAL_SECONDS", 0.02)
    monkeypatch.setattr(rekey, "_MARGIN_SECONDS", 0)
    monkeypatch.setattr(connection, "WATCH_SECONDS", 0.02)


def epoch(client: Client) -> int:
    """How many rekeys the client's connection has behind it."""
    return client._line._current.epoch


async def reconnected(server, parameters: ServerParameters) -> None:
    """Let the client come back to a server that announces these."""
    server.parameters = parameters
    handshakes = server.handshakes
    server.cut()
    await until(lambda: server.handshakes > handshakes and server.seats)


async def test_busy_chat_does_not_notice(server, alice):
    """Both directions run while the keys change again and again: all comes once and in order, on one connection."""
    await alice.follow(ROOM)
    await reconnected(server, ServerParameters(soft_limits=KeyLimits(3600, SOFT_LIMIT_BYTES, 20)))
    handshakes = server.handshakes
    reading = asyncio.create_task(collect(alice, 600))

    async def others() -> None:
        for number in range(300):
            await server.append(ROOM, b"other %d" % number)
            await asyncio.sleep(0.001)

    talking = asyncio.create_task(others())
    sends = []
    for number in range(300):
        sends.append(asyncio.create_task(alice.send(ROOM, message(f"own {number:03}")[1])))
        await asyncio.sleep(0.001)
    places = await asyncio.gather(*sends)
    await talking
    rows = await asyncio.wait_for(reading, 20)

    assert [row.seq for row in rows] == list(range(1, 601))
    assert [row.message for row in rows] == [row.message for row in server.rooms[ROOM]]
    assert places == sorted(places)
    assert server.handshakes == handshakes
    # The last DONE may be under way.
    await until(lambda: epoch(alice) == server.seats[0].session.epoch > 3)


async def test_request_of_the_server_is_followed(server, alice):
    """Also when nothing else is said."""
    for number in (1, 2):
        await server.seats[0].send(MessageType.KEY_ROTATION, server.seats[0].rekey.request())
        await until(lambda number=number: server.seats[0].session.epoch == number)
    await alice.request("device.list")

    assert epoch(alice) == 2


@pytest.mark.parametrize("limits", [KeyLimits(0, SOFT_LIMIT_BYTES, SOFT_LIMIT_FRAMES), KeyLimits(3600, 100, 1 << 20)])
async def test_limits_of_time_and_bytes_start_a_rekey(server, alice, limits):
    """Of keys that nobody uses too."""
    await reconnected(server, ServerParameters(soft_limits=limits))
    await until(lambda: server.seats and server.seats[0].session.epoch >= 1)

    assert server.handshakes == 3


async def test_missing_answer_ends_the_connection(server, alice, monkeypatch):
    """A server that never answers INIT is left with 4408 for a new connection, and what waited goes through there."""
    monkeypatch.setattr(rekey, "REKEY_ANSWER_SECONDS", 0.2)
    server.never_rekey = True
    seat = server.seats[0]
    await seat.send(MessageType.KEY_ROTATION, seat.rekey.request())
    await until(lambda: server.handshakes == 3)

    assert seat.socket.close_code == 4408
    assert await alice.send(ROOM, message("hello")[1]) == 1


async def test_forged_answer_ends_the_connection(server, alice):
    """A server that cannot sign for its identity gets no further."""
    seat = server.seats[0]
    seat.rekey._sign = IdentityKey.generate().sign
    await seat.send(MessageType.KEY_ROTATION, seat.rekey.request())
    await until(lambda: server.handshakes == 3)

    assert seat.socket.close_code == 4403
    assert await alice.send(ROOM, message("hello")[1]) == 1


@pytest.mark.parametrize(("payload", "code"), [(b"\x07", 4401), (b"\3" + bytes(32), 4404), (b"", 4401)])
async def test_nonsense_ends_the_connection(server, alice, payload, code):
    """No message of ours, or one for servers."""
    seat = server.seats[0]
    await seat.send(MessageType.KEY_ROTATION, payload)
    await until(lambda: server.handshakes == 3)

    assert seat.socket.close_code == code


async def test_hard_limit_of_time_ends_the_connection(server, alice):
    """As announced; the next connection has keys of its own, and the reason is told."""
    server.never_rekey = True
    await reconnected(server, ServerParameters(hard_limits=KeyLimits(0, 1 << 20, 1 << 20)))
    seat, problems = server.seats[0], []
    server.parameters = ServerParameters()
    while server.handshakes < 4:
        problems.append(alice._line.problem)
        await asyncio.sleep(0.002)

    assert seat.socket.close_code == 4408
    assert any(isinstance(problem, RekeyOverdue) for problem in problems)


async def test_hard_limit_of_frames_loses_nothing(server, alice):
    """A server that takes no rekey and few frames: every message goes out, over as many connections as it takes."""
    server.never_rekey = True
    await alice.follow(ROOM)
    await reconnected(server, ServerParameters(hard_limits=KeyLimits(3600, 1 << 20, 16)))
    handshakes = server.handshakes
    for number in range(40):
        await alice.send(ROOM, message(str(number))[1])
    rows = await asyncio.wait_for(collect(alice, 40), 10)

    assert [row.message for row in rows] == [row.message for row in server.rooms[ROOM]]
    assert len(server.rooms[ROOM]) == 40
    assert server.handshakes > handshakes


async def test_connection_cut_in_the_middle_of_a_rekey_loses_nothing(server, alice):
    """After INIT, before RESP: the messages around it go through on the next connection, once each."""
    await alice.follow(ROOM)
    server.never_rekey = True
    await server.seats[0].send(MessageType.KEY_ROTATION, server.seats[0].rekey.request())
    await until(lambda: alice._line._current._rekey._begun is not None)
    sends = [asyncio.create_task(alice.send(ROOM, message(f"{number:02}")[1])) for number in range(20)]
    await asyncio.sleep(0)
    server.never_rekey = False
    server.cut()
    await asyncio.gather(*sends)

    assert [row.message[-2:] for row in server.rooms[ROOM]] == [b"%02d" % number for number in range(20)]


async def test_port_may_move_while_keys_change(server, alice):
    """Both kinds of change at once; nothing is lost, nothing comes twice."""
    await alice.follow(ROOM)
    await reconnected(server, ServerParameters(soft_limits=KeyLimits(3600, SOFT_LIMIT_BYTES, 8)))
    reading = asyncio.create_task(collect(alice, 150))
    epochs = 0
    for number in range(150):
        await alice.send(ROOM, message(str(number))[1])
        if number % 50 == 20:
            new = await server.open_port()
            await server.announce(*server.ports[-2:])
        if number % 50 == 40:
            await until(lambda new=new: alice.port == new.number)
            epochs += epoch(alice)
            await server.close_port(server.ports[0])
        await asyncio.sleep(0.002)
    rows = await asyncio.wait_for(reading, 10)

    assert [row.seq for row in rows] == list(range(1, 151))
    assert [row.message for row in rows] == [row.message for row in server.rooms[ROOM]]
    assert epochs + epoch(alice) > 0
