"""The soak in short: a crowd, a port that moves, a port taken by others, a worker and a server that are killed."""

import asyncio

import pytest

from tests.e2e.server import ServerProcess
from tests.soak.rows import Rows
from tests.soak.soak import Plan, Soak

pytestmark = [pytest.mark.e2e, pytest.mark.paired, pytest.mark.timeout(400)]


async def test_a_crowd_loses_nothing_while_ports_move_are_taken_and_processes_die(tmp_path):
    """For 25 clients in rooms of all and of a few, every log is whole, in order, and without a second copy."""
    server = ServerProcess(tmp_path / "data", interval=6, lead=2, grace=3)
    plan = Plan(clients=25, moves=8, pause=2.0, squatted=0.3, kills={2: "worker", 4: "server"}, longest=150)
    soak = Soak([server], Rows(server.data_dir), plan, tmp_path)
    try:
        await soak.start()
        await soak.prepare()
        outcome = await soak.run()
    finally:
        await soak.close()
        await asyncio.to_thread(server.stop)

    figures = outcome.figures
    assert outcome.is_good, (outcome.wrong, outcome.complaints, figures)
    assert outcome.wrong["received"] > outcome.wrong["sent"] > 25
    assert figures["moves"] >= plan.moves
    assert figures["ports that were taken"] > 0
    assert figures["killed"] == {"worker": 1, "server": 1}
