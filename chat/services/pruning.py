"""Removing what has had its time."""

import time
from datetime import timedelta

from axes.models import AccessAttempt
from django.db import transaction
from django.db.models import F, Max, QuerySet, Sum
from django.db.models.functions import Greatest, Length
from django.utils import timezone

from chat.models import Connection, Device, Envelope, KeyPackage, News, Room, Welcome
from chat.services import alerts, audit_checkpoints, bans, files, habits, staging, tallies, wraps
from chat.services.policy import current_policy

NEWS_KEPT = timedelta(days=1)
CONNECTIONS_KEPT = timedelta(days=90)
KEY_PACKAGES_KEPT = timedelta(days=30)
# Wrong passwords, with addresses: they count for a quarter of an hour.
ATTEMPTS_KEPT = timedelta(days=1)
MILLISECONDS_PER_DAY = 86_400_000
# Messages that go in one transaction, and how long it rests between two.
ROWS_AT_ONCE, PAUSE_SECONDS = 256, 0.15


def prune_leftovers() -> dict[str, int]:
    """How many rows of each kind were removed: all but log and files, which have their retention."""
    now = timezone.now()
    return {
        "staged blobs": staging.drop_old(),
        "unfinished files": files.drop_unfinished(),
        "news": News.objects.filter(created_at__lt=now - NEWS_KEPT).delete()[0],
        "connections": Connection.objects.filter(closed_at__lt=now - CONNECTIONS_KEPT).delete()[0],
        "key packages": KeyPackage.objects.filter(created_at__lt=now - KEY_PACKAGES_KEPT, last_resort=False).delete()[
            0
        ],
        "welcomes": Welcome.objects.filter(waiting=None).delete()[0],
        "wrong passwords": AccessAttempt.objects.filter(attempt_time__lt=now - ATTEMPTS_KEPT).delete()[0],
        "bans": bans.prune_bans(),
        "tallies": tallies.thin_out(),
        "alerts": alerts.prune_alerts(),
        "habits": habits.prune_habits(),
        "secrets of expired invites": wraps.drop_expired(),
        "audit events": audit_checkpoints.prune(),
        "addresses": audit_checkpoints.erase_addresses(),
    }


def prune_messages(retention_days: int | None = None) -> int:
    """How many rows of the log were removed because they are older than the retention; 0 days keeps all."""
    days = current_policy().retention_days if retention_days is None else retention_days
    if days == 0:
        return 0
    before_ms = time.time_ns() // 1_000_000 - days * MILLISECONDS_PER_DAY
    old = Envelope.objects.filter(stored_ms__lt=before_ms).values_list("room", flat=True).distinct()
    return sum(_prune_room(room_pk, before_ms) for room_pk in old)


def prune_files(retention_days: int | None = None) -> int:
    """How many files were removed because they are older than the retention; 0 days keeps all."""
    days = current_policy().retention_days if retention_days is None else retention_days
    return files.drop_old(days) if days else 0


def _prune_room(room_pk: int, before_ms: int) -> int:
    """A few rows a transaction, and a pause after each: whoever writes meanwhile waits for none of it long."""
    removed = count = _prune_some(room_pk, before_ms)
    while count == ROWS_AT_ONCE:
        time.sleep(PAUSE_SECONDS)
        count = _prune_some(room_pk, before_ms)
        removed += count
    return removed


@transaction.atomic
def _prune_some(room_pk: int, before_ms: int) -> int:
    # The room's lock keeps the writer out, and the note of how far the log was cut goes with the cut.
    room = Room.objects.select_for_update().get(pk=room_pk)
    log = Envelope.objects.filter(room=room)
    # Everything up to the last old row, whatever a clock that was set back wrote into one between.
    last = log.filter(stored_ms__lt=before_ms).aggregate(last=Max("seq"))["last"]
    if last is None:
        return 0
    cut = max(log.filter(seq__lte=last).order_by("seq").values_list("seq", flat=True)[:ROWS_AT_ONCE])
    Room.objects.filter(pk=room_pk).update(pruned_through=cut)
    going = log.filter(seq__lte=cut)
    _give_back(going)
    return going.delete()[0]


def _give_back(going: QuerySet[Envelope]) -> None:
    """Count these rows no more for the devices that sent them; in the order of their ids, as the writer locks them."""
    sizes = going.order_by("sender").values_list("sender").annotate(size=Sum(Length("ciphertext")))
    for device_pk, size in sizes:
        Device.objects.filter(pk=device_pk).update(stored_bytes=Greatest(F("stored_bytes") - size, 0))
