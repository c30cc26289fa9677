"""Two Python members who talk in an MLS room of their own, and what they write down meanwhile."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from clawchat.client import Client, Member, Room
from clawchat.client.connection import Connection
from clawchat.client.rooms.archive import Entry
from clawchat.client.rooms.rooms import Rooms
from clawchat.ending import end_tasks
from tests.e2e.members import read_log
from tests.e2e.server import ServerProcess

# How long the last messages may take once nobody says more.
SETTLE_SECONDS = 60


class Talker:
    """One member: what it sent, and what it read. How it talks and what it watches is each test's own."""

    def __init__(self, client: Client, room: Room) -> None:
        self.client, self.room = client, room
        self.sent: list[bytes] = []
        # Filled when the talk is over.
        self.read: list[Entry] = []

    async def talk(self, enough: asyncio.Event) -> None:
        """Send until it is enough."""
        raise NotImplementedError

    async def watch(self) -> None:
        """Write down how the client is, for ever."""
        raise NotImplementedError

    async def listen(self) -> None:
        """Read every message."""
        async for _ in Member(self.client).messages():
            pass

    def check(self, log: list[dict]) -> None:
        """What it sent stands in the log once and in order, and all of the log was read."""
        assert [row["message_id"] for row in log if row["sender"] == self.client.device_id] == self.sent
        read = [(entry.seq, entry.id) for entry in self.read if entry.kind == "text"]
        assert read == [(row["seq"], row["message_id"]) for row in log]
        assert "unreadable" not in {entry.kind for entry in self.read}


class Steady(Talker):
    """Says something all the time, and waits for no answer. Units: `pause` in seconds."""

    pause = 0.05

    async def talk(self, enough: asyncio.Event) -> None:
        """Send until it is enough; every message has its place in the end."""
        answers = []
        while not enough.is_set():
            self.sent.append(self.room.post(f"message {len(self.sent)}"))
            answers.append(asyncio.create_task(self.room.stored(self.sent[-1])))
            await asyncio.sleep(self.pause)
        places = await asyncio.gather(*answers)
        assert places == sorted(places)

    async def watch(self) -> None:
        """Nothing to write down."""


class Watchful(Steady):
    """Writes down with which keys it talks, too."""

    def __init__(self, client: Client, room: Room) -> None:
        super().__init__(client, room)
        # The connections it had, and the last epoch seen on each.
        self.epochs: dict[Connection, int] = {}

    async def watch(self) -> None:
        """Write down each connection and its keys."""
        while True:
            connection = self.client._line._current
            if connection is not None:
                self.epochs[connection] = connection.epoch
            await asyncio.sleep(0.02)


Kind = TypeVar("Kind", bound=Talker)


@contextlib.asynccontextmanager
async def two_members(
    server: ServerProcess, folder: Path, bobs: type[Client] = Client
) -> AsyncIterator[tuple[Client, Client]]:
    """Alice, who owns the server, and Bob with a client of his kind, both connected as long as the block lasts."""
    alice = await Client.enrol(server.create_invite("--owner")["invite"], folder / "alice", name="Alice", layer=Rooms)
    bob = await bobs.enrol(server.create_invite()["invite"], folder / "bob", name="Bob", layer=Rooms)
    async with alice, bob:
        yield alice, bob


async def converse(
    clients: tuple[Client, Client], kind: type[Kind], course: Callable[[list[Kind]], Awaitable[None]]
) -> tuple[list[Kind], list[dict]]:
    """Both members after they talked for as long as `course` takes, and what they wrote as the room's log has it; all
    of it was read by both. The clients have rooms."""
    first, second = (Member(client) for client in clients)
    room = await first.create_room("Talk")
    await room.add(second.user_id)
    rooms = [room, await second.room(room.room_id)]
    await until(lambda: all(each.name and not each.unsent for each in rooms), SETTLE_SECONDS)
    start = room.record.cursor
    talkers = [kind(client, each) for client, each in zip(clients, rooms, strict=True)]
    enough = asyncio.Event()
    background = [asyncio.create_task(run()) for talker in talkers for run in (talker.listen, talker.watch)]
    talking = [asyncio.create_task(talker.talk(enough)) for talker in talkers]
    try:
        await course(talkers)
        enough.set()
        async with asyncio.timeout(SETTLE_SECONDS):
            await asyncio.gather(*talking)
            log = await read_log(clients[0], room.room_id, start)
        await until(lambda: all(each.record.cursor >= start + len(log) for each in rooms), SETTLE_SECONDS)
        for talker in talkers:
            talker.read = talker.room.entries
    finally:
        await end_tasks([*background, *talking])
    return talkers, log


async def until(holds: Callable[[], bool], seconds: float) -> None:
    """Return as soon as it holds. Raises: TimeoutError."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.05)
