"""Two Python clients at a real server whose port moves, and which dies once."""

import asyncio

import pytest

from clawchat.client import Client, Room
from tests.e2e.pairs import Talker, converse, two_members, until
from tests.e2e.server import ServerProcess

pytestmark = pytest.mark.e2e

PAUSE_SECONDS = 0.2
MOVES = 3
LONGEST_SECONDS = 120


class Mover(Talker):
    """One member: sends all the time, and writes down which ports it was on."""

    def __init__(self, client: Client, room: Room) -> None:
        super().__init__(client, room)
        self.seqs: list[int] = []
        self.ports: list[int] = []

    async def talk(self, enough: asyncio.Event) -> None:
        """Send some messages a second, each once the one before is stored."""
        while not enough.is_set():
            self.sent.append(self.room.post(f"message {len(self.sent)}"))
            self.seqs.append(await self.room.stored(self.sent[-1]))
            await asyncio.sleep(PAUSE_SECONDS)

    async def watch(self) -> None:
        """Write down each port, in the order of the moves."""
        while True:
            port = self.client.port
            if port is not None and (not self.ports or self.ports[-1] != port):
                self.ports.append(port)
            await asyncio.sleep(0.05)


async def test_conversation_survives_moves_and_a_crash(tmp_path):
    """Through three moves of the port and a SIGKILL nothing is lost, nothing comes twice, all is in order."""
    server = ServerProcess(tmp_path / "data", interval=10, lead=3, grace=4)
    await asyncio.to_thread(server.start)
    try:
        async with two_members(server, tmp_path) as clients:
            talkers, log = await converse(clients, Mover, lambda talkers: _move_and_crash(server, talkers))
    finally:
        await asyncio.to_thread(server.stop)

    for talker in talkers:
        talker.check(log)
        assert [row["seq"] for row in log if row["sender"] == talker.client.device_id] == talker.seqs
        assert len(set(talker.ports)) > MOVES
    ids = [row["message_id"] for row in log]
    assert len(set(ids)) == len(ids) == sum(len(talker.sent) for talker in talkers)


async def _move_and_crash(server: ServerProcess, talkers: list[Mover]) -> None:
    """Wait for a move, kill the server, start it again, and wait for the other moves."""
    await until(lambda: all(len(talker.ports) > 1 for talker in talkers), LONGEST_SECONDS)
    server.kill()
    await asyncio.to_thread(server.start)
    await until(lambda: all(len(set(talker.ports)) > MOVES for talker in talkers), LONGEST_SECONDS)


async def test_a_server_that_stops_says_so_inside_the_session(tmp_path, caplog):
    """SIGTERM is no cut of the line: both members read close_notify before their sockets are closed."""
    caplog.set_level("INFO", "clawchat.client")
    server = ServerProcess(tmp_path / "data", interval=600, lead=5, grace=5)
    await asyncio.to_thread(server.start)
    try:
        async with two_members(server, tmp_path) as clients:
            await until(lambda: all(client.port is not None for client in clients), LONGEST_SECONDS)
            caplog.clear()
            await asyncio.to_thread(server.stop)
            await until(lambda: len(_ends(caplog)) == len(clients), LONGEST_SECONDS)
            ends = _ends(caplog)
    finally:
        await asyncio.to_thread(server.stop)

    assert ends == ["the connection ended: the server closed the connection"] * 2


def _ends(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if "connection ended" in one.getMessage()]
