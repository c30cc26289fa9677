"""Files as rows: who may lay one down, in which order its chunks come, who reads it, and when it goes."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chat.models import ConnectionPolicy, Device, File, FileChunk, Membership, Room
from chat.services import delivery, devices, files
from chat.services.files import SMALLEST, Stored
from chat.services.pruning import prune_files, prune_leftovers
from clawchat.protocol import bodies
from clawchat.protocol.errors import (
    Limit,
    Malformed,
    NotMember,
    OutOfOrder,
    PeerError,
    Revoked,
    TooLarge,
    UnsupportedVersion,
)
from clawchat.protocol.limits import FILE_CHUNK_BYTES
from clawchat.protocol.primitives import random_bytes
from tests.chat.services.test_delivery import message

# Two whole chunks and a short one.
SIZE = 2 * FILE_CHUNK_BYTES + 100
LONG_AGO = timezone.now() - timedelta(days=100)


def room_of(room) -> bytes:
    return bytes(room.room_id)


def begin(person, room, size=SIZE) -> bytes:
    """A file of this person, begun."""
    file_id = random_bytes(16)
    assert files.create(person.pk, file_id, room_of(room), size) == 0
    return file_id


def chunk(file_id, index, is_last=None, data=None, size=SIZE):
    """A chunk as its file wants it, but for what is given."""
    last = -(-size // FILE_CHUNK_BYTES) - 1
    length = FILE_CHUNK_BYTES if index < last else size - last * FILE_CHUNK_BYTES
    is_last = index == last if is_last is None else is_last
    return bodies.FileChunk(file_id, index, is_last, bytes([index]) * length if data is None else data)


def put(person, *chunks):
    """What becomes of each: chunks stored, or the error's code."""
    outcomes = files.store_chunks(person.pk, chunks)
    return [each.have if isinstance(each, Stored) else each.code for each in outcomes]


def whole(person, room, size=SIZE) -> bytes:
    """A file of this person that is all there."""
    file_id = begin(person, room, size)
    put(person, *(chunk(file_id, index, size=size) for index in range(-(-size // FILE_CHUNK_BYTES))))
    return file_id


def stored_bytes(person) -> int:
    return Device.objects.get(pk=person.pk).stored_bytes


def test_a_file_is_stored_and_read_again(alice, bob, room):
    """What came in goes out, to the other devices of the room too; the last chunk says that it is."""
    file_id = whole(alice, room)

    size, chunks = files.read(bob.pk, file_id, room_of(room), 0, 16)

    assert size == SIZE
    assert chunks == [chunk(file_id, index) for index in range(3)]
    assert files.read(bob.pk, file_id, room_of(room), 1, 1) == (SIZE, [chunk(file_id, 1)])
    assert files.read(bob.pk, file_id, room_of(room), 3, 4) == (SIZE, [])
    assert files.read(bob.pk, file_id, room_of(room), 2**53 - 17, 16) == (SIZE, [])


def test_create_says_how_far_it_came(alice, room):
    """A client that was cut off goes on there; the same question changes nothing."""
    file_id = begin(alice, room)
    put(alice, chunk(file_id, 0), chunk(file_id, 1))

    assert files.create(alice.pk, file_id, room_of(room), SIZE) == 2
    assert stored_bytes(alice) == SIZE


def test_chunks_are_taken_in_order_and_once(alice, room):
    """A repeat is answered alike and changes nothing; a gap is refused, and takes nothing else with it."""
    file_id = begin(alice, room)

    assert put(alice, chunk(file_id, 1)) == ["out_of_order"]
    assert put(alice, chunk(file_id, 0), chunk(file_id, 0), chunk(file_id, 2), chunk(file_id, 1)) == [
        1,
        1,
        "out_of_order",
        2,
    ]
    other = chunk(file_id, 0, data=b"x" * FILE_CHUNK_BYTES)
    assert put(alice, other, chunk(file_id, 2), chunk(file_id, 2)) == [2, 3, 3]

    assert [bytes(row.body)[:1] for row in FileChunk.objects.all()] == [b"\0", b"\1", b"\2"]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda file_id: chunk(file_id, 0, data=b"x"),
        lambda file_id: chunk(file_id, 0, is_last=True),
        lambda file_id: chunk(file_id, 2, is_last=False),
        lambda file_id: chunk(file_id, 2, data=b"x" * 99),
        lambda file_id: chunk(file_id, 2, data=b"x" * 101),
        lambda file_id: chunk(file_id, 3, is_last=True, data=b"x" * 100),
        lambda file_id: chunk(file_id, 3, is_last=False, data=b"x" * FILE_CHUNK_BYTES),
        lambda file_id: chunk(file_id, 2**32 - 1, is_last=True, data=b"x" * 100),
    ],
)
def test_a_chunk_that_does_not_fit_is_malformed(alice, room, wrong):
    """Another length than the size says, a wrong mark of the end, data behind it: nothing is stored."""
    file_id = begin(alice, room)
    put(alice, chunk(file_id, 0), chunk(file_id, 1))

    assert put(alice, wrong(file_id)) == ["malformed"]
    assert (File.objects.get().have, FileChunk.objects.count()) == (2, 2)


@pytest.mark.parametrize("size", [SMALLEST, FILE_CHUNK_BYTES, FILE_CHUNK_BYTES + 1, 2 * FILE_CHUNK_BYTES])
def test_the_last_chunk_has_what_is_left(alice, room, size):
    """From one byte to a whole chunk; the smallest file has one that is neither."""
    file_id = whole(alice, room, size)

    assert files.read(alice.pk, file_id, room_of(room), 0, 16)[1][-1].is_last
    assert File.objects.get().completed_at is not None


def test_charlie_lays_down_and_reads_nothing(alice, charlie, room):
    """Not a file of his own in this room, not a chunk of alice's, not a byte out of it."""
    file_id, begun = whole(alice, room), begin(alice, room)

    with pytest.raises(NotMember):
        files.create(charlie.pk, random_bytes(16), room_of(room), SIZE)
    assert put(charlie, chunk(begun, 0)) == ["not_member"]
    with pytest.raises(NotMember):
        files.read(charlie.pk, file_id, room_of(room), 0, 1)
    with pytest.raises(NotMember):
        files.drop(charlie.pk, file_id, room_of(room))
    assert File.objects.count() == 2


def test_another_members_file_is_not_written(alice, bob, room):
    """Bob is in the room, and the file is alice's."""
    file_id = begin(alice, room)

    assert put(bob, chunk(file_id, 0)) == ["not_member"]
    with pytest.raises(Malformed):
        files.create(bob.pk, file_id, room_of(room), SIZE)


def test_what_is_not_whole_is_read_by_nobody(alice, bob, room):
    """Its maker not excepted."""
    file_id = begin(alice, room)
    put(alice, chunk(file_id, 0), chunk(file_id, 1))

    for person in (alice, bob):
        with pytest.raises(NotMember):
            files.read(person.pk, file_id, room_of(room), 0, 1)


def test_a_removed_device_reads_and_writes_nothing_more(alice, bob, room):
    """From the commit on, and the file it has begun stays as it is."""
    theirs, begun = whole(alice, room), begin(bob, room)
    Membership.objects.filter(device=bob.device).update(left_seq=1)

    with pytest.raises(NotMember):
        files.read(bob.pk, theirs, room_of(room), 0, 1)
    assert put(bob, chunk(begun, 0)) == ["not_member"]
    with pytest.raises(NotMember):
        files.create(bob.pk, begun, room_of(room), SIZE)


def test_a_file_is_of_one_room(alice, charlie, room):
    """Whoever is in another room does not read it there, and its id is taken."""
    other = Room.objects.create(room_id=random_bytes(16), scheme=0xF04E, epoch_since_ms=0, made_by=alice.device)
    for person in (alice, charlie):
        Membership.objects.create(room=other, device=person.device, joined_seq=0)
    file_id = whole(alice, room)

    for room_id in (room_of(other), random_bytes(16)):
        for person in (alice, charlie):
            with pytest.raises(NotMember):
                files.read(person.pk, file_id, room_id, 0, 1)
    with pytest.raises(Malformed):
        files.create(alice.pk, file_id, room_of(other), SIZE)
    with pytest.raises(Malformed):
        files.create(alice.pk, file_id, room_of(room), SIZE + 1)
    with pytest.raises(NotMember):
        files.drop(alice.pk, file_id, room_of(other))


def test_a_revoked_device_loses_what_it_has_begun(alice, bob, room):
    """And does nothing more; what is whole stays for the room. What was begun is completed by nobody, and goes with the
    next pruning: a gigabyte of it must not keep waiting who shuts the device out.
    """
    kept, begun = whole(bob, room), begin(bob, room)
    put(bob, chunk(begun, 0), chunk(begun, 1))

    with CaptureQueriesContext(connection) as asked:
        devices.revoke(bob.id, "lost", "test")
    assert not [query for query in asked if "chat_filechunk" in query["sql"]]
    with pytest.raises(Revoked):
        put(bob, chunk(begun, 2))
    assert prune_leftovers()["unfinished files"] == 1

    assert [bytes(file.file_id) for file in File.objects.all()] == [kept]
    assert stored_bytes(bob) == SIZE
    for question in (
        lambda: files.create(bob.pk, begun, room_of(room), SIZE),
        lambda: files.store_chunks(bob.pk, [chunk(kept, 0)]),
        lambda: files.read(bob.pk, kept, room_of(room), 0, 1),
        lambda: files.drop(bob.pk, kept, room_of(room)),
    ):
        with pytest.raises(Revoked):
            question()
    assert files.read(alice.pk, kept, room_of(room), 0, 1)[1]


def test_a_file_counts_for_its_sender_as_messages_do(alice, room):
    """From the beginning on: who has its fill sends neither, and what is dropped counts no more."""
    most = SIZE + SMALLEST
    ConnectionPolicy.objects.update(max_stored_bytes_per_device=most)
    file_id = whole(alice, room)

    with pytest.raises(Limit) as refused:
        files.create(alice.pk, random_bytes(16), room_of(room), SMALLEST + 1)
    [outcome] = delivery.store([message(alice, room, b"x" * (SMALLEST + 1))], most_stored=most)
    assert isinstance(outcome, Limit)
    assert refused.value.text.startswith("3600 ")
    begin(alice, room, SMALLEST)

    files.drop(alice.pk, file_id, room_of(room))
    assert stored_bytes(alice) == SMALLEST
    assert FileChunk.objects.count() == 0


def test_the_policy_says_how_large_a_file_may_be(alice, room):
    """A file of just that size passes with its padding; the answer to a larger one says what would."""
    ConnectionPolicy.objects.update(max_file_bytes=5000)

    begin(alice, room, 6144 + 16)
    with pytest.raises(TooLarge) as refused:
        files.create(alice.pk, random_bytes(16), room_of(room), 6144 + 17)

    assert refused.value.details == {"most": 5000}


@pytest.mark.parametrize("size", [0, 1, SMALLEST - 1])
def test_nobody_fills_the_disk_with_files_of_one_byte(alice, room, size):
    """A file that counts for a byte takes a thousand in rows; sealed, none is so small (4.4)."""
    with pytest.raises(Malformed):
        files.create(alice.pk, random_bytes(16), room_of(room), size)

    assert files.create(alice.pk, random_bytes(16), room_of(room), SMALLEST) == 0


def test_twenty_five_mebibytes_are_the_usual_limit(alice, room):
    """No setting needed for a photograph or a document."""
    begin(alice, room, 32 * 2**20 + 512 * 16)
    with pytest.raises(TooLarge):
        begin(alice, room, 32 * 2**20 + 512 * 16 + 1)


def test_a_room_of_a_former_scheme_takes_no_files(alice, room, settings):
    """It is only read."""
    settings.CLAWCHAT_SCHEMES = [1]

    with pytest.raises(UnsupportedVersion):
        files.create(alice.pk, random_bytes(16), room_of(room), SIZE)


def test_the_oldest_unfinished_go_above_a_number(alice, bob, room, monkeypatch):
    """So nobody fills tables with beginnings; whole ones and others' stay."""
    monkeypatch.setattr(files, "UNFINISHED_PER_DEVICE", 2)
    kept, theirs = whole(alice, room), begin(bob, room)
    first, second = begin(alice, room), begin(alice, room)

    third = begin(alice, room)

    left = {bytes(file.file_id) for file in File.objects.all()}
    assert left == {kept, theirs, second, third}
    assert put(alice, chunk(first, 0)) == ["not_member"]
    assert stored_bytes(alice) == 3 * SIZE


def test_room_is_made_by_the_oldest_before_the_limit_is_judged(alice, room, monkeypatch):
    """What goes for a new beginning counts no more for it."""
    monkeypatch.setattr(files, "UNFINISHED_PER_DEVICE", 1)
    ConnectionPolicy.objects.update(max_stored_bytes_per_device=SIZE)
    begin(alice, room)

    begin(alice, room)

    assert stored_bytes(alice) == SIZE


def test_the_unfinished_go_after_a_day(alice, bob, room):
    """Of everybody, and count no more; younger and whole ones stay."""
    kept, young = whole(alice, room), begin(alice, room)
    for person in (alice, bob):
        File.objects.filter(file_id=begin(person, room)).update(created_at=LONG_AGO)
    File.objects.filter(file_id=kept).update(created_at=LONG_AGO)

    assert prune_leftovers()["unfinished files"] == 2

    assert {bytes(file.file_id) for file in File.objects.all()} == {kept, young}
    assert (stored_bytes(alice), stored_bytes(bob)) == (2 * SIZE, 0)


def test_whole_files_go_with_the_retention(alice, bob, room):
    """90 days unless the operator says otherwise; 0 keeps them."""
    old, young = whole(alice, room), whole(bob, room)
    File.objects.filter(file_id=old).update(completed_at=LONG_AGO)

    assert (prune_files(0), prune_files(101)) == (0, 0)
    assert prune_files() == 1

    assert [bytes(file.file_id) for file in File.objects.all()] == [young]
    assert (stored_bytes(alice), stored_bytes(bob)) == (0, SIZE)
    with pytest.raises(NotMember):
        files.read(bob.pk, old, room_of(room), 0, 1)


@pytest.fixture
def short_pauses(monkeypatch):
    """A few chunks in each transaction, and nobody waits between two."""
    monkeypatch.setattr(files, "CHUNKS_AT_ONCE", 2)
    monkeypatch.setattr(files, "PAUSE_SECONDS", 0)


@pytest.mark.usefixtures("short_pauses")
def test_however_many_files_are_old_they_go(alice, bob, room):
    """A member's hundred thousand small files are more than fit into one statement: they go a few at a time."""
    for person, count in ((alice, 5), (bob, 2)):
        for _ in range(count):
            whole(person, room, SMALLEST)
    File.objects.update(completed_at=LONG_AGO)
    young = whole(bob, room, SMALLEST)

    with CaptureQueriesContext(connection) as asked:
        assert prune_files() == 7

    assert [bytes(file.file_id) for file in File.objects.all()] == [young]
    assert (stored_bytes(alice), stored_bytes(bob)) == (0, SMALLEST)
    assert max(query["sql"].count(",") for query in asked if query["sql"].startswith("DELETE")) < 2


@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize("how", ["dropped", "old", "unfinished"])
def test_a_large_file_goes_piece_by_piece(alice, bob, room, monkeypatch, how):
    """From the first piece on nobody reads it; who writes meanwhile has his turn between two."""
    size = 7 * FILE_CHUNK_BYTES
    file_id = begin(alice, room, size)
    put(alice, *(chunk(file_id, index, size=size) for index in range(6 if how == "unfinished" else 7)))
    File.objects.filter(completed_at=None).update(created_at=LONG_AGO)
    if how == "old":
        File.objects.update(created_at=LONG_AGO, completed_at=LONG_AGO)
    left = []

    def look(_seconds):
        file = File.objects.get()
        left.append((file.have, file.chunks.count(), file.completed_at))
        [outcome] = delivery.store([message(alice, room, b"hello")])
        assert isinstance(outcome, delivery.Place)
        with pytest.raises(NotMember):
            files.read(bob.pk, file_id, room_of(room), 0, 1)

    monkeypatch.setattr("chat.services.files.time.sleep", look)
    if how == "dropped":
        while not files.drop(alice.pk, file_id, room_of(room)):
            look(0)
    else:
        assert (prune_files() if how == "old" else files.drop_unfinished()) == 1

    begun = 6 if how == "unfinished" else 7
    assert left == [(have, have, None) for have in range(begun - 2, 0, -2)]
    assert (File.objects.count(), FileChunk.objects.count()) == (0, 0)
    assert stored_bytes(alice) < FILE_CHUNK_BYTES


def test_its_maker_drops_a_file(alice, bob, room):
    """Whole or not, once or twice; others do not."""
    file_id, begun = whole(alice, room), begin(alice, room)

    with pytest.raises(NotMember):
        files.drop(bob.pk, file_id, room_of(room))
    for each in (file_id, begun, file_id):
        files.drop(alice.pk, each, room_of(room))

    assert (File.objects.count(), FileChunk.objects.count(), stored_bytes(alice)) == (0, 0, 0)


def test_the_operator_sees_what_files_take(alice, bob, room):
    """All of them together."""
    assert files.stored_bytes() == 0
    whole(alice, room), begin(bob, room)

    assert files.stored_bytes() == 2 * SIZE


def test_errors_are_of_the_protocol(alice, room):
    """What a chunk is refused for has a number that travels."""
    file_id = begin(alice, room)
    outcomes = files.store_chunks(alice.pk, [chunk(file_id, 1), chunk(random_bytes(16), 0)])

    assert [type(each) for each in outcomes] == [OutOfOrder, NotMember]
    assert all(isinstance(each, PeerError) and each.number for each in outcomes)
