"""The writer: batches, order, the hook after the commit, and a database that goes away."""

import threading

import pytest
from django.db import OperationalError

from chat.services import writer
from chat.services.delivery import Append, Place, StoredRow
from chat.services.writer import BATCH, Writer
from clawchat.protocol.errors import Internal, Unavailable


def work(number: int) -> Append:
    """A message that only the fake store sees."""
    return Append(1, bytes(16), bytes(16), number.to_bytes(16, "big"), 1, 0, b"%d" % number)


def place(item: Append, seq: int) -> Place:
    """Where the fake store puts it."""
    row = StoredRow(item.room_id, seq, 1, 0, item.device_id, item.message_id, item.ciphertext, 0)
    return Place(item.room_id, seq, 0, row)


class Delivered:
    """What the writer handed over, and how to wait for it."""

    def __init__(self) -> None:
        self.outcomes: list = []
        self._count = threading.Condition()

    def __call__(self, finished) -> None:
        for _, done, outcome in finished:
            done(outcome)

    def note(self, outcome) -> None:
        with self._count:
            self.outcomes.append(outcome)
            self._count.notify()

    def wait_for(self, count: int) -> list:
        with self._count:
            assert self._count.wait_for(lambda: len(self.outcomes) >= count, 10)
            return self.outcomes


@pytest.fixture
def store(monkeypatch):
    """A store in memory: the batches it got, a gate that holds it, and what it raises."""

    class Store:
        batches: list[list[Append]] = []
        gate = threading.Event()
        problem: Exception | None = None

        def __call__(self, works, most_stored):
            assert self.gate.wait(10)
            self.batches.append(works)
            if self.problem:
                raise self.problem
            return [place(item, int(item.ciphertext)) for item in works]

    store = Store()
    store.batches = []
    store.gate.set()
    monkeypatch.setattr(writer, "store", store)
    monkeypatch.setattr(writer.connection, "close", lambda: None)
    return store


@pytest.fixture
def running(store):
    """A writer at work, and where its outcomes go."""
    delivered = Delivered()
    running = Writer(delivered)
    running.start()
    yield running, delivered
    store.gate.set()
    running.stop()


def test_what_waits_is_written_together_and_in_order(store, running):
    """One transaction for everything that came meanwhile, at most 256."""
    running, delivered = running
    store.gate.clear()
    for number in range(1 + BATCH + 10):
        running.submit(work(number), delivered.note)
    store.gate.set()

    outcomes = delivered.wait_for(1 + BATCH + 10)

    assert [outcome.seq for outcome in outcomes] == list(range(1 + BATCH + 10))
    assert max(len(batch) for batch in store.batches) <= BATCH
    assert len(store.batches) <= 3


def test_a_database_that_is_away_is_said_and_healed(store, running):
    """Nothing is stored and everybody is told; the next message goes through when it is back."""
    running, delivered = running
    store.problem = OperationalError("away")
    running.submit(work(1), delivered.note)
    delivered.wait_for(1)
    store.problem = None

    running.submit(work(2), delivered.note)

    outcomes = delivered.wait_for(2)
    assert isinstance(outcomes[0], Unavailable)
    assert outcomes[1].seq == 2


def test_a_bug_does_not_end_the_writer(store, running, caplog):
    """The one thread that writes outlives what it did not expect."""
    running, delivered = running
    store.problem = ZeroDivisionError()
    running.submit(work(1), delivered.note)
    delivered.wait_for(1)
    store.problem = None

    running.submit(work(2), delivered.note)

    outcomes = delivered.wait_for(2)
    assert isinstance(outcomes[0], Internal)
    assert outcomes[1].seq == 2


def test_stop_writes_what_waits(store):
    """Nothing that was handed in is dropped."""
    delivered = Delivered()
    stopping = Writer(delivered)
    store.gate.clear()
    for number in range(300):
        stopping.submit(work(number), delivered.note)
    stopping.start()
    store.gate.set()

    stopping.stop()

    assert len(delivered.outcomes) == 300


def test_the_hook_gets_the_stored_rows_before_anybody_is_told(store, settings, monkeypatch):
    """Between commit and acknowledgement, in the writer's thread."""
    order = []
    monkeypatch.setattr(writer, "import_string", lambda path: lambda rows: order.append((path, [r.seq for r in rows])))
    settings.CLAWCHAT_AFTER_COMMIT = "a.settings.module.hook"
    hooking = Writer(lambda finished: order.append("delivered"))

    hooking.submit(work(7), lambda outcome: None)
    hooking.start()
    hooking.stop()

    assert order == [("a.settings.module.hook", [7]), "delivered"]
