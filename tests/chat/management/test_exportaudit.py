"""`manage.py exportaudit`: one JSON object a line, with all that somebody elsewhere needs to check the chain."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chat.models import AuditEvent
from chat.services import audit, audit_export
from chat.services.audit_rows import Row, address_digest, event_hash, rows

HOUR_MS = 3_600_000


@pytest.fixture
def events(db) -> None:
    """Three sealed events, an hour apart, the last one now; and one that waits."""
    now = int(timezone.now().timestamp() * 1000)
    for number, code in enumerate(["banned", "scan", "banned"]):
        audit.record(code, actor="olga", subject="ab", address=f"192.0.2.{number}", why="K\u00e4se", count=number)
        AuditEvent.objects.filter(number=None).update(time_ms=now - (2 - number) * HOUR_MS)
        audit.seal_batch()
    audit.record("waiting")


def export(*arguments: str) -> list[dict]:
    """What is written, read line by line."""
    out = StringIO()
    call_command("exportaudit", *arguments, stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_every_event_is_one_line(events):
    """In their order, with everything; what waits has no number yet."""
    found = export()

    assert [(event["number"], event["code"]) for event in found] == [
        (1, "banned"),
        (2, "scan"),
        (3, "banned"),
        (None, "waiting"),
    ]
    assert found[1]["details"] == {"why": "K\u00e4se", "count": 1}
    assert found[1]["address"] == "192.0.2.1"
    assert found[1]["time"].endswith("Z")


def test_the_chain_can_be_checked_from_the_lines(events):
    """By whoever has them, without our database."""
    previous = bytes(32).hex()
    for event in export("--code", "banned", "--code", "scan"):
        raw = {name: bytes.fromhex(event[name]) for name in Row._fields if name.endswith(("salt", "digest", "hash"))}
        row = Row(**{**{name: event[name] for name in Row._fields}, **raw, "details": json.dumps(event["details"])})
        assert event["previous_hash"] == previous
        assert event_hash(row).hex() == event["hash"]
        assert address_digest(raw["address_salt"], event["address"]) == raw["address_digest"]
        previous = event["hash"]


@pytest.mark.parametrize(
    "since", ["90m", "1h30m", "yesterday", "2026-13-01", "", "1w", "99999999d", "\u0661d", "2026-11-22T25:00"]
)
def test_what_is_no_time_is_refused(events, since):
    """With what is one."""
    with pytest.raises(CommandError, match="7d"):
        export("--since", since)


def test_since_and_code_choose(events):
    """A span, an instant, a day; a code."""
    instant = (timezone.now() - timedelta(minutes=90)).isoformat()

    assert [event["number"] for event in export("--since", "0h")] == []
    assert [event["number"] for event in export("--since", "1d")] == [1, 2, 3, None]
    assert [event["number"] for event in export("--since", "999999d")] == [1, 2, 3, None]
    assert [event["number"] for event in export("--since", instant)] == [2, 3, None]
    assert [event["number"] for event in export("--since", "2020-01-01", "--code", "scan")] == [2]


def test_a_code_that_nobody_wrote_is_refused(events):
    """An empty export would look as if nothing had happened."""
    with pytest.raises(CommandError, match="bannned"):
        export("--code", "bannned")


def test_a_long_log_is_read_in_portions(db, monkeypatch):
    """However long it is, no more than one portion is in memory."""
    monkeypatch.setattr("chat.services.audit_export.PORTION", 10)
    batch = audit.Batch()
    for number in range(25):
        batch.record("scan", count=number)
    batch.save()

    with CaptureQueriesContext(connection) as queries:
        found = export()

    assert [event["details"]["count"] for event in found] == list(range(25))
    assert sum("LIMIT 10" in query["sql"] for query in queries.captured_queries) == 4


def test_what_somebody_made_of_the_details_is_exported_as_it_is(events):
    """An export is evidence."""
    row = next(rows(AuditEvent.objects.filter(number=2)))

    assert json.loads(audit_export._line(row._replace(details="{")))["details"] == "{"
