"""A file between two members at a real server: over a server that is killed and a move of the port, byte for byte."""

import asyncio
import contextlib

import pytest

from clawchat.client import Member, Pace
from clawchat.client.rooms.downloads import Downloads
from clawchat.client.rooms.uploads import Uploads
from clawchat.protocol.primitives import random_bytes
from tests.e2e.pairs import until
from tests.e2e.server import ServerProcess

pytestmark = pytest.mark.e2e

SOON = 90
# Ninety-six chunks.
PLAIN = random_bytes(5_000_000)
QUICK = {"pace": Pace(help=0.2, resync=0.2), "packages": 4}


@pytest.fixture
def lines(monkeypatch):
    """Lines that carry so many chunks up and so many questions down as they are told to."""
    send, ask = Uploads._send, Downloads._ask_for
    up, down = asyncio.Semaphore(0), asyncio.Semaphore(0)

    async def send_in_turn(*arguments):
        await up.acquire()
        return await send(*arguments)

    async def ask_in_turn(*arguments):
        await down.acquire()
        return await ask(*arguments)

    monkeypatch.setattr(Uploads, "_send", send_in_turn)
    monkeypatch.setattr(Downloads, "_ask_for", ask_in_turn)
    return up, down


def let(line, count):
    """Let so many more through."""
    for _ in range(count):
        line.release()


@contextlib.asynccontextmanager
async def two_members(server, folder):
    """Alice and bob, connected, in a room; bob came by alice's invitation."""
    owner = await asyncio.to_thread(server.create_invite, "--owner")
    async with await Member.enrol(owner["invite"], folder / "alice", name="Alice", **QUICK) as alice:
        invite = (await alice.client.request("invite.create"))["invite"]
        async with await Member.enrol(invite, folder / "bob", name="Bob", **QUICK) as bob:
            room = await alice.create_room("Garden")
            await room.add(bob.user_id)
            yield alice, bob, room, await bob.room("Garden")


async def move(server, member):
    """The port moves, and the member with it."""
    before = member.client.port
    await asyncio.to_thread(server.run, "rotateports")
    await until(lambda: member.client.port not in (before, None), SOON)


async def test_a_file_survives_a_killed_server_and_a_move_of_the_port(tmp_path, lines):
    """Five million bytes: the server is killed while they are sent, and the port moves while they are fetched; they
    arrive whole, nothing is begun anew, and what the server kept has no piece of them.
    """
    up, down = lines
    quick = {"DJANGO_SETTINGS_MODULE": "tests.e2e.quick_settings"}
    server = ServerProcess(tmp_path / "data", interval=3600, lead=1, grace=2, environment=quick)
    server.start()
    try:
        async with two_members(server, tmp_path) as (alice, bob, room, there):
            sent, fetched = [0], [0]
            sending = asyncio.create_task(
                alice.send_file(
                    room, PLAIN, name="holiday.jpg", text="look", progress=lambda have, _: sent.append(have)
                )
            )
            let(up, 30)
            await until(lambda: sent[-1] > 0, SOON)
            await asyncio.to_thread(server.kill)
            let(up, 1000)
            await asyncio.to_thread(server.start)
            await asyncio.wait_for(sending, SOON)

            message = await anext(bob.messages())
            fetching = asyncio.create_task(
                bob.fetch_file(there, message.attachments[0], tmp_path, lambda have, _: fetched.append(have))
            )
            let(down, 2)
            await until(lambda: fetched[-1] > 0, SOON)
            await move(server, bob)
            let(down, 100)
            path = await asyncio.wait_for(fetching, SOON)

            assert (message.text, path) == ("look", tmp_path / "holiday.jpg")
            assert path.read_bytes() == PLAIN
            assert sent == sorted(sent) and fetched == sorted(fetched), "something was begun anew"
    finally:
        server.stop()
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    assert len(kept) > len(PLAIN)
    assert not any(PLAIN[at : at + 32] in kept for at in range(0, len(PLAIN), 500_000))
    assert b"holiday" not in kept
