"""Connection rows: who is connected now, who was, and the limit on both."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from chat.models import Connection, ConnectionPolicy, Device, News
from chat.models.connection import SILENT_AFTER
from chat.services import audit, news, wraps
from chat.services.devices import Seat, activate
from clawchat.protocol.errors import Limit, Revoked

# A device that ends without goodbye leaves its place after 45 s; asking sooner than this makes no sense.
RETRY_SECONDS = 30


@dataclass(frozen=True)
class Arrival:
    """A device that has proved itself, and its connection's row."""

    device_pk: int
    device_id: bytes
    has_account: bool
    connection_pk: int


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
    device.save()
    live = Connection.objects.live(now)
    taken = live.exclude(device=device).values("device").distinct().count()
    if taken >= policy.max_devices:
        audit.record("limit_reached", subject=bytes(device.device_id).hex(), address=seat.address, devices=taken)
        return Limit(f"{RETRY_SECONDS} seconds until a next try makes sense: {taken} devices are connected")
    connection = Connection.objects.create(
        device=device,
        process=seat.process,
        address=seat.address or None,
        port=seat.port,
        opened_at=now,
        clock_ahead=seat.clock_ahead,
        seen_at=now,
    )
    if live.filter(device=device).exclude(pk=connection.pk).exists():
        news.tell(News.Kind.SECOND_SESSION, f"{bytes(device.device_id).hex()}:{connection.pk}")
    return Arrival(device.pk, bytes(device.device_id), device.member_id is not None, connection.pk)


def depart(connection_pk: int, why: str, bytes_in: int, bytes_out: int) -> None:
    """Close a connection's row."""
    Connection.objects.filter(pk=connection_pk, closed_at=None).update(
        closed_at=timezone.now(), why=why, bytes_in=bytes_in, bytes_out=bytes_out
    )


def keep_alive(connection_pks: Sequence[int]) -> None:
    """Say that these connections live, and close the rows that nobody has spoken for: their process ended."""
    now = timezone.now()
    Connection.objects.filter(pk__in=connection_pks, closed_at=None).update(seen_at=now)
    lost = Connection.objects.filter(closed_at=None, seen_at__lte=now - SILENT_AFTER)
    lost.update(closed_at=F("seen_at"), why="lost")


def connected_count(now: datetime | None = None) -> int:
    """How many devices have a live session, over all server processes."""
    return Connection.objects.live(now or timezone.now()).values("device").distinct().count()
