"""Two Python members who talk in a room of their own, and what they write down meanwhile."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from clawchat.client import Client
from clawchat.client.connection import Connection
from clawchat.ending import end_tasks
from clawchat.protocol.bodies import ChatDelivery
from tests.e2e.members import make_room, message_id_of, mls_message, read_log
from tests.e2e.server import ServerProcess

# How long the last messages may take once nobody says more.
SETTLE_SECONDS = 20


class Talker:
    """One member: what it sent, and what came. How it talks and what it watches is each test's own."""

    def __init__(self, client: Client, room_id: bytes) -> None:
        self.client, self.room_id = client, room_id
        self.sent: list[bytes] = []
        self.received: list[ChatDelivery] = []

    async def talk(self, enough: asyncio.Event) -> None:
        """Send until it is enough."""
        raise NotImplementedError

    async def watch(self) -> None:
        """Write down how the client is, for ever."""
        raise NotImplementedError

    async def listen(self) -> None:
        """Write down every row."""
        async for event in self.client.events():
            if isinstance(event, ChatDelivery):
                self.received.append(event)

    def check(self, log: list[dict]) -> None:
        """What it sent stands in the log once and in order, and all of the log has come."""
        assert [row["message_id"] for row in log if row["sender"] == self.client.device_id] == self.sent
        assert [(row.seq, message_id_of(row)) for row in self.received] == [
            (row["seq"], row["message_id"]) for row in log
        ]


class Steady(Talker):
    """Says something all the time, and waits for no answer. Units: `pause` in seconds."""

    pause = 0.05

    async def talk(self, enough: asyncio.Event) -> None:
        """Send until it is enough; every message has its place in the end."""
        answers = []
        while not enough.is_set():
            message_id, message = mls_message(self.room_id, f"message {len(self.sent)}".encode())
            self.sent.append(message_id)
            answers.append(asyncio.create_task(self.client.send(self.room_id, message)))
            await asyncio.sleep(self.pause)
        places = await asyncio.gather(*answers)
        assert places == sorted(places)

    async def watch(self) -> None:
        """Nothing to write down."""


class Watchful(Steady):
    """Writes down with which keys it talks, too."""

    def __init__(self, client: Client, room_id: bytes) -> None:
        super().__init__(client, room_id)
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
async def two_members(server: ServerProcess, folder: Path) -> AsyncIterator[tuple[Client, Client]]:
    """Alice, who owns the server, and Bob, both connected as long as the block lasts."""
    alice = await Client.enrol(server.create_invite("--owner")["invite"], folder / "alice", name="Alice")
    bob = await Client.enrol(server.create_invite()["invite"], folder / "bob", name="Bob")
    async with alice, bob:
        yield alice, bob


async def converse(
    clients: tuple[Client, Client], kind: type[Kind], course: Callable[[list[Kind]], Awaitable[None]]
) -> tuple[list[Kind], list[dict]]:
    """Both members after they talked for as long as `course` takes, and their room's log from the commit on that
    added the second; all of it has come to both."""
    first, second = clients
    room_id, commit_seq = await make_room(first, [second])
    talkers = [kind(client, room_id) for client in clients]
    for talker in talkers:
        await talker.client.follow(room_id, after=commit_seq)
    enough = asyncio.Event()
    background = [asyncio.create_task(run()) for talker in talkers for run in (talker.listen, talker.watch)]
    talking = [asyncio.create_task(talker.talk(enough)) for talker in talkers]
    try:
        await course(talkers)
        enough.set()
        async with asyncio.timeout(SETTLE_SECONDS):
            await asyncio.gather(*talking)
            log = await read_log(first, room_id, commit_seq)
        await until(lambda: all(len(talker.received) >= len(log) for talker in talkers), SETTLE_SECONDS)
    finally:
        await end_tasks([*background, *talking])
    return talkers, log


async def until(holds: Callable[[], bool], seconds: float) -> None:
    """Return as soon as it holds. Raises: TimeoutError."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.05)
