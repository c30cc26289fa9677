"""The audit log: events go in unlinked; a sealer chains them. Spec: 3.17"""

import time
from collections.abc import Iterable

from django.db import DatabaseError, connection, transaction

from chat.models import AuditEvent, AuditHead
from chat.services.audit_rows import NEVER_WRITTEN, Row, address_digest, event_hash, rows, sound
from clawchat.protocol.primitives import random_bytes

# Events that are linked in one transaction, and written in one statement: whoever stores a message waits for no more.
BATCH = 200
NAME_LENGTH = 64

# Number, hash of the event before, hash, and the row's id.
Link = tuple[int, bytes, bytes, int]


def record(code: str, actor: str = "", subject: str = "", address: str = "", **details: object) -> None:
    """Write an event, in the transaction of what it describes."""
    _event(code, actor, subject, address, details).save()


class Batch:
    """Events that are written together: much less work than one after the other."""

    def __init__(self) -> None:
        self._events: list[AuditEvent] = []

    def record(self, code: str, actor: str = "", subject: str = "", address: str = "", **details: object) -> None:
        """One more event."""
        self._events.append(_event(code, actor, subject, address, details))

    def save(self) -> None:
        """Write them, in the order in which they came."""
        AuditEvent.objects.bulk_create(self._events, batch_size=BATCH)
        self._events = []


def seal_batch() -> int:
    """How many waiting events were numbered and linked, in id order; 0 when none wait, or another sealer was faster.

    What takes time is done before the transaction: whoever stores a message waits for the writing only.
    """
    # Asked every second: mostly there is nothing to do.
    if not AuditEvent.objects.filter(number=None).exists():
        return 0
    # The end before the events: whatever another sealer links from here on moves it, and then nothing of ours is
    # written.
    head, _ = AuditHead.objects.get_or_create(pk=1)
    number, digest = _end(head)
    waiting = AuditEvent.objects.filter(number=None).order_by("id")
    try:
        links = _links(rows(waiting[:BATCH]), number, digest)
    except (DatabaseError, *NEVER_WRITTEN):
        # Somebody has written into the table. That must show, and not stop the log: a walk names what is left out.
        links = _links(sound(waiting, BATCH), number, digest)
    if not links:
        return 0
    number, _, digest, _ = links[-1]
    with transaction.atomic():
        here = AuditHead.objects.filter(pk=1, number=head.number, hash=bytes(head.hash))
        if not here.update(number=number, hash=digest):
            return 0
        _write(links)
    return len(links)


def _event(code: str, actor: str, subject: str, address: str, details: dict[str, object]) -> AuditEvent:
    # Names of operators may be longer than the column, and begin with a mark that no text in CBOR may begin with.
    who, whom = (name.lstrip("\ufeff")[:NAME_LENGTH] for name in (actor, subject))
    event = AuditEvent(time_ms=time.time_ns() // 1_000_000, code=code, actor=who, subject=whom, details=details)
    if address:
        event.address = address
        event.address_salt = random_bytes(16)
        event.address_digest = address_digest(event.address_salt, address)
    return event


def _end(head: AuditHead) -> tuple[int, bytes]:
    """Number and hash to go on from. Should somebody have set the head back, the log goes on behind its last event."""
    last = AuditEvent.objects.exclude(number=None).order_by("-number").values_list("number", "hash").first()
    if last is not None and last[0] > head.number:
        return last[0], bytes(last[1])
    return head.number, bytes(head.hash)


def _links(events: Iterable[Row], number: int, digest: bytes) -> list[Link]:
    """The links of these events behind the one with this number and hash."""
    links = []
    for row in events:
        number += 1
        link = (number, digest, event_hash(row._replace(number=number, previous_hash=digest)))
        links.append((*link, row.id))
        digest = link[-1]
    return links


def _write(links: list[Link]) -> None:
    """Put numbers and hashes into the rows, in one go: the ORM would compare each row with each id."""
    quote, columns = connection.ops.quote_name, ("number", "previous_hash", "hash")
    assignments = ", ".join(f"{quote(name)} = %s" for name in columns)
    table, key = quote(AuditEvent._meta.db_table), quote("id")
    with connection.cursor() as cursor:
        cursor.executemany(f"UPDATE {table} SET {assignments} WHERE {key} = %s", links)  # noqa: S608
