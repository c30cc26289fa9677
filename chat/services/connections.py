"""Connection rows: who is connected now, who was, and the limit on both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from chat.models import Connection, ConnectionPolicy, Device, News, ServerIdentity
from chat.models.connection import SILENT_AFTER
from chat.retry import retry_text
from chat.services import audit, crowd, floods, news, wraps
from chat.services.devices import Seat, activate
from clawchat.protocol.errors import Limit, Revoked

# A device that ends without goodbye leaves its place after 45 s; asking sooner than this makes no sense.
RETRY_SECONDS = 30
# Rows that are closed in one round because their process ended; the next round has the others.
MOST_LOST = 500
LOST = "lost"
# What a connection carried, as its row has it.
COUNTED = ("bytes_in", "bytes_out", "messages_in", "frames_refused")


@dataclass(frozen=True)
class Arrival:
    """A device that has proved itself, and its connection's row."""

    device_pk: int
    device_id: bytes
    has_account: bool
    connection_pk: int
    # Whether the operator wants another pair than the one it came with.
    is_pair_due: bool = False


@transaction.atomic
def arrive(device_pk: int, psk_id: bytes, seat: Seat) -> Arrival | Limit:
    """The device's arrival, or the refusal to send it once its session stands.

    The pair that passed is made active also when the device is refused for the limit: the handshake did succeed.
    Raises: revoked; unauthentic (the pair was replaced meanwhile).
    """
    # One arrival at a time, or two processes would give away the last place twice.
    policy = ConnectionPolicy.objects.select_for_update().get(pk=1)
    if Device.objects.filter(pk=device_pk).exclude(psk_id=psk_id).exists():
        # It comes with a new pair, under which the secret is wrapped.
        wraps.lock_secret()
    device = Device.objects.select_for_update().get(pk=device_pk)
    if device.revoked_at:
        raise Revoked
    now = timezone.now()
    activate(device, psk_id)
    device.last_seen_at = now
    device.client_name = seat.client_name
    device.server_identity = ServerIdentity.objects.filter(public=seat.server_public).first()
    device.save()
    live = Connection.objects.live(now)
    if full := crowd.reason_to_refuse(policy, device, seat.address, live):
        audit.record("limit_reached", subject=bytes(device.device_id).hex(), address=seat.address, why=full)
        return Limit(retry_text(RETRY_SECONDS, full))
    connection = Connection.objects.create(
        device=device,
        process=seat.process,
        address=seat.address or None,
        port=seat.port,
        opened_at=now,
        clock_ahead=seat.clock_ahead,
        seen_at=now,
        suite=seat.suite,
        keys_since=now,
    )
    audit.record("authenticated", subject=bytes(device.device_id).hex(), address=seat.address, port=seat.port)
    if live.filter(device=device).exclude(pk=connection.pk).exists():
        surplus = crowd.surplus(policy, device, live)
        news.tell(News.Kind.SECOND_SESSION, f"{bytes(device.device_id).hex()}:{connection.pk}:{surplus}")
    is_due = Device.objects.due().filter(pk=device_pk).exists()
    return Arrival(device.pk, bytes(device.device_id), device.member_id is not None, connection.pk, is_due)


@dataclass(frozen=True)
class Ending:
    """How a connection ended, and what it carried. `refused`: frames by the error's code, not yet in the audit log."""

    why: str
    bytes_in: int = 0
    bytes_out: int = 0
    messages_in: int = 0
    frames_refused: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)


@transaction.atomic
def depart(connection_pk: int, ending: Ending) -> None:
    """Close a connection's row; the audit log has its end once."""
    counts = {name: getattr(ending, name) for name in COUNTED}
    _close(connection_pk, timezone.now(), ending.why, **counts)
    note_refused([(connection_pk, ending.refused)])


def note_refused(refused: Sequence[tuple[int, Mapping[str, int]]]) -> None:
    """Put refused frames into the audit log: one event for each connection, by its row, with the counts by code."""
    counts = {connection_pk: found for connection_pk, found in refused if found}
    if not counts:
        return
    events, by_device = audit.Batch(), {}
    for row in Connection.objects.select_related("device").filter(pk__in=counts):
        device = bytes(row.device.device_id).hex()
        events.record("frames_refused", subject=device, address=row.address or "", **counts[row.pk])
        by_device[device] = counts[row.pk]
    events.save()
    floods.judge_frames(by_device)


@transaction.atomic
def note_new_keys(since: Mapping[int, float]) -> None:
    """Say since when the sessions of these connections have the keys they use, in seconds since 1970; the audit log
    has that they are new."""
    events = audit.Batch()
    with transaction.atomic():
        for row in Connection.objects.select_related("device").filter(pk__in=since, closed_at=None):
            at = datetime.fromtimestamp(since[row.pk], UTC)
            if row.keys_since != at:
                Connection.objects.filter(pk=row.pk, closed_at=None).update(keys_since=at)
                events.record("session_rekeyed", subject=bytes(row.device.device_id).hex())
        events.save()


def keep_alive(connection_pks: Sequence[int]) -> None:
    """Say that these connections live, and close the rows that nobody has spoken for: their process ended, it seems."""
    now = timezone.now()
    ours = Connection.objects.filter(pk__in=connection_pks)
    # While this process could not reach the database, or by a wrong clock, another one took them for lost.
    ours.filter(why=LOST).update(closed_at=None, why="")
    ours.filter(closed_at=None).update(seen_at=now)
    lost = Connection.objects.filter(closed_at=None, seen_at__lte=now - SILENT_AFTER)
    for connection_pk, seen_at in lost.values_list("pk", "seen_at")[:MOST_LOST]:
        with transaction.atomic():
            _close(connection_pk, seen_at, LOST)


def _close(connection_pk: int, at: datetime, why: str, **counts: int) -> None:
    """Close a row that is open, with its event. In a transaction."""
    if not Connection.objects.filter(pk=connection_pk, closed_at=None).update(closed_at=at, why=why, **counts):
        return
    row = Connection.objects.select_related("device").get(pk=connection_pk)
    # A clock that was set back makes nothing last less than no time.
    seconds = max(0, round((at - row.opened_at).total_seconds()))
    device = bytes(row.device.device_id).hex()
    facts = {name: getattr(row, name) for name in ("port", *COUNTED)}
    audit.record("connection_closed", subject=device, address=row.address or "", seconds=seconds, why=why, **facts)


def connected_by_suite(now: datetime | None = None) -> dict[str, int]:
    """How many devices have a live session with each suite: `hybrid`, `classic`, and `unknown` for rows from before
    suites were written.

    A device with sessions of two suites is counted with both.
    """
    live = Connection.objects.live(now or timezone.now()).order_by()
    found = dict(live.values_list("suite").annotate(Count("device", distinct=True)))
    return {**{suite.name.lower(): found.get(suite, 0) for suite in Connection.Suite}, "unknown": found.get(None, 0)}


def connected_count(now: datetime | None = None) -> int:
    """How many devices have a live session, over all server processes."""
    return Connection.objects.live(now or timezone.now()).values("device").distinct().count()
