"""All keys change, and everything is burnt, on two nodes with real PostgreSQL and Redis while people talk."""

import asyncio
import contextlib
import re

import pytest

from clawchat.client import Client
from tests.e2e.pairs import Steady, converse, two_members, until
from tests.e2e.server import ServerProcess
from tests.e2e.workers import worker
from tests.ports import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

OVERLAP = 40
MASTER_KEY_BYTES = 32


@pytest.fixture
def nodes(tmp_path, postgres_server, redis_server):
    """Two nodes with one database, one Redis, one master key file; the second has the front door that people know."""
    front_port = free_port()
    environment = {
        "DATABASE_URL": postgres_server,
        "REDIS_URL": redis_server,
        "CLAWCHAT_FRONT_URL": f"http://localhost:{front_port}",
    }
    made = {"interval": 600, "lead": 3, "grace": 30, "environment": environment}
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(ServerProcess(tmp_path / "data", **made))
        second = stack.enter_context(ServerProcess(tmp_path / "data", front_port=front_port, **made))
        stack.enter_context(worker(first))
        yield [first, second]


async def test_keys_change_on_two_nodes_while_people_talk(tmp_path, nodes):
    """Both nodes open what the new master key has sealed, both end the handover, and nothing is lost or doubled."""
    first, second = nodes
    key_file = first.data_dir / "secrets" / "master.key"
    before, said = key_file.read_bytes(), []
    async with two_members(second, tmp_path) as clients:
        pins = clients[0]._device.pins

        async def course(talkers: list[Steady]) -> None:
            await asyncio.sleep(1)
            said.append(
                await asyncio.to_thread(first.run, "rotate_keys", "--all", "--overlap", str(OVERLAP), "--why", "yearly")
            )
            said.append(await asyncio.to_thread(first.run, "burn", "--drill", "--wait", "50"))
            await until(lambda: all(not set(pins) & set(client._device.pins) for client in clients), OVERLAP + 60)

        talkers, log = await converse(clients, Steady, course)
        for talker in talkers:
            talker.check(log)
    after = key_file.read_bytes()
    assert len(after) == MASTER_KEY_BYTES and after != before
    assert "Make a new backup of the master key file" in said[0]
    assert re.search(r"2 ports on 2 nodes.*Safe after [\d.]+ seconds", said[1], re.DOTALL)

    # A newcomer reads the new identity in his invitation, and the members come back after the end.
    newcomer = await Client.enrol(second.create_invite()["invite"], tmp_path / "nina", name="Nina")
    async with newcomer, Client.open(tmp_path / "alice") as alice:
        assert newcomer._device.pins == alice._device.pins
        await alice.request("directory")
