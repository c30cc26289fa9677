"""What goes after its time, and what a shortened log means for readers."""

import time
from datetime import timedelta

from axes.models import AccessAttempt
from django.utils import timezone

from chat.models import Envelope, KeyPackage, News, Room, StagedBlob
from chat.services import key_packages, pruning, rooms, staging
from chat.services.delivery import store
from chat.services.pruning import MILLISECONDS_PER_DAY, prune_leftovers, prune_messages
from clawchat.protocol.primitives import sha256
from tests.chat.services.test_delivery import message

LONG_AGO = "2020-01-01T00:00Z"


def test_messages_go_after_the_retention(alice, room):
    """Older rows go, the cursor of a resuming device is raised over them, newer ones stay."""
    now_ms = time.time_ns() // 1_000_000
    store([message(alice, room) for _ in range(3)], now_ms - 91 * MILLISECONDS_PER_DAY)
    store([message(alice, room)], now_ms)

    assert prune_messages() == 3

    assert list(Envelope.objects.values_list("seq", flat=True)) == [4]
    [resumed] = rooms.resume(alice.pk, {bytes(room.room_id): 0})
    assert (resumed.cursor, resumed.head) == (3, 4)
    assert prune_messages() == 0


def test_a_long_log_goes_in_pieces(alice, room, monkeypatch):
    """Each piece in a transaction of its own, cut where the room says, with what a clock that was set back wrote."""
    monkeypatch.setattr(pruning, "ROWS_AT_ONCE", 2)
    cuts = []
    monkeypatch.setattr(time, "sleep", lambda _: cuts.append(Room.objects.get(pk=room.pk).pruned_through))
    now_ms = time.time_ns() // 1_000_000
    for days in (91, 91, 0, 91, 0):
        store([message(alice, room)], now_ms - days * MILLISECONDS_PER_DAY)

    assert prune_messages() == 4

    assert cuts == [2, 4]
    assert list(Envelope.objects.values_list("seq", flat=True)) == [5]
    [resumed] = rooms.resume(alice.pk, {bytes(room.room_id): 0})
    assert (resumed.cursor, resumed.head) == (4, 5)


def test_what_is_pruned_counts_no_more(alice, bob, room):
    """Each device gets back what was its own."""
    now_ms = time.time_ns() // 1_000_000
    store([message(alice, room, b"12345"), message(bob, room, b"123")], now_ms - 91 * MILLISECONDS_PER_DAY)
    store([message(alice, room, b"1")], now_ms)

    prune_messages()

    alice.device.refresh_from_db(), bob.device.refresh_from_db()
    assert (alice.device.stored_bytes, bob.device.stored_bytes) == (1, 0)


def test_retention_zero_keeps_everything(alice, room):
    """An operator may want a log for ever."""
    store([message(alice, room)], 1)

    assert prune_messages(0) == 0
    assert Envelope.objects.count() == 1


def test_leftovers_go(alice, room):
    """Staged blobs after an hour, news after a day, key packages after 30 days."""
    staging.stage(alice.pk, sha256(b"blob"), 4, 0, b"blob")
    StagedBlob.objects.update(touched_at=LONG_AGO)
    News.objects.create(kind="directory")
    News.objects.update(created_at=LONG_AGO)
    key_packages.put(alice.pk, [b"package"], b"last resort")
    KeyPackage.objects.update(created_at=LONG_AGO)

    prune_leftovers()

    assert not StagedBlob.objects.exists()
    assert not News.objects.exists()
    assert KeyPackage.objects.get().last_resort


def test_wrong_passwords_are_forgotten_after_a_day(db):
    """They are kept with an address, and count for a quarter of an hour."""
    for number in (1, 2):
        AccessAttempt.objects.create(ip_address=f"192.0.2.{number}", username="operator", failures_since_start=1)
    AccessAttempt.objects.filter(ip_address="192.0.2.1").update(
        attempt_time=timezone.now() - timedelta(days=1, hours=1)
    )

    assert prune_leftovers()["wrong passwords"] == 1
    assert AccessAttempt.objects.get().ip_address == "192.0.2.2"
