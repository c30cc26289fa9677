"""Two Python clients at a real server with small limits on keys: new ones again and again, while the port moves."""

import asyncio
import contextlib
import itertools

import pytest

from clawchat.client import Client
from clawchat.client.connection import Connection
from clawchat.protocol.bodies import ChatDelivery
from tests.e2e.members import make_room, message_id_of, mls_message, read_log
from tests.e2e.server import ServerProcess

PAUSE_SECONDS = 0.05
# An epoch lasts ten seconds at least, and a client waits one more: so many rekeys take a while.
REKEYS_OF_EACH = 3
LONGEST_SECONDS = 120
SMALL_LIMITS = "from chat.services.policy import change_policy; change_policy('test', rekey_after_frames=16)"
ASK = "from chat.services.rekey import ask_everybody; ask_everybody('test')"


class Talker:
    """One member: sends all the time without waiting, and writes down what comes and what keys it had."""

    def __init__(self, client: Client, room_id: bytes) -> None:
        self.client, self.room_id = client, room_id
        self.sent: list[bytes] = []
        self.received: list[ChatDelivery] = []
        # The connections it had, and the last epoch seen on each.
        self.epochs: dict[Connection, int] = {}

    @property
    def rekeys(self) -> int:
        """How often its keys were made anew inside a session."""
        return sum(self.epochs.values())

    async def talk(self, enough: asyncio.Event) -> None:
        """Send steadily; every message has its place in the end."""
        answers = []
        for number in itertools.count():
            if enough.is_set():
                break
            message_id, message = mls_message(self.room_id, f"message {number}".encode())
            self.sent.append(message_id)
            answers.append(asyncio.create_task(self.client.send(self.room_id, message)))
            await asyncio.sleep(PAUSE_SECONDS)
        places = await asyncio.gather(*answers)
        assert places == sorted(places)

    async def listen(self) -> None:
        """Write down every row."""
        async for event in self.client.events():
            if isinstance(event, ChatDelivery):
                self.received.append(event)

    async def watch(self) -> None:
        """Write down each epoch."""
        while True:
            connection = self.client._line._current
            if connection is not None:
                self.epochs[connection] = connection.epoch
            await asyncio.sleep(0.02)


@pytest.mark.e2e
async def test_steady_talk_survives_rekeys_moves_and_a_request(tmp_path):
    """Keys change at small limits and on an operator's word, the port moves: nothing lost, doubled or reordered."""
    server = ServerProcess(tmp_path / "data", interval=20, lead=4, grace=4)
    await asyncio.to_thread(server.start)
    try:
        await asyncio.to_thread(server.run, "shell", "-c", SMALL_LIMITS)
        alice = await Client.enrol(server.create_invite("--owner")["invite"], tmp_path / "alice", name="Alice")
        bob = await Client.enrol(server.create_invite()["invite"], tmp_path / "bob", name="Bob")
        async with alice, bob:
            talkers, log = await _talk(server, alice, bob)
    finally:
        await asyncio.to_thread(server.stop)

    for talker in talkers:
        own = [row["message_id"] for row in log if row["sender"] == talker.client.device_id]
        assert own == talker.sent
        assert [(row.seq, message_id_of(row)) for row in talker.received] == [
            (row["seq"], row["message_id"]) for row in log
        ]
        assert talker.rekeys >= REKEYS_OF_EACH
        assert len(talker.epochs) > 1
    assert [row["seq"] for row in log] == list(range(log[0]["seq"], log[0]["seq"] + len(log)))
    assert "4408" not in server.log()


async def _talk(server: ServerProcess, alice: Client, bob: Client) -> tuple[list[Talker], list[dict]]:
    room_id, commit_seq = await make_room(alice, [bob])
    talkers = [Talker(alice, room_id), Talker(bob, room_id)]
    for talker in talkers:
        await talker.client.follow(room_id, after=commit_seq)
    enough = asyncio.Event()
    background = [asyncio.create_task(run()) for talker in talkers for run in (talker.listen, talker.watch)]
    talking = [asyncio.create_task(talker.talk(enough)) for talker in talkers]
    try:
        await _until(lambda: all(talker.rekeys for talker in talkers), LONGEST_SECONDS)
        await asyncio.to_thread(server.run, "shell", "-c", ASK)
        await _until(lambda: all(talker.rekeys >= REKEYS_OF_EACH for talker in talkers), LONGEST_SECONDS)
        await _until(lambda: all(len(talker.epochs) > 1 for talker in talkers), LONGEST_SECONDS)
        enough.set()
        await asyncio.gather(*talking)
        log = await read_log(alice, room_id, commit_seq)
        await _until(lambda: all(len(talker.received) >= len(log) for talker in talkers), 20)
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
