"""The audit log: events are numbered in order, linked, and sealed once, whoever writes and whoever seals."""

import pytest

from chat.models import AuditEvent, AuditHead
from chat.services import audit
from chat.services.audit_chain import walk
from chat.services.audit_rows import BrokenLink, event_hash, rows


@pytest.fixture
def events(db) -> list[AuditEvent]:
    """Three sealed events."""
    audit.record("first", actor="operator")
    audit.record("second", subject="abc", address="192.0.2.1", count=2)
    audit.record("third")
    assert audit.seal_batch() == 3
    return list(AuditEvent.objects.order_by("id"))


def test_events_are_linked_in_the_order_of_their_ids(events):
    """Each names the hash of the one before; the head is the last one's."""
    assert [event.number for event in events] == [1, 2, 3]
    assert bytes(events[0].previous_hash) == bytes(32)
    assert bytes(events[2].previous_hash) == bytes(events[1].hash)
    assert bytes(AuditHead.objects.get().hash) == bytes(events[2].hash)
    assert walk().count == 3


def test_sealing_goes_on_where_it_stopped(events):
    """Also over a row that was committed late, with a lower id than sealed ones."""
    late = AuditEvent.objects.order_by("id").first().pk - 1
    AuditEvent.objects.create(pk=late, time_ms=1, code="late")

    assert audit.seal_batch() == 1
    assert audit.seal_batch() == 0
    assert AuditEvent.objects.get(pk=late).number == 4
    assert walk().count == 4


def test_more_than_a_batch_is_sealed_in_portions(db):
    """A portion is one short transaction; the next one goes on."""
    events = audit.Batch()
    for number in range(audit.BATCH + 7):
        events.record("flood", count=number)
    events.save()

    assert [audit.seal_batch() for _ in range(3)] == [audit.BATCH, 7, 0]
    assert walk().count == audit.BATCH + 7


@pytest.mark.parametrize(
    "change", [{"code": "x"}, {"actor": "x"}, {"subject": "x"}, {"details": {"count": 3}}, {"time_ms": 1}]
)
def test_any_change_breaks_the_chain(events, change):
    """Mallory with the database cannot rewrite what happened; test_audit_chain.py has every byte of every column."""
    AuditEvent.objects.filter(number=2).update(**change)

    with pytest.raises(BrokenLink, match="Event 2 "):
        walk()


def test_a_slower_sealer_writes_nothing(events, monkeypatch):
    """Two at once: the head moves by conditional update, and who comes second tries again."""
    audit.record("fourth")
    real = audit._end

    def lose(head):
        AuditHead.objects.update(number=99)
        return real(head)

    monkeypatch.setattr(audit, "_end", lose)

    assert audit.seal_batch() == 0
    assert AuditEvent.objects.filter(number=None).count() == 1


def test_nothing_to_seal_begins_no_transaction(events, django_assert_num_queries):
    """Asked every second by every process: a writer must not wait for it."""
    with django_assert_num_queries(1) as asked:
        assert audit.seal_batch() == 0

    assert all(query["sql"].startswith("SELECT") for query in asked.captured_queries)


def test_a_head_that_was_set_back_does_not_stop_the_log(events):
    """Events after it are linked behind the last one that is there; the walk tells what was done."""
    AuditHead.objects.update(number=1, hash=bytes(32))
    audit.record("fourth")

    assert audit.seal_batch() == 1
    assert AuditEvent.objects.get(code="fourth").number == 4


def test_what_is_no_json_does_not_stop_the_log(events):
    """Somebody with the database could otherwise keep everything after it unlinked."""
    row = next(rows(AuditEvent.objects.filter(number=1)))

    assert len(event_hash(row._replace(details="{"))) == 32
    assert event_hash(row._replace(details="{")) != event_hash(row._replace(details="{}"))


def test_a_long_name_is_cut(db):
    """An operator's may have 150 letters; PostgreSQL refuses what does not fit."""
    audit.record("first", actor="o" * 150, subject="s" * 150)

    event = AuditEvent.objects.get()
    assert (event.actor, event.subject) == ("o" * 64, "s" * 64)
