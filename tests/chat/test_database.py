"""Database threads: beside each other, healing, and said plainly when the database is away."""

import threading

import pytest
from django.db import OperationalError

from chat import database
from chat.database import THREADS, DatabaseThreads
from clawchat.protocol.errors import Unavailable


@pytest.fixture
async def threads():
    """The threads, ended after the test."""
    threads = DatabaseThreads()
    yield threads
    threads.close()


async def test_functions_run_beside_each_other(threads):
    """A slow one does not hold up the others."""
    import asyncio

    together = threading.Barrier(THREADS)

    positions = await asyncio.gather(*(threads.run(together.wait, 5) for _ in range(THREADS)))

    assert sorted(positions) == list(range(THREADS))


async def test_a_database_that_is_away_is_unavailable(threads, monkeypatch):
    """Whatever the driver says."""

    def ask():
        raise OperationalError("connection refused")

    with pytest.raises(Unavailable):
        await threads.run(ask)


async def test_a_connection_that_died_is_replaced(threads, monkeypatch):
    """What nobody noticed while it lay idle costs nobody an error."""
    asked = []

    class Connection:
        def is_usable(self):
            return False

        def close(self):
            asked.append("closed")

    def ask():
        asked.append("asked")
        if len(asked) == 1:
            raise OperationalError("server closed the connection unexpectedly")
        return 7

    monkeypatch.setattr(database, "connection", Connection())

    assert await threads.run(ask) == 7
    assert asked == ["asked", "closed", "asked"]


async def test_other_errors_are_not_touched(threads):
    """A bug stays a bug."""

    def ask():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await threads.run(ask)
