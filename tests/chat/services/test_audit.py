"""The audit chain: numbered in order, linked, and broken by any change."""

import pytest

from chat.models import AuditEvent, AuditHead
from chat.services import audit


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
    assert audit.verify() == 3


def test_sealing_goes_on_where_it_stopped(events):
    """Also over a row that was committed late, with a lower id than sealed ones."""
    audit.record("fourth")

    assert audit.seal_batch() == 1
    assert audit.seal_batch() == 0
    assert audit.verify() == 4


def test_a_slower_sealer_writes_nothing(events, monkeypatch):
    """Two at once: the head moves by conditional update, and who comes second tries again."""
    audit.record("fourth")
    real = AuditHead.objects.get_or_create

    def read_then_lose(**options):
        head, made = real(**options)
        AuditHead.objects.update(number=99)
        return head, made

    monkeypatch.setattr(AuditHead.objects, "get_or_create", read_then_lose)

    assert audit.seal_batch() == 0
    assert AuditEvent.objects.filter(number=None).count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("code", "nothing_happened"),
        ("actor", "somebody else"),
        ("subject", "x"),
        ("details", {"count": 3}),
        ("time_ms", 1),
        ("address_digest", bytes(32)),
    ],
)
def test_any_change_breaks_the_chain(events, field, value):
    """Mallory with the database cannot rewrite what happened."""
    AuditEvent.objects.filter(number=2).update(**{field: value})

    with pytest.raises(ValueError, match="event 2"):
        audit.verify()


def test_an_event_rewritten_with_its_links_breaks_the_chain(events):
    """Each hash covers the one before it: all that follow would have to be made anew, and the published head."""
    second, third = events[1:]
    second.code = "nothing_happened"
    second.hash = third.previous_hash = audit.event_hash(second)
    second.save()
    third.save()

    with pytest.raises(ValueError, match="event 3"):
        audit.verify()


def test_a_missing_event_breaks_the_chain(events):
    """Nor can she take something out, at the end or before it."""
    AuditEvent.objects.filter(number=2).delete()
    with pytest.raises(ValueError, match="event 3"):
        audit.verify()

    AuditEvent.objects.filter(number=3).delete()
    with pytest.raises(ValueError, match="ends before event 3"):
        audit.verify()


def test_an_address_can_be_erased_without_breaking_the_chain(events):
    """The chain holds only a salted digest of it."""
    AuditEvent.objects.update(address="", address_salt=None)

    assert audit.verify() == 3
