"""The room log: places, repeats, epochs, commits, and what one failure takes with it."""

import dataclasses
import threading
import time

import pytest
from django.db import DataError, IntegrityError, OperationalError, connection, transaction

from chat.models import Envelope, GroupInfo, Membership, News, WaitingWelcome, Welcome
from chat.services import delivery, devices, log
from chat.services.commits import Commit
from chat.services.delivery import PREVIOUS_EPOCH_MS, Append, Place, store
from clawchat.protocol.errors import Internal, Limit, Malformed, NotMember, Revoked, StaleEpoch
from clawchat.protocol.primitives import random_bytes
from clawchat.protocol.retry import retry_seconds

NOW = 1_900_000_000_000


def message(person, room, text: bytes = b"hello", epoch: int = 1, kind: int = 1) -> Append:
    """A message by somebody's device."""
    return Append(person.pk, person.id, bytes(room.room_id), random_bytes(16), kind, epoch, text)


def commit(person, room, epoch: int = 1, added=(), removed=(), welcome: bytes | None = b"welcome") -> Append:
    """A commit by somebody's device."""
    change = Commit(tuple(added), tuple(removed), welcome if added else None, b"tree %d" % (epoch + 1))
    return dataclasses.replace(message(person, room, b"commit", epoch, Envelope.Kind.COMMIT), commit=change)


def test_rows_count_without_gaps(alice, bob, room):
    """In the order they were handed in, whoever sent them."""
    outcomes = store([message(alice, room, b"1"), message(bob, room, b"2"), message(alice, room, b"3")], NOW)

    assert [outcome.seq for outcome in outcomes] == [1, 2, 3]
    assert list(Envelope.objects.order_by("seq").values_list("seq", "stored_ms")) == [(n, NOW) for n in (1, 2, 3)]
    room.refresh_from_db()
    assert room.head == 3


def test_a_repeat_gets_the_place_it_has(alice, room):
    """Whatever its bytes, in the same batch or a later one; nothing is stored twice."""
    first = message(alice, room)
    changed = dataclasses.replace(first, ciphertext=b"another text")

    places = [*store([first, first], NOW), *store([changed, message(alice, room)], NOW)]

    assert [place.seq for place in places] == [1, 1, 1, 2]
    assert [place.row is not None for place in places] == [True, False, False, True]
    assert Envelope.objects.filter(message_id=first.message_id).values_list("ciphertext", flat=True).get() == b"hello"


def test_a_repeat_gets_its_place_although_the_room_moved_on(alice, bob, room):
    """An acknowledgement that got lost is made up for, also when the epoch is over or the sender was removed."""
    first = message(bob, room)
    store([first, commit(alice, room, removed=[bob.id])], NOW)

    [place] = store([first], NOW + 10 * PREVIOUS_EPOCH_MS)

    assert isinstance(place, Place)
    assert (place.seq, place.row) == (1, None)


def test_two_devices_may_use_one_message_id(alice, bob, room):
    """An id belongs to its sender: bob cannot take alice's place."""
    first = message(alice, room)
    same = dataclasses.replace(message(bob, room), message_id=first.message_id)

    assert [place.seq for place in store([first, same], NOW)] == [1, 2]


def test_charlie_stores_nothing(alice, charlie, room):
    """Not a member, nor in a room that does not exist; both are answered alike."""
    elsewhere = dataclasses.replace(message(alice, room), room_id=random_bytes(16))

    outcomes = store([message(charlie, room), elsewhere], NOW)

    assert [(type(outcome), outcome.text) for outcome in outcomes] == [(NotMember, "not in this room")] * 2
    assert not Envelope.objects.exists()


def test_a_revoked_device_stores_nothing(alice, bob, room):
    """Not even a repeat is answered."""
    first = message(bob, room)
    store([first], NOW)
    devices.revoke(bob.id, "lost", "operator")

    outcomes = store([first, message(bob, room)], NOW)

    assert [type(outcome) for outcome in outcomes] == [Revoked, Revoked]


def test_the_previous_epoch_is_taken_for_30_seconds(alice, room):
    """What was on its way when a commit came in between is not lost; proposals and older epochs are stale."""
    store([commit(alice, room)], NOW)

    soon, late, older, proposal, future = (
        store([message(alice, room, epoch=1)], NOW + PREVIOUS_EPOCH_MS),
        store([message(alice, room, epoch=1)], NOW + PREVIOUS_EPOCH_MS + 1),
        store([message(alice, room, epoch=0)], NOW),
        store([message(alice, room, epoch=1, kind=Envelope.Kind.PROPOSAL)], NOW),
        store([message(alice, room, epoch=3)], NOW),
    )

    assert soon[0].seq == 2
    assert [type(outcome[0]) for outcome in (late, older, proposal, future)] == [StaleEpoch] * 4
    assert late[0].details == {"epoch": 2, "head": 2}


def test_one_commit_an_epoch(alice, bob, room):
    """Of two that were made at the same time one is accepted, the other learns where the room is now."""
    outcomes = store([commit(alice, room), commit(bob, room)], NOW)

    assert outcomes[0].seq == 1
    assert isinstance(outcomes[1], StaleEpoch)
    assert outcomes[1].details == {"epoch": 2, "head": 1}
    room.refresh_from_db()
    assert (room.epoch, room.head, room.epoch_since_ms) == (2, 1, NOW)


def test_the_database_itself_guards_the_epoch(alice, bob, room):
    """Were the first guard ever wrong, a second commit of an epoch would still not be stored."""
    store([commit(alice, room)], NOW)

    with pytest.raises(IntegrityError), transaction.atomic():
        Envelope.objects.create(
            room=room, seq=2, kind=3, epoch=1, sender=bob.device, message_id=bytes(16), ciphertext=b"", stored_ms=NOW
        )


def test_a_commit_brings_everything_that_belongs_to_it(alice, bob, charlie, room):
    """Memberships, Welcome, public state and the news of it, in the transaction that stores it."""
    [place] = store([commit(alice, room, added=[charlie.id], removed=[bob.id])], NOW)

    assert place.row.removed == frozenset({bob.pk})
    stays = {(m.device_id, m.joined_seq, m.left_seq) for m in Membership.objects.filter(room=room)}
    assert stays == {(alice.pk, 0, None), (bob.pk, 0, 1), (charlie.pk, 1, None)}
    welcome = Welcome.objects.get()
    assert (welcome.seq, welcome.epoch, welcome.body) == (1, 2, b"welcome")
    assert WaitingWelcome.objects.get().device_id == charlie.pk
    assert GroupInfo.objects.get().epoch == 2
    assert News.objects.filter(kind="welcome").get().subject == charlie.id.hex()


def test_memberships_hold_within_a_batch(alice, bob, charlie, room):
    """A batch may hold a removal and what the removed device sends after it."""
    outcomes = store(
        [commit(alice, room, removed=[bob.id]), message(bob, room), commit(alice, room, 2, added=[bob.id])], NOW
    )
    after = store([message(bob, room, epoch=3), message(charlie, room, epoch=3)], NOW)

    assert isinstance(outcomes[1], NotMember)
    assert outcomes[2].seq == 2
    assert after[0].seq == 3
    assert isinstance(after[1], NotMember)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"added": [bytes(16)]}, NotMember),
        ({"removed": [bytes(16)]}, NotMember),
        ({"added": ["bob"]}, NotMember),
        ({"removed": ["charlie"]}, NotMember),
        ({"removed": ["alice"]}, Malformed),
        ({"added": ["charlie"], "welcome": None}, Malformed),
    ],
)
def test_a_commit_that_cannot_be_is_refused(alice, bob, charlie, room, change, error):
    """Strangers, members already, the sender itself: nothing of it is stored, and the epoch stays."""
    people = {"alice": alice.id, "bob": bob.id, "charlie": charlie.id}
    change = {
        name: [people.get(device_id, device_id) for device_id in value] if value else value
        for name, value in change.items()
    }
    work = commit(alice, room, added=change.get("added", ()), removed=change.get("removed", ()))
    if change.get("welcome", b"") is None:
        work = dataclasses.replace(work, commit=dataclasses.replace(work.commit, welcome=None))

    outcomes = store([work, message(alice, room)], NOW)

    assert isinstance(outcomes[0], error)
    assert outcomes[1].seq == 1
    room.refresh_from_db()
    assert room.epoch == 1
    assert not GroupInfo.objects.exists()


def test_a_refused_commit_names_the_devices(alice, bob, room):
    """So that the committer can leave them out."""
    devices.revoke(bob.id, "lost", "operator")
    stranger = random_bytes(16)

    [outcome] = store([commit(alice, room, added=[stranger])], NOW)

    assert outcome.details == {"devices": [stranger]}


def test_what_commits_leave_counts_for_their_sender(alice, bob, charlie, room):
    """GroupInfo and Welcome, until they go: or rooms that nobody joins would fill the disk."""
    most = 6 - delivery.COMMITS_MORE_BYTES + len(b"welcome")
    works = [commit(alice, room, added=[charlie.id]), commit(alice, room, 2), commit(bob, room, 2)]
    # Messages are none of this.
    works = [dataclasses.replace(work, ciphertext=b"") for work in works]

    outcomes = [store([work], NOW, most)[0] for work in works]

    assert [type(outcome) for outcome in outcomes] == [Place, Limit, Place]


def test_a_revoked_member_can_be_removed(alice, bob, room):
    """Revocation shuts the device out; the commit takes it out of the group."""
    devices.revoke(bob.id, "lost", "operator")

    [place] = store([commit(alice, room, removed=[bob.id])], NOW)

    assert place.row.removed == frozenset({bob.pk})


def test_a_device_may_be_removed_and_added_in_one_commit(alice, bob, room):
    """That is how a device that lost its state comes back."""
    [place] = store([commit(alice, room, removed=[bob.id], added=[bob.id])], NOW)

    assert isinstance(place, Place)
    assert Membership.objects.current().filter(room=room, device=bob.device).get().joined_seq == 1


def test_public_states_are_kept_while_a_welcome_waits(alice, bob, charlie, room):
    """A joiner needs the tree of the epoch it was added in, though the newest is of a later one."""
    store([commit(alice, room, added=[charlie.id]), commit(alice, room, 2), commit(alice, room, 3)], NOW)

    assert set(GroupInfo.objects.values_list("epoch", flat=True)) == {2, 4}


def test_one_bad_row_takes_nothing_with_it(alice, room, monkeypatch):
    """A savepoint each: a row the database refuses leaves the others alone."""
    works = [message(alice, room, b"1"), message(alice, room, b"bad"), message(alice, room, b"3")]
    insert = delivery._insert

    def refuse_one(room, work, now_ms):
        if work.ciphertext == b"bad":
            raise DataError("no")
        return insert(room, work, now_ms)

    monkeypatch.setattr(delivery, "_insert", refuse_one)

    outcomes = store(works, NOW)

    assert isinstance(outcomes[1], Internal)
    assert [outcomes[0].seq, outcomes[2].seq] == [1, 2]


def test_a_full_disk_takes_the_whole_batch(alice, room, monkeypatch):
    """Then nothing is stored, not a row and not a head."""
    insert = delivery._insert

    def full_at_the_second(room, work, now_ms):
        if work.ciphertext == b"2":
            raise OperationalError("database or disk is full")
        return insert(room, work, now_ms)

    monkeypatch.setattr(delivery, "_insert", full_at_the_second)

    with pytest.raises(OperationalError):
        store([message(alice, room, b"1"), message(alice, room, b"2")], NOW)

    assert not Envelope.objects.exists()
    room.refresh_from_db()
    assert room.head == 0


def test_the_insert_names_what_may_conflict(alice, room):
    """Only the repeat of a (sender, message id) is passed over; any other conflict is an error."""
    store([message(alice, room)], NOW)

    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(delivery._INSERT, (room.pk, 1, 1, 1, alice.pk, random_bytes(16), b"x", NOW))


# Reading


def test_a_member_reads_its_stay(alice, bob, charlie, room):
    """From the row after the commit that added it to the row of the commit that removed it, over several stays."""
    store([message(alice, room, b"before"), commit(alice, room, added=[charlie.id])], NOW)
    store([message(alice, room, b"during", 2), commit(alice, room, 2, removed=[charlie.id])], NOW)
    store([message(alice, room, b"without", 3), commit(alice, room, 3, added=[charlie.id])], NOW)
    store([message(alice, room, b"again", 4)], NOW)

    seqs = [row.seq for row in log.read(charlie.pk, bytes(room.room_id), 0)]

    assert seqs == [3, 4, 7]
    assert [row.seq for row in log.read(alice.pk, bytes(room.room_id), 0)] == [1, 2, 3, 4, 5, 6, 7]


def test_charlie_reads_nothing(alice, charlie, room):
    """A room one was never in is like one that does not exist."""
    store([message(alice, room)], NOW)

    for room_id in (bytes(room.room_id), random_bytes(16)):
        with pytest.raises(NotMember, match="not in this room"):
            log.read(charlie.pk, room_id, 0)


def test_a_page_has_a_bound_and_at_least_one_row(alice, room):
    """By rows, and by bytes unless the first row alone is larger."""
    store([message(alice, room, b"x" * 50_000) for _ in range(4)], NOW)
    store([message(alice, room, b"x" * 200_000), message(alice, room, b"small")], NOW)

    pages = [[row.seq for row in log.read(alice.pk, bytes(room.room_id), after)] for after in (0, 2, 4, 5)]
    two = log.read(alice.pk, bytes(room.room_id), 0, limit=1)

    assert pages == [[1, 2], [3, 4], [5], [6]]
    assert [row.seq for row in two] == [1]


def test_the_hub_reads_whom_a_commit_removed(alice, bob, room):
    """It asks for everybody at once and knows itself who may see what."""
    store([commit(alice, room, removed=[bob.id]), message(alice, room, epoch=2)], NOW)

    rows = log.read_for_all(bytes(room.room_id), 0)

    assert [(row.seq, row.removed) for row in rows] == [(1, frozenset({bob.pk})), (2, frozenset())]
    assert log.heads([bytes(room.room_id)]) == {bytes(room.room_id): 2}


@pytest.mark.django_db(transaction=True)
def test_an_append_waits_for_a_revocation_that_is_under_way(alice, room):
    """Once the operator sees that mallory's device is revoked, nothing more of it is stored, by no process."""
    begun = threading.Event()

    def revoke_slowly() -> None:
        with transaction.atomic():
            devices.revoke(alice.id, "stolen", "operator")
            begun.set()
            time.sleep(0.3)
        connection.close()

    revoking = threading.Thread(target=revoke_slowly)
    revoking.start()
    begun.wait(5)
    outcomes = store([message(alice, room)])
    revoking.join()

    assert isinstance(outcomes[0], Revoked)


def stored_bytes(person) -> int:
    """What a device has in the logs, as its row says."""
    person.device.refresh_from_db()
    return person.device.stored_bytes


def test_stored_bytes_are_counted_with_what_is_stored(alice, bob, room):
    """Once for each row, for who sent it; a repeat and a refusal count nothing."""
    first = message(alice, room, b"12345")
    store([first, first, message(bob, room, b"123"), message(alice, room, b"12", epoch=9)], NOW)
    store([first, message(alice, room, b"1")], NOW)

    assert (stored_bytes(alice), stored_bytes(bob)) == (6, 3)


def test_who_has_stored_too_much_is_told_when_to_try_again(alice, bob, room):
    """Within one batch too; others go on, a repeat still finds its place, and nothing that is too much is stored."""
    first = message(alice, room, b"12345")
    works = [first, message(alice, room, b"12345"), message(alice, room, b"1"), message(bob, room, b"1234567890")]

    kept, at_limit, beyond, bobs = store(works, NOW, most_stored=10)
    [again] = store([first], NOW, most_stored=10)

    assert [outcome.seq for outcome in (kept, at_limit, bobs)] == [1, 2, 3]
    assert isinstance(beyond, Limit)
    assert retry_seconds(beyond.text) > 0
    assert again.seq == 1
    assert (stored_bytes(alice), stored_bytes(bob)) == (10, 10)


def test_who_has_stored_too_much_can_still_remove_somebody(alice, bob, room):
    """Safety does not wait for room; for commits there is some more, and an end to that, too."""
    store([message(alice, room, b"1234567890")], NOW)

    [removal] = store([commit(alice, room, removed=[bob.id])], NOW, most_stored=10)
    assert isinstance(removal, Place)

    alice.device.__class__.objects.update(stored_bytes=10 + delivery.COMMITS_MORE_BYTES)
    [another] = store([commit(alice, room, epoch=2)], NOW, most_stored=10)
    assert isinstance(another, Limit)
