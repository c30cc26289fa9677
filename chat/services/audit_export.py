"""The audit log as JSON lines, for whoever keeps or reads it elsewhere."""

import json
from collections.abc import Collection, Iterator
from datetime import UTC, datetime

from chat.models import AuditEvent
from chat.services.audit_rows import Row, rows

# Events that are read at once; an export of a million holds no more in memory, and no transaction open.
PORTION = 2000


def codes() -> list[str]:
    """Every code that is in the log, in the order of the alphabet; one quick question for each."""
    found, last = [], ""
    while last is not None:
        last = AuditEvent.objects.filter(code__gt=last).order_by("code").values_list("code", flat=True).first()
        if last is not None:
            found.append(last)
    return found


def lines(since: datetime | None = None, wanted: Collection[str] = ()) -> Iterator[str]:
    """The events since then, of these codes or of all, in the order in which they were written.

    A line has all that the chain needs to be checked elsewhere, the address only as long as it is kept.
    """
    events = AuditEvent.objects.order_by("id")
    if since is not None:
        events = events.filter(time_ms__gte=int(since.timestamp() * 1000))
    if wanted:
        events = events.filter(code__in=wanted)
    last = 0
    while portion := list(rows(events.filter(id__gt=last)[:PORTION])):
        yield from map(_line, portion)
        last = portion[-1].id


def _line(row: Row) -> str:
    at = datetime.fromtimestamp(row.time_ms / 1000, UTC)
    facts = {
        "number": row.number,
        "id": row.id,
        "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "time_ms": row.time_ms,
        "code": row.code,
        "actor": row.actor,
        "subject": row.subject,
        "details": _details(row.details),
        "address": row.address,
        "address_salt": _hex(row.address_salt),
        "address_digest": _hex(row.address_digest),
        "previous_hash": _hex(row.previous_hash),
        "hash": _hex(row.hash),
    }
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":"))


def _details(text: str) -> object:
    """As it stands there, also when somebody has made nonsense of it: an export is evidence."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _hex(value: bytes | None) -> str | None:
    return bytes(value).hex() if value is not None else None
