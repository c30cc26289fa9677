"""The audit log: events go in unlinked; a sealer chains them.

hash = SHA-256("clawchat/1 audit\\0" || u64 number || previous hash || deterministic CBOR of the event), where the event
holds time, code, actor, subject, details as text and, instead of an address, SHA-256(salt || address).
"""

import json
import time

from django.db import transaction

from chat.models import AuditEvent, AuditHead
from clawchat.protocol.encoding import encode_cbor, u64
from clawchat.protocol.primitives import random_bytes, sha256

BATCH = 500
_PREFIX = b"clawchat/1 audit\0"


def record(code: str, actor: str = "", subject: str = "", address: str = "", **details: object) -> None:
    """Write an event, in the transaction of what it describes."""
    event = AuditEvent(time_ms=time.time_ns() // 1_000_000, code=code, actor=actor, subject=subject, details=details)
    if address:
        event.address = address
        event.address_salt = random_bytes(16)
        event.address_digest = sha256(event.address_salt, address.encode())
    event.save()


def seal_batch() -> int:
    """How many waiting events were numbered and linked, in id order; 0 also when another sealer was faster."""
    with transaction.atomic():
        events = list(AuditEvent.objects.filter(number=None).order_by("id")[:BATCH])
        if not events:
            return 0
        head, _ = AuditHead.objects.get_or_create(pk=1)
        number, digest = head.number, bytes(head.hash)
        for event in events:
            number += 1
            event.number, event.previous_hash = number, digest
            digest = event.hash = event_hash(event)
        moved = AuditHead.objects.filter(pk=1, number=head.number).update(number=number, hash=digest)
        if not moved:
            return 0
        AuditEvent.objects.bulk_update(events, ["number", "previous_hash", "hash"])
    return len(events)


def verify() -> int:
    """How many sealed events hang together, from the first one kept to the head.

    Raises: ValueError naming the first number that does not fit.
    """
    previous, count = None, 0
    for event in AuditEvent.objects.exclude(number=None).order_by("number").iterator():
        fits = previous is None or (
            event.number == previous.number + 1 and bytes(event.previous_hash) == bytes(previous.hash)
        )
        if not fits or bytes(event.hash) != event_hash(event):
            raise ValueError(f"The audit chain is broken at event {event.number}.")
        previous, count = event, count + 1
    head = AuditHead.objects.filter(pk=1).first()
    if head and head.number and (previous is None or bytes(previous.hash) != bytes(head.hash)):
        raise ValueError(f"The audit chain ends before event {head.number}.")
    return count


def event_hash(event: AuditEvent) -> bytes:
    """The link of a numbered event."""
    facts = {
        "time": event.time_ms,
        "code": event.code,
        "actor": event.actor,
        "subject": event.subject,
        "details": json.dumps(event.details, sort_keys=True, separators=(",", ":")),
        "address": bytes(event.address_digest or b""),
    }
    return sha256(_PREFIX, u64(event.number), bytes(event.previous_hash), encode_cbor(facts))
