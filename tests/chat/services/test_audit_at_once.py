"""Writers and sealers of the audit log at the same instant, each in a thread with a database connection of its own."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection, transaction

from chat.models import AuditCheckpoint, AuditEvent, ConnectionPolicy
from chat.services import audit, audit_checkpoints
from chat.services.audit_chain import waiting_count, walk
from chat.services.identity import ensure_server

WRITERS, EACH, SEALERS = 3, 30, 3


@pytest.fixture
def server(transactional_db) -> None:
    """A server whose database waits for no one thread."""
    ensure_server()


def write(writer: int) -> None:
    """Some events, each in a transaction of its own that takes a while: they are committed in any order."""
    try:
        for number in range(EACH):
            with transaction.atomic():
                audit.record("scan", subject=str(writer), count=number)
                time.sleep(0.001 * (number % 3))
    finally:
        connection.close()


def seal(until: float) -> int:
    """As each server process does it, only more often."""
    sealed = 0
    try:
        while time.monotonic() < until:
            sealed += audit.seal_batch()
    except OperationalError:
        # SQLite in memory tells the one who came second to come again; the next round does.
        pass
    finally:
        connection.close()
    return sealed


def test_many_sealers_make_one_chain(server):
    """No event is left out, none is numbered twice, and every link holds."""
    with ThreadPoolExecutor(WRITERS + SEALERS) as threads:
        sealing = [threads.submit(seal, time.monotonic() + 2) for _ in range(SEALERS)]
        for writing in [threads.submit(write, number) for number in range(WRITERS)]:
            writing.result()
        sealed = sum(done.result() for done in sealing)
    while count := audit.seal_batch():
        sealed += count

    assert waiting_count() == 0
    assert sealed == walk().count == AuditEvent.objects.count()
    assert AuditEvent.objects.filter(code="scan").count() == WRITERS * EACH


def test_an_event_that_another_sealer_has_linked_is_not_linked_again(server, monkeypatch):
    """Not even when that one came between our looking at the events and our looking at the log's end."""
    read = audit.rows

    def read_slowly(events):
        found = list(read(events))
        monkeypatch.setattr(audit, "rows", read)
        audit.seal_batch()
        return found

    audit.record("scan")
    monkeypatch.setattr(audit, "rows", read_slowly)

    assert audit.seal_batch() == 0
    assert walk().count == AuditEvent.objects.count()


def prune() -> int:
    """As each server process does it every hour."""
    try:
        return audit_checkpoints.prune()
    except OperationalError:
        return 0  # as above
    finally:
        connection.close()


def test_two_who_shorten_the_log_leave_no_gap(server, monkeypatch):
    """The slower one puts no checkpoint back to where the other has long been."""
    monkeypatch.setattr(audit_checkpoints, "PORTION", 3)
    ConnectionPolicy.objects.update(audit_retention_days=1)
    for number in range(300):
        audit.record("scan", count=number)
    AuditEvent.objects.update(time_ms=0)
    while audit.seal_batch():
        pass
    audit.record("scan")
    audit.seal_batch()

    with ThreadPoolExecutor(2) as threads:
        for pruning in [threads.submit(prune) for _ in range(2)]:
            pruning.result()
    while audit.seal_batch():
        pass

    assert AuditCheckpoint.objects.get().number > 0
    assert walk().first == AuditEvent.objects.order_by("number").first().number
