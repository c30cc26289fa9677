"""One answer for all: nobody can tell a live port from one that drains, a tripwire or a decoy by what it says."""

import asyncio
import errno
from collections import Counter

import aiohttp
import pytest

from chat.models import ConnectionPolicy
from rotation.probes import PATH, Probe, probes, proper_request
from tests.ports import free_port
from tests.rotation.doors import LOOPBACK, Doors, run

READ_SECONDS = 10
# Short, so that the probes which only a deadline ends do not take long.
DEADLINE_SECONDS = 1
PROBES = probes()
# Past the upgrade: what somebody who knows the path, but no gate value, may try.
UPGRADED = proper_request()
FRAMES = [
    Probe("upgrade and silence", b"", ends_at_once=False),
    Probe("an unmasked frame", b"\x82\x05hello"),
    Probe("a reserved opcode", b"\x83\x80\0\0\0\0"),
    Probe("a frame of 2 GB", b"\x82\xff\0\0\0\0\x7f\xff\xff\xff\0\0\0\0"),
    Probe("a ping", b"\x89\x80\0\0\0\0", ends_at_once=False),
    Probe("a close", b"\x88\x80\0\0\0\0"),
]


@pytest.fixture
def four(doors: Doors) -> dict[str, int]:
    """A live port, one that drains, one that was live, and one that never was: port numbers by what they are."""
    numbers = {"live": doors.number, **{name: free_port() for name in ("draining", "tripwire", "decoy")}}
    doors.ports.open_chat(LOOPBACK, numbers["draining"], PATH)
    doors.ports.open_chat(LOOPBACK, numbers["tripwire"], PATH)
    doors.ports.arm_chat(numbers["tripwire"])
    doors.ports.open_chat(LOOPBACK, numbers["decoy"], PATH, tripwire=True)
    doors.ports._chat_limits.seconds = DEADLINE_SECONDS
    return numbers


async def answer(number: int, *pieces: bytes) -> tuple[bytes, str]:
    """What a port sends back to these pieces, each sent when the one before was answered, and how it ends."""
    reader, writer = await asyncio.open_connection(LOOPBACK, number)
    received = b""
    try:
        async with asyncio.timeout(READ_SECONDS):
            writer.write(pieces[0])
            for piece in pieces[1:]:
                received += await reader.readuntil(b"\r\n\r\n")
                writer.write(piece)
            while chunk := await reader.read(65536):
                received += chunk
    except ConnectionResetError as error:
        return received, errno.errorcode[error.errno]
    except BrokenPipeError:
        return received, errno.errorcode[errno.ECONNRESET]
    finally:
        writer.close()
    return received, "FIN"


async def answers(numbers: dict[str, int], *pieces: bytes) -> dict[str, tuple[bytes, str]]:
    """What each of the ports answers, all asked together."""
    found = await asyncio.gather(*(answer(number, *pieces) for number in numbers.values()))
    return dict(zip(numbers, found, strict=True))


@pytest.mark.parametrize("probe", [probe for probe in PROBES if probe.ends_at_once], ids=lambda probe: probe.name)
def test_every_kind_of_port_resets_a_probe(doors: Doors, four, probe):
    """Not a byte, and a reset, wherever it was sent."""
    assert set(run(answers(four, probe.data)).values()) == {(b"", "ECONNRESET")}


def test_every_kind_of_port_waits_as_long_for_the_rest_of_a_request(doors: Doors, four):
    """Halves of a request end by the same deadline, in the same way."""

    async def ask_all() -> list[dict[str, tuple[bytes, str]]]:
        halves = [probe.data for probe in PROBES if not probe.ends_at_once]
        return await asyncio.gather(*(answers(four, half) for half in halves))

    for found in run(ask_all()):
        assert set(found.values()) == {(b"", "ECONNRESET")}


@pytest.mark.parametrize("probe", FRAMES, ids=lambda probe: probe.name)
def test_every_kind_of_port_ends_an_upgraded_connection_alike(doors: Doors, four, probe):
    """Who has the path from somewhere, and no secret, learns no more from one port than from another."""
    found = run(answers(four, UPGRADED, probe.data))

    assert len(set(found.values())) == 1, found
    assert found["live"][0].startswith(b"HTTP/1.1 101 ")


def test_touches_of_tripwires_are_counted_one_for_each_connection(doors: Doors, four):
    """And those of live ports are strangers, as ever."""

    async def ask_all() -> None:
        for probe in PROBES:
            await answers(four, probe.data)

    run(ask_all())

    counts = Counter(number for _, number in doors.touches)
    assert counts == {four["tripwire"]: len(PROBES), four["decoy"]: len(PROBES)}
    assert len(doors.strangers) == 2 * len(PROBES)


async def talk_and_be_banned(doors: Doors) -> list[object]:
    """What a member on the port, and then a newcomer, get after their address was banned."""
    async with aiohttp.ClientSession() as session, session.ws_connect(doors.url) as inside:
        await inside.send_bytes(b"H1")
        told = [(await inside.receive(READ_SECONDS)).data]
        doors.banned.add(LOOPBACK)
        told.append(await answer(doors.number, UPGRADED))
        await inside.send_bytes(b"still here")
        return [*told, (await inside.receive(READ_SECONDS)).data]


def test_a_ban_is_a_reset_for_newcomers_and_nothing_for_members(doors: Doors):
    """Over real sockets; who is banned and knows the path gets the answer of somebody who does not."""
    assert run(talk_and_be_banned(doors)) == [b"AUTH_OK", (b"", "ECONNRESET"), b"still here"]
    assert doors.strangers == doors.touches == []


def test_the_operators_limits_hold_for_all_chat_ports(doors: Doors, four):
    """From the next connection on, whichever port it comes to."""
    doors.ports.limit(ConnectionPolicy(max_sockets=2, stranger_seconds=7))

    async def crowd() -> list[tuple[bytes, str]]:
        async with aiohttp.ClientSession() as session:
            sockets = [await session.ws_connect(doors.url) for _ in range(2)]
            found = await answers(four, UPGRADED)
            for ws in sockets:
                await ws.close()
        return list(found.values())

    assert run(crowd()) == [(b"", "ECONNRESET")] * 4
    assert doors.ports._chat_limits.seconds == 7
