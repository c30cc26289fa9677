"""Walking the audit chain: whatever is changed, removed or put in, the first event that does not fit is named."""

import contextlib

import pytest
from django.db import DatabaseError, connection, transaction

from chat.models import AuditEvent, AuditHead
from chat.services import audit
from chat.services.audit_chain import Head, waiting_count, walk
from chat.services.audit_rows import BrokenLink, event_hash, problem_of, rows

COUNT = 12
CHANGED = 5


@pytest.fixture
def events(db) -> list[AuditEvent]:
    """Twelve sealed events, each with all that one can have."""
    for number in range(COUNT):
        audit.record(
            "banned", actor="operator", subject="ab" * 8, address=f"192.0.2.{number}", minutes=60, reason="x y"
        )
    assert audit.seal_batch() == COUNT
    return list(AuditEvent.objects.order_by("number"))


def broken(**options) -> BrokenLink:
    """What the walk finds."""
    with pytest.raises(BrokenLink) as caught:
        walk(**options)
    return caught.value


def columns() -> list[str]:
    """Every column of the table."""
    return [field.column for field in AuditEvent._meta.fields]


def flip(pk: int, column: str, place: int, mask: int) -> bool:
    """Change one byte of one column as it lies in the database; False when there is none at this place."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM chat_auditevent WHERE id = %s", [pk])
        (value,) = cursor.fetchone()
        is_number, is_text = isinstance(value, int), isinstance(value, str)
        data = bytearray(value.to_bytes(7) if is_number else value.encode() if is_text else bytes(value))
        if place >= len(data):
            return False
        data[place] ^= mask
        changed = int.from_bytes(data) if is_number else data.decode() if is_text else bytes(data)
        # Whoever writes to the file of a database is not asked whether it is JSON.
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA ignore_check_constraints = ON")
        try:
            cursor.execute(f"UPDATE chat_auditevent SET {column} = %s WHERE id = %s", [changed, pk])
        finally:
            if connection.vendor == "sqlite":
                cursor.execute("PRAGMA ignore_check_constraints = OFF")
    return True


@pytest.mark.parametrize("mask", [1, 64])
@pytest.mark.parametrize("column", columns())
def test_one_byte_changed_anywhere_names_the_event(events, column, mask):
    """Every byte of every column of an event, one after the other."""
    place, more, tried = 0, True, 0
    while more:
        with contextlib.suppress(DatabaseError), transaction.atomic():
            # A number or an id that another row has cannot be written, nor what PostgreSQL finds is no JSON.
            more = flip(events[CHANGED - 1].pk, column, place, mask)
            if more:
                found = broken()
                assert found.number == CHANGED, str(found)
                assert f"Event {CHANGED} " in str(found)
                tried += 1
                transaction.set_rollback(True)
        place += 1

    assert tried >= 6
    assert walk().count == COUNT


@pytest.mark.parametrize("number", [1, CHANGED, COUNT])
def test_one_row_removed_is_named(events, number):
    """At the beginning, in the middle, at the end."""
    AuditEvent.objects.filter(number=number).delete()

    found = broken()

    assert found.number == number
    assert f"Event {number} is missing" in str(found)


def test_a_number_that_was_changed_is_told_with_its_row(events):
    """What is missing stands elsewhere."""
    AuditEvent.objects.filter(number=CHANGED).update(number=500)

    assert str(broken()) == f"Event {CHANGED} is missing: its row {events[CHANGED - 1].pk} has the number 500."


def test_the_newest_rows_removed_are_named_by_the_note_of_the_end(events):
    """Whoever removes only rows."""
    AuditEvent.objects.filter(number__gt=COUNT - 3).delete()

    assert "Events 10 to 12 are missing" in str(broken())


def test_the_newest_rows_removed_with_the_note_are_named_by_a_head_from_elsewhere(events):
    """Whoever rewrites the database well cannot rewrite what was published."""
    head = Head(COUNT, bytes(events[-1].hash), "the connection file of Monday")
    kept = events[-4]
    AuditEvent.objects.filter(number__gt=kept.number).delete()
    AuditHead.objects.update(number=kept.number, hash=kept.hash)
    assert walk().last == kept.number

    found = broken(heads=[head])

    assert found.number == kept.number + 1
    assert "Events 10 to 12 are missing: by the connection file of Monday the log went on to 12." in str(found)


def test_a_log_that_was_rewritten_is_named_by_a_head_from_elsewhere(events):
    """Every hash made anew from one event on: the chain hangs together, and is not the one that was published."""
    published = [Head(event.number, bytes(event.hash), f"file {event.number}") for event in (events[3], events[8])]
    digest = bytes(events[3].hash)
    AuditEvent.objects.filter(number=CHANGED).update(actor="nobody")
    for row in rows(AuditEvent.objects.filter(number__gte=CHANGED).order_by("number")):
        previous, digest = digest, event_hash(row._replace(previous_hash=digest))
        AuditEvent.objects.filter(pk=row.id).update(previous_hash=previous, hash=digest)
    AuditHead.objects.update(hash=digest)
    assert walk().count == COUNT

    found = broken(heads=published)

    assert found.number == 9
    assert "file 9" in str(found)


def test_an_event_rewritten_with_its_own_link_is_named(events):
    """The next one is linked to what it was."""
    row = next(rows(AuditEvent.objects.filter(number=CHANGED)))._replace(code="nothing")
    AuditEvent.objects.filter(number=CHANGED).update(code="nothing", hash=event_hash(row))

    found = broken()

    assert found.number == CHANGED + 1
    assert "that one was rewritten" in str(found)


@pytest.mark.parametrize("number", [0, -3])
def test_a_row_put_in_before_the_first_is_named(events, number):
    """No event has such a number."""
    AuditEvent.objects.create(number=number, time_ms=1, code="x", previous_hash=bytes(32), hash=bytes(32))

    assert broken().number == number


def test_a_row_put_in_behind_the_last_is_named(events):
    """It is linked to nothing that anybody has noted."""
    AuditEvent.objects.create(number=COUNT + 1, time_ms=1, code="x", previous_hash=events[-1].hash, hash=bytes(32))

    assert broken().number == COUNT + 1


@pytest.mark.parametrize("change", [{"number": COUNT - 1}, {"hash": bytes(32)}, {"number": COUNT + 1}])
def test_a_note_of_the_end_that_was_changed_is_named(events, change):
    """The table of one row belongs to the log."""
    AuditHead.objects.update(**change)

    assert broken()


def test_a_note_of_the_end_that_was_removed_is_named(events):
    """Without it nobody could tell that the newest rows are there."""
    AuditHead.objects.all().delete()

    assert "not noted any more" in str(broken())


def test_an_address_can_be_erased_without_breaking_the_chain(events):
    """The chain holds only a salted digest of it."""
    AuditEvent.objects.update(address="", address_salt=None)

    assert walk().count == COUNT


def test_events_of_the_first_version_still_hang_together(events):
    """Their links did not hold the row's id."""
    digest = bytes(32)
    for row in rows(AuditEvent.objects.order_by("number")):
        old = row.number <= CHANGED
        previous, digest = digest, event_hash(row._replace(previous_hash=digest), with_id=not old)
        AuditEvent.objects.filter(pk=row.id).update(previous_hash=previous, hash=digest)
    AuditHead.objects.update(hash=digest)

    assert walk().count == COUNT


def test_waiting_events_are_counted_and_break_nothing(events):
    """They have no place yet."""
    audit.record("fourth")

    assert (walk().count, waiting_count()) == (COUNT, 1)


# PostgreSQL takes none of the others.
UNLINKABLE = ["time_ms = -5"]
if connection.vendor == "sqlite":
    UNLINKABLE += ["time_ms = 'x'", "actor = x'41'", "code = CAST(x'ff41' AS TEXT)", "address_digest = 'zz'"]


@pytest.mark.parametrize("change", UNLINKABLE)
def test_what_cannot_be_linked_is_named_and_stops_nothing(events, change):
    """A waiting row that a sealer stumbles over would otherwise keep every event behind it where it can be taken out
    unseen."""
    audit.record("policy_changed", actor="mallory")
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE chat_auditevent SET {change} WHERE number IS NULL")
    audit.record("revoked", actor="alice")

    assert audit.seal_batch() == 1
    assert audit.seal_batch() == 0

    row = AuditEvent.objects.filter(number=None).values_list("pk", flat=True).get()
    assert AuditEvent.objects.get(number=COUNT + 1).code == "revoked"
    assert str(broken()) == f"Row {row} waits to be linked and holds what was never written there."


def test_progress_is_told_after_each_portion(events, monkeypatch):
    """A chain of a million events takes a while."""
    monkeypatch.setattr("chat.services.audit_chain.PORTION", 5)
    heard = []

    walk(progress=heard.append)

    assert heard == [5, 10, 12]


def test_another_blank_in_the_text_of_details_is_named(events):
    """Even what says the same is not what was written. PostgreSQL keeps what JSON says, and no text of it."""
    row = next(rows(AuditEvent.objects.filter(number=CHANGED)))
    previous, changed = bytes(row.previous_hash), row._replace(details=row.details.replace(" ", "\n", 1))

    assert problem_of(row, previous) == ""
    assert changed != row
    assert bool(problem_of(changed, previous)) == (connection.vendor == "sqlite")


@pytest.mark.parametrize("portion", [3, 100])
def test_what_cannot_even_be_read_is_named(events, monkeypatch, portion):
    """Bytes that are no text, where SQLite was told that they are; PostgreSQL keeps its columns' kinds."""
    monkeypatch.setattr("chat.services.audit_chain.PORTION", portion)
    spoilt = "CAST(x'80' AS TEXT)" if connection.vendor == "sqlite" else "'\\x80'"
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE chat_auditevent SET previous_hash = {spoilt} WHERE number = %s", [CHANGED])

    assert broken().number == CHANGED
