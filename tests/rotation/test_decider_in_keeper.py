"""The keeper with threads of its own: it brings a port up alone, and its passes of the decider do not get lost."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from chat.database import DatabaseThreads
from clawchat.protocol.schedule import LeaseState
from rotation import deciding
from rotation.keeper import Keeper
from rotation.models import Node, PortLease
from rotation.services import arrive
from tests.rotation.keeping import FakeHub, FakePorts
from tests.rotation.rows import Shelf, T


@pytest.fixture
def node_pk(shelf, transactional_db) -> int:
    """A node that has just started."""
    return arrive("alpha", "alpha.example.org", T)


@pytest_asyncio.fixture
async def keeper(node_pk) -> AsyncIterator[Keeper]:
    """Its keeper; the wall clock stands still."""
    database = DatabaseThreads()
    yield Keeper(node_pk, "127.0.0.1", FakePorts(), FakeHub(), database, 10, clock=lambda: T)
    await asyncio.to_thread(database.close)


async def wait_for(condition) -> None:
    """Return when `condition()` is true."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_keeper_alone_opens_a_port(keeper):
    """No worker runs: planning, publishing, announcing and opening all happen within a moment."""
    keeper.start()
    async with asyncio.timeout(5):
        await keeper.is_open.wait()
    await keeper.stop()

    assert keeper._ports.open == {keeper.current.port: keeper.current.path}
    assert keeper.current.state == LeaseState.OPEN
    assert Shelf.held


async def test_its_own_passes_are_not_taken_for_a_workers(keeper):
    """Or it would leave the mirrors to a worker that is not there."""
    keeper.start()
    await keeper.is_open.wait()
    await asyncio.sleep(0.3)
    await keeper.stop()

    assert (await keeper._database.run(Node.objects.get)).ticks > 0
    assert keeper._deciding.others_seen_at is None


async def test_a_node_that_departs_says_goodbye(keeper):
    """The node counts as gone at once, and its lease stays for the next start."""
    keeper.start()
    await keeper.is_open.wait()
    await keeper.stop()
    await keeper.depart()

    node = await keeper._database.run(Node.objects.get)
    lease = await keeper._database.run(PortLease.objects.get)
    assert node.stopped_at is not None
    assert lease.state == LeaseState.OPEN


async def test_rows_that_change_during_a_pass_get_another_pass(keeper, monkeypatch):
    """A decision that was asked for while one was being made is made afterwards, once."""
    go_on, passes = threading.Event(), []

    def slow_tick(now: int, visit_all_mirrors: bool) -> None:
        passes.append(now)
        go_on.wait(10)

    monkeypatch.setattr(deciding, "tick", slow_tick)
    for _ in range(3):
        keeper._deciding.decide()
    await wait_for(lambda: passes)
    go_on.set()
    await wait_for(lambda: len(passes) == 2)
    await wait_for(lambda: not keeper._deciding.is_running)
    await asyncio.sleep(0.05)

    assert len(passes) == 2


async def test_a_pass_that_fails_is_logged_and_tried_again(keeper, monkeypatch, caplog):
    """A bug in the decider does not end the keeper."""

    def broken_tick(now: int, visit_all_mirrors: bool) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as broken:
        broken.setattr(deciding, "tick", broken_tick)
        keeper.start()
        await wait_for(lambda: "could not be decided" in caplog.text)
    async with asyncio.timeout(5):
        await keeper.is_open.wait()
    await keeper.stop()
