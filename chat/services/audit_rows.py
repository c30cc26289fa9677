"""Events as they stand in the table, and what links them.

hash = SHA-256("clawchat/1 audit\\0" || u64 number || previous hash || deterministic CBOR of the event), where the event
holds the row's id, time, code, actor, subject, details as text and, instead of an address, SHA-256(salt || address).
Spec: 3.17
"""

import json
from collections.abc import Iterator
from typing import NamedTuple

from django.db import DatabaseError, connection
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from chat.models import AuditEvent
from clawchat.protocol.encoding import encode_cbor, u64
from clawchat.protocol.errors import ClawChatError
from clawchat.protocol.key_schedule import PREFIXES
from clawchat.protocol.primitives import sha256

# What comes of a column that holds what we never put there.
NEVER_WRITTEN = (ClawChatError, TypeError, ValueError, AttributeError)


class BrokenLink(Exception):
    """The first event that does not fit, by its number; the text is one sentence for the operator."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(text)
        self.number = number


class Row(NamedTuple):
    """One event as it stands in the table; `details` is the text of its JSON."""

    id: int
    number: int | None
    time_ms: int
    code: str
    actor: str
    subject: str
    details: str
    address: str
    address_salt: bytes | None
    address_digest: bytes | None
    previous_hash: bytes | None
    hash: bytes | None


def rows(events: QuerySet[AuditEvent]) -> Iterator[Row]:
    """The events as they stand in the table, nothing of them read as anything else."""
    columns = [name for name in Row._fields if name != "details"]
    # An annotation may not have the name of a column; it comes last.
    values = events.annotate(text=Cast("details", TextField())).values_list(*columns, "text")
    place = Row._fields.index("details")
    for *found, text in values:
        yield Row(*found[:place], text, *found[place:])


def readable(events: QuerySet[AuditEvent]) -> list[Row]:
    """These events, up to the first one that cannot even be read: SQLite takes bytes that are no text for text."""
    try:
        return list(rows(events))
    except DatabaseError:
        keys = list(events.values_list("pk", flat=True))
    found: list[Row] = []
    for key in keys:
        try:
            found += rows(AuditEvent.objects.filter(pk=key))
        except DatabaseError:
            break
    return found


def sound(events: QuerySet[AuditEvent], most: int) -> list[Row]:
    """The first so many of these waiting events that can be linked. Slow: one after the other."""
    found: list[Row] = []
    for key in list(events.values_list("pk", flat=True)):
        found += [row for row in readable(AuditEvent.objects.filter(pk=key)) if can_be_linked(row)]
        if len(found) >= most:
            break
    return found


def can_be_linked(row: Row) -> bool:
    """Whether a waiting event holds nothing that we never put there."""
    try:
        event_hash(row._replace(number=1, previous_hash=bytes(32)))
    except NEVER_WRITTEN:
        return False
    return True


def event_hash(row: Row, *, with_id: bool = True) -> bytes:
    """The link of a numbered event. Version 0.1 linked them without the rows' ids.

    Raises: one of NEVER_WRITTEN.
    """
    texts = (row.code, row.actor, row.subject)
    # SQLite takes anything into any column.
    if not (isinstance(row.time_ms, int) and all(isinstance(text, str) for text in texts)):
        raise TypeError
    facts = {
        "time": row.time_ms,
        "code": row.code,
        "actor": row.actor,
        "subject": row.subject,
        "details": _steady(row.details),
        "address": bytes(row.address_digest or b""),
    }
    if with_id:
        facts["id"] = row.id
    return sha256(PREFIXES["audit"], u64(row.number), bytes(row.previous_hash), encode_cbor(facts))


def address_digest(salt: bytes, address: str) -> bytes:
    """What the chain holds instead of an address."""
    return sha256(salt, address.encode())


def problem_of(row: Row, previous: bytes) -> str:
    """What is wrong with an event that stands in its place behind one with the hash `previous`, in a sentence; empty
    when nothing is."""
    try:
        if bytes(row.previous_hash) != previous:
            return _wrong_link(row)
        if not _is_hash_of(row):
            return "its link does not fit what it says, so one of them was changed."
        if row.address:
            fits = address_digest(bytes(row.address_salt), row.address) == bytes(row.address_digest)
        else:
            # An address is erased with its salt, and never one without the other.
            fits = row.address_salt is None and row.address == ""
        as_written = _is_as_written(row.details)
    except NEVER_WRITTEN:
        return "a column holds what was never written there."
    if not fits:
        return "its address was changed."
    return "" if as_written else "the text of its details was changed."


def _wrong_link(row: Row) -> str:
    if _is_hash_of(row):
        return "it is linked to another event before it than the one that is there, so that one was rewritten."
    return "its link to the event before it was changed."


def _is_hash_of(row: Row) -> bool:
    return bytes(row.hash) in (event_hash(row), event_hash(row, with_id=False))


def _is_as_written(details: str) -> bool:
    """Whether this text of JSON is, to the byte, the one that was written; PostgreSQL keeps no text of it."""
    return connection.vendor != "sqlite" or json.dumps(json.loads(details)) == details


def _steady(details: str) -> str:
    """The same text for the same JSON; what is none is taken as it is, so that it holds up no sealer."""
    try:
        return json.dumps(json.loads(details), sort_keys=True, separators=(",", ":"))
    except ValueError:
        return details
