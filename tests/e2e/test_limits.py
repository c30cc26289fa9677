"""Limits that an operator edits while people talk, on two nodes with PostgreSQL and Redis."""

import asyncio
import time

import pytest

from clawchat.client import Client
from clawchat.protocol.errors import ClawChatError, Limit
from clawchat.protocol.retry import retry_seconds
from tests.e2e.members import make_room, mls_message, read_log
from tests.e2e.server import ServerProcess
from tests.ports import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.paired, pytest.mark.timeout(400)]

CHANGE = "from chat.services.policy import change_policy; change_policy('operator', {limits})"
REGIONS = ("here", "there")
# A second is promised; the machine may be busy.
IN_FORCE_SECONDS = 4.0


@pytest.fixture
def nodes(tmp_path, postgres_server, redis_server):
    """Two nodes in two regions, so that each has one of two people."""
    front_port = free_port()
    services = {
        "DATABASE_URL": postgres_server,
        "REDIS_URL": redis_server,
        "CLAWCHAT_FRONT_URL": f"http://localhost:{front_port}",
    }
    nodes = []
    try:
        for region, port in zip(REGIONS, (front_port, None), strict=True):
            environment = {**services, "CLAWCHAT_REGION": region}
            made = {"interval": 3600, "lead": 120, "grace": 300, "front_port": port, "environment": environment}
            nodes.append(ServerProcess(tmp_path / "data", **made))
            nodes[-1].start()
        yield nodes
    finally:
        for node in nodes:
            node.stop()


async def say(client: Client, room_id: bytes, count: int) -> tuple[float, list[int]]:
    """How long so many messages take from the first to the last acknowledgement, and their places."""
    began = time.monotonic()
    messages = [mls_message(room_id, b"hello") for _ in range(count)]
    seqs = await asyncio.gather(*(client.send(room_id, body, message_id) for message_id, body in messages))
    return time.monotonic() - began, seqs


async def test_an_edited_limit_is_soon_in_force_on_every_node(tmp_path, nodes):
    """Each node slows its people down to it, none of them loses a message, and the next device is told when to come."""
    people = []
    for region, owner in zip(REGIONS, ("--owner", None), strict=True):
        invite = nodes[0].create_invite(*filter(None, [owner]))["invite"]
        people.append(await Client.enrol(invite, tmp_path / region, name=region, region=region))
    third = nodes[0].create_invite()["invite"]
    async with people[0], people[1]:
        assert people[0].port != people[1].port
        room_id, _ = await make_room(people[0], [people[1]])
        quick = await asyncio.gather(*(say(client, room_id, 5) for client in people))

        limits = "messages_per_second=1, message_burst=1, max_devices=2"
        await asyncio.to_thread(nodes[0].run, "shell", "-c", CHANGE.format(limits=limits))
        await asyncio.sleep(IN_FORCE_SECONDS)
        slow = await asyncio.gather(*(say(client, room_id, 5) for client in people))

        stored = {row["seq"] for row in await read_log(people[0], room_id)}
        charlie = asyncio.create_task(Client.enrol(third, tmp_path / "third", name="third", seconds=25))
        with pytest.raises(ClawChatError) as refused:
            await charlie

    # Five messages, one a second.
    assert min(took for took, _ in slow) > 3.0
    answered = [seq for _, seqs in (*quick, *slow) for seq in seqs]
    assert len(set(answered)) == 20
    assert set(answered) <= stored
    assert isinstance(refused.value, Limit)
    assert retry_seconds(refused.value.text) > 0
