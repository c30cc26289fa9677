"""What a connection file says."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from django.conf import settings

from chat.models import AuditHead as AuditHeadRow
from chat.services import identity
from chat.services.identity import current_identity, server_id
from chat.services.wraps import current_wraps
from clawchat.protocol.connection_file import AuditHead, ConnectionInfo, Endpoint
from clawchat.protocol.suites import allowed_suites
from discovery.models import Publication

from .mirrors import public_locations
from .revocations import list_digest


def compose(endpoints: Sequence[Endpoint], now: int, next_rotation: int, grace: int) -> ConnectionInfo:
    """What a connection file should say at `now`: where the server is, who it is, until when.

    The heads of audit log and revocation list are put in when it is sealed.
    Units: seconds since 1970; `grace` in seconds. The file stays valid one whole interval beyond the next move, so a
    server whose mirrors take nothing for that long is still found.
    Spec: 3.8
    """
    newest = Publication.objects.newest()
    return ConnectionInfo(
        server_id=server_id(),
        server_name=settings.CLAWCHAT_SERVER_NAME,
        server_public=current_identity().public,
        endpoints=tuple(endpoints),
        serial=next_serial(newest, now),
        timestamp=now,
        valid_from=now,
        valid_until=max(next_rotation, now) + int(settings.CLAWCHAT_ROTATION["interval"]),
        next_rotation=next_rotation,
        grace_seconds=grace,
        location=settings.CLAWCHAT_LOCATION,
        urls=public_locations(),
        suites=allowed_suites(settings.CLAWCHAT_PQ_REQUIRED),
    )


def content_digest(info: ConnectionInfo) -> str:
    """Hex SHA-256 of what the file, its wraps and the list beside it tell a reader now, and of who signs them.

    Equal for two files that differ in serial, times, load or audit head only.
    """
    endpoints = tuple(replace(endpoint, load=0.0) for endpoint in info.endpoints)
    always_new = {"serial": 0, "timestamp": 0, "valid_from": 0, "valid_until": 0}
    plain = replace(info, endpoints=endpoints, audit_head=None, revocations=None, **always_new)
    said = (plain.encode(), current_wraps(), list_digest().encode())
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in said)).hexdigest()


def audit_head() -> AuditHead | None:
    """Where the audit log stands; None before its first event is sealed."""
    head = AuditHeadRow.objects.filter(number__gt=0).first()
    return AuditHead(head.number, bytes(head.hash)) if head else None


def next_serial(newest: Publication | None, now: int) -> int:
    """The serial after the last one; the clock lifts it, so a server restored from an old backup does not fall behind.

    Spec: 3.8
    """
    return max(newest.serial + 1 if newest else 0, now)


def current_kid() -> str:
    """16 hex digits: which discovery secret opens a file that is sealed now."""
    return identity.current_kid().hex()
