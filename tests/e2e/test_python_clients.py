"""Two Python clients at a real server whose port moves, and which dies once."""

import asyncio
import contextlib
import time

from clawchat.client import Client
from clawchat.protocol.bodies import ChatDelivery
from tests.e2e.members import make_room, message_id_of, mls_message, read_log
from tests.e2e.server import ServerProcess

PAUSE_SECONDS = 0.2
MOVES = 3
LONGEST_SECONDS = 50


class Talker:
    """One member: sends all the time, and writes down what comes and which ports it was on."""

    def __init__(self, client: Client, room_id: bytes) -> None:
        self.client, self.room_id = client, room_id
        self.sent: list[bytes] = []
        self.seqs: list[int] = []
        self.received: list[ChatDelivery] = []
        self.ports: list[int] = []

    async def talk(self, enough: asyncio.Event) -> None:
        """Send some messages a second, each once the one before is stored."""
        while not enough.is_set():
            message_id, message = mls_message(self.room_id, f"message {len(self.sent)}".encode())
            self.sent.append(message_id)
            self.seqs.append(await self.client.send(self.room_id, message))
            await asyncio.sleep(PAUSE_SECONDS)

    async def listen(self) -> None:
        """Write down every row."""
        async for event in self.client.events():
            if isinstance(event, ChatDelivery):
                self.received.append(event)

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
        alice = await Client.enrol(server.create_invite("--owner")["invite"], tmp_path / "alice", name="Alice")
        bob = await Client.enrol(server.create_invite()["invite"], tmp_path / "bob", name="Bob")
        async with alice, bob:
            talkers, log = await _talk_through_it_all(server, alice, bob)
    finally:
        await asyncio.to_thread(server.stop)

    for talker in talkers:
        own = [row for row in log if row["sender"] == talker.client.device_id]
        assert [row["message_id"] for row in own] == talker.sent
        assert [row["seq"] for row in own] == talker.seqs
        assert [(row.seq, message_id_of(row)) for row in talker.received] == [
            (row["seq"], row["message_id"]) for row in log
        ]
        assert len(set(talker.ports)) > MOVES
    ids = [row["message_id"] for row in log]
    assert len(set(ids)) == len(ids) == sum(len(talker.sent) for talker in talkers)


async def _talk_through_it_all(server: ServerProcess, alice: Client, bob: Client) -> tuple[list[Talker], list[dict]]:
    """Both members after the talk, and the room's log from the commit on that added bob."""
    room_id, commit_seq = await make_room(alice, [bob])
    talkers = [Talker(alice, room_id), Talker(bob, room_id)]
    enough = asyncio.Event()
    for talker in talkers:
        await talker.client.follow(room_id, after=commit_seq)
    background = [asyncio.create_task(run()) for talker in talkers for run in (talker.listen, talker.watch)]
    talking = [asyncio.create_task(talker.talk(enough)) for talker in talkers]
    try:
        began = time.monotonic()
        await _until(lambda: all(len(talker.ports) > 1 for talker in talkers), LONGEST_SECONDS)
        server.kill()
        await asyncio.to_thread(server.start)
        left = LONGEST_SECONDS - (time.monotonic() - began)
        await _until(lambda: all(len(set(talker.ports)) > MOVES for talker in talkers), left)
        enough.set()
        await asyncio.wait_for(asyncio.gather(*talking), 10)
        log = await read_log(alice, room_id, commit_seq)
        await _until(lambda: all(len(talker.received) >= len(log) for talker in talkers), 10)
    finally:
        for task in [*background, *talking]:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*background, *talking, return_exceptions=True)
    return talkers, log


async def _until(holds, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.05)
