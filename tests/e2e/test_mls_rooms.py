"""Python members in rooms at a real server: moves of the port, restarts, removals, and what a thief has of a state."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from clawchat.client import Member, Pace, Room
from clawchat.client.rooms.room import load_group
from clawchat.client.rooms.rooms import Rooms
from clawchat.mls.group import Group
from clawchat.protocol.errors import PeerError
from tests.e2e.members import read_log
from tests.e2e.pairs import until
from tests.e2e.server import ROOT, ServerProcess

pytestmark = pytest.mark.e2e

SOON = 90
QUICK = {"pace": Pace(help=0.2, resync=0.2), "packages": 4}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One server for all of them, whose port moves."""
    server = ServerProcess(tmp_path_factory.mktemp("rooms") / "data", interval=10, lead=3, grace=4)
    server.start()
    yield server
    server.stop()


@contextlib.asynccontextmanager
async def members(server: ServerProcess, folder: Path, *names: str) -> AsyncIterator[list[Member]]:
    """Connected members as long as the block lasts; the first owns the server."""
    owner = (await asyncio.to_thread(server.create_invite, "--owner"))["invite"]
    found = [await Member.enrol(owner, folder / names[0].lower(), name=names[0], **QUICK)]
    try:
        for name in names[1:]:
            invite = (await found[0].client.request("invite.create"))["invite"]
            found.append(await Member.enrol(invite, folder / name.lower(), name=name, **QUICK))
        yield found
    finally:
        await asyncio.gather(*(member.close() for member in found))


async def room_of(people: list[Member]) -> list[Room]:
    """A room of these members, as each has it."""
    room = await people[0].create_room("Garden")
    await room.add(*[member.user_id for member in people[1:]])
    return [room, *[await member.room("Garden") for member in people[1:]]]


def texts(room: Room) -> list[str]:
    """What was said, as it stands in the archive."""
    return [entry.text if entry.kind == "text" else entry.kind for entry in room.entries if not entry.users]


async def test_rooms_over_port_moves_and_a_restart(server, tmp_path):
    """Three members talk through moves of the port, a commit at every move, and a restart: one transcript, nothing
    that was not read."""
    async with members(server, tmp_path, "Alice", "Bob", "Carol") as people:
        rooms = await room_of(people)
        for turn in range(3):
            port, posted = people[0].client.port, 0
            while people[0].client.port == port:
                for room in rooms:
                    room.post(f"turn {turn} number {posted}")
                posted += 1
                await asyncio.sleep(0.2)
            await rooms[turn].update()
            if turn == 1:
                await people[2].close()
                rooms[0].post("said while carol is away")
                people[2] = Member.open(tmp_path / "carol", **QUICK)
                await people[2].connect()
                rooms[2] = await people[2].room("Garden")
        await until(lambda: all(room.unsent == 0 for room in rooms), SOON)
        head = (await read_log(people[0].client, rooms[0].room_id))[-1]["seq"]
        await until(lambda: all(room.record.cursor == head for room in rooms), SOON)

        transcripts = [[(entry.seq, entry.id, entry.text) for entry in room.entries if entry.seq > 2] for room in rooms]
        assert transcripts[0] == transcripts[1] == transcripts[2]
        assert len(transcripts[0]) > 60
        assert "unreadable" not in {entry.kind for room in rooms for entry in room.entries}
        assert len({room.group.epoch_authenticator for room in rooms if room.group}) == 1


async def test_removed_device_opens_nothing_of_every_later_byte(server, tmp_path):
    """Mallory keeps her state and is given the whole log: after each kind of commit nothing of it opens."""
    async with members(server, tmp_path, "Alice", "Bob", "Mallory") as people:
        alice, bob, mallory = await room_of(people)
        await alice.send("mallory may read this")
        await until(lambda: texts(mallory)[-1:] == ["mallory may read this"], SOON)
        # A thief does not erase; what she had stays what she has.
        stolen = mallory.group
        await alice.remove(people[2].user_id)
        removal = alice.record.cursor
        await alice.send("first after the removal")
        await bob.update()
        await bob.send("after a path update")
        await alice.remove(people[1].user_id)
        await alice.add(people[1].user_id)
        await alice.send("after an add")
        rows = [row for row in await read_log(people[0].client, alice.room_id) if row["seq"] >= removal]

        assert len(rows) >= 7
        opened, group = [], stolen
        for row in rows:
            for state in (stolen, group):
                with contextlib.suppress(PeerError):
                    found = state.open(bytes(row["bytes"]))
                    group = found.group
                    opened.append((row["seq"], found.kind))
        assert set(opened) == {(removal, "removed")}
        with contextlib.suppress(PeerError):
            state = people[0].client.layer.get(alice.room_id).group.group_info()
            Group.join_externally(
                mallory.home.member,
                state,
                authenticated_data=b"\x01" + alice.room_id + bytes(16),
                random=os.urandom,
                now=0,
                rules=mallory.home.rules,
            )
            raise AssertionError("mallory came back by herself")


async def test_stolen_state_opens_nothing_two_path_updates_later(server, tmp_path):
    """A copy of bob's whole folder reads on until he and alice have made new keys; from then on it reads nothing."""
    async with members(server, tmp_path, "Alice", "Bob") as people:
        alice, bob = await room_of(people)
        await alice.send("before the theft")
        await until(lambda: texts(bob)[-1:] == ["before the theft"], SOON)
        at_theft = bob.record.cursor
        # The log of what was written ahead and the key file go with it.
        shutil.copytree(tmp_path / "bob", tmp_path / "stolen")
        await alice.send("the thief reads this")
        await bob.update()
        await alice.update()
        after = alice.record.cursor
        await alice.send("not this")
        await bob.send("nor this")
        rows = [row for row in await read_log(people[0].client, alice.room_id) if row["seq"] > at_theft]

        thief = Member.open(tmp_path / "stolen", **QUICK)
        layer = thief.client.layer
        assert isinstance(layer, Rooms)
        group = load_group(layer.home, alice.room_id)
        kinds = {}
        for row in rows:
            with contextlib.suppress(PeerError):
                found = group.open(bytes(row["bytes"]))
                group, kinds[row["seq"]] = found.group, found.payload
        assert b"the thief reads this" in kinds[at_theft + 1]
        assert max(kinds) <= after
        assert [seq for seq in kinds if seq > after] == []
        assert len([row for row in rows if row["seq"] > after]) == 2
        await thief.close()


async def test_ten_lines_of_the_documentation_are_a_member(server, tmp_path):
    """The very lines of docs/python-client.md, run as a program: it joins a room and answers."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python-client.md").read_text(), re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    async with members(server, tmp_path, "Alice") as (alice,):
        invite = (await alice.client.request("invite.create"))["invite"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        parrot = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, invite, cwd=tmp_path, env=environment, stdout=asyncio.subprocess.PIPE
        )
        try:
            async with asyncio.timeout(SOON):
                while "Parrot" not in {person.name for person in await alice.people()}:
                    await asyncio.sleep(0.2)
                room = await alice.create_room("Garden")
                await room.add("Parrot")
                await room.send("hello")
                async for message in alice.messages():
                    assert (message.text, message.sender_name) == ("Alice said: hello", "Parrot")
                    break
                assert await parrot.stdout.readline() == b"Garden: Alice: hello\n"
        finally:
            with contextlib.suppress(ProcessLookupError):
                parrot.send_signal(signal.SIGKILL)
            await parrot.wait()
