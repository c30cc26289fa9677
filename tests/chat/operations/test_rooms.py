"""Rooms over a session: made, committed to, joined, read, and shut to charlie and mallory."""

import asyncio
from datetime import timedelta

import pytest
from django.utils import timezone

from chat.models import StagedBlob, StagedChunk
from chat.services.staging import LIFETIME, PER_DEVICE_BLOBS, PIECES_PER_BLOB
from clawchat.protocol.errors import Malformed, NotMember, OutOfOrder, StaleEpoch, TooLarge, UnsupportedVersion
from clawchat.protocol.frame import MessageType
from clawchat.protocol.limits import STAGE_MAX_BYTES
from clawchat.protocol.message_header import ContentType
from clawchat.protocol.primitives import new_message_id, random_bytes, sha256
from tests.mls_bytes import OPEN_ROLES, group_info
from tests.people import Phone, mls_message, now_ms


@pytest.fixture
async def room(alice) -> bytes:
    """A room that alice has just made."""
    room = random_bytes(16)
    await alice.request("room.create", room=room, scheme=0xF04E)
    return room


async def fetch(phone: Phone, room: bytes, digest: bytes) -> bytes:
    """A whole blob, chunk by chunk."""
    body, size = b"", None
    while size is None or len(body) < size:
        answer = await phone.request("room.fetch", room=room, digest=digest, offset=len(body))
        size, body = answer["size"], body + answer["bytes"]
    return body


# room.create


async def test_create_is_harmless_when_repeated(alice, room):
    """Its maker gets the same answer, also after commits."""
    assert await alice.request("room.create", room=room, scheme=0xF04E) == {"epoch": 0}
    await alice.commit(room, 0)

    assert await alice.request("room.create", room=room, scheme=0xF04E) == {"epoch": 1}


async def test_mallory_cannot_take_a_room_id(charlie, room):
    """A taken id is refused to everybody else."""
    with pytest.raises(Malformed):
        await charlie.request("room.create", room=room, scheme=0xF04E)


async def test_other_schemes_are_refused(alice):
    """Only rooms that all members can speak: those of the stand-in library have ended."""
    for scheme in (1, 2):
        with pytest.raises(UnsupportedVersion):
            await alice.request("room.create", room=random_bytes(16), scheme=scheme)


# room.stage


async def test_staging_in_chunks(alice):
    """In order; a chunk that came before is passed over, a gap is named."""
    blob = random_bytes(300_000)
    name = {"digest": sha256(blob), "size": len(blob)}
    first = await alice.request("room.stage", offset=0, bytes=blob[:100_000], **name)
    with pytest.raises(OutOfOrder) as gap:
        await alice.request("room.stage", offset=200_000, bytes=blob[200_000:], **name)
    again = await alice.request("room.stage", offset=50_000, bytes=blob[50_000:150_000], **name)

    last = [
        await alice.request("room.stage", offset=offset, bytes=blob[offset : offset + 131_072], **name)
        for offset in (150_000, 281_072)
    ]

    assert (first["have"], again["have"], last[-1]["have"]) == (100_000, 150_000, 300_000)
    assert gap.value.details["have"] == 100_000


async def test_staging_refuses_what_is_not_what_it_says(hub, alice):
    """Another digest, another size, more bytes than the size, too many bytes."""
    stage = {"digest": sha256(b"right"), "offset": 0}
    with pytest.raises(Malformed):
        await alice.request("room.stage", size=5, bytes=b"wrong", **stage)
    assert await hub.database.run(StagedBlob.objects.count) == 0
    with pytest.raises(Malformed):
        await alice.request("room.stage", size=4, bytes=b"right", **stage)
    await alice.request("room.stage", size=5, bytes=b"rig", **stage)
    with pytest.raises(Malformed):
        await alice.request("room.stage", size=6, bytes=b"right", **stage)
    with pytest.raises(TooLarge):
        await alice.request("room.stage", size=STAGE_MAX_BYTES + 1, bytes=b"x", digest=bytes(32), offset=0)


async def test_nobody_stages_a_blob_byte_by_byte(hub, alice):
    """Each piece is a row, and a row takes a hundred bytes."""
    blob = random_bytes(PIECES_PER_BLOB + 1)
    name = {"digest": sha256(blob), "size": len(blob)}
    for offset in range(PIECES_PER_BLOB):
        await alice.request("room.stage", offset=offset, bytes=blob[offset : offset + 1], **name)

    with pytest.raises(Malformed):
        await alice.request("room.stage", offset=PIECES_PER_BLOB, bytes=blob[PIECES_PER_BLOB:], **name)

    assert await hub.database.run(StagedChunk.objects.count) == PIECES_PER_BLOB


async def test_the_oldest_staged_blobs_go_first(hub, alice, monkeypatch):
    """A device cannot fill the disk, and what lost a race does not stand in the way."""
    monkeypatch.setattr("chat.services.staging.PER_DEVICE_BYTES", 100)
    digests = [await alice.stage(random_bytes(40)) for _ in range(4)]

    kept = await hub.database.run(lambda: {bytes(row.digest) for row in StagedBlob.objects.all()})

    assert kept == set(digests[2:])


async def test_empty_blobs_do_not_heap_up(hub, alice):
    """Blobs that are only announced cost a row each; the oldest go when there are too many."""
    digests = [random_bytes(32) for _ in range(PER_DEVICE_BLOBS + 5)]
    for digest in digests:
        await alice.request("room.stage", digest=digest, size=1, offset=0, bytes=b"")

    rows = await hub.database.run(lambda: list(StagedBlob.objects.order_by("id").values_list("digest", flat=True)))

    assert [bytes(row) for row in rows] == digests[5:]


async def test_a_blob_belongs_to_its_device(alice, bob, room):
    """What bob staged is not alice's to commit with."""
    digest = await bob.stage(b"tree")

    with pytest.raises(OutOfOrder):
        await alice.commit(room, 0, group_info=digest)


async def test_a_clock_set_forward_costs_a_commit_its_blobs_and_staging_them_again_is_enough(hub, alice, room):
    """Their hour is over at once; the refusal says that they are to come again, not that the commit is wrong."""
    state = group_info(room, 1, OPEN_ROLES, random_bytes(32))
    digest = await alice.stage(state)
    long_ago = timezone.now() - LIFETIME - timedelta(seconds=1)
    await hub.database.run(lambda: StagedBlob.objects.update(touched_at=long_ago))

    with pytest.raises(OutOfOrder) as refused:
        await alice.commit(room, 0, group_info=digest)
    await alice.stage(state)

    assert refused.value.details["have"] == 0
    assert await alice.commit(room, 0, group_info=digest) == {"seq": 1, "epoch": 1}


# room.commit


async def test_a_commit_moves_the_room_on(alice, room):
    """One epoch further, with its place in the log."""
    assert await alice.commit(room, 0) == {"seq": 1, "epoch": 1}
    assert await alice.commit(room, 1) == {"seq": 2, "epoch": 2}


async def test_a_commit_takes_its_blobs_with_it(hub, alice, room):
    """They have served."""
    await alice.commit(room, 0)

    assert await hub.database.run(StagedBlob.objects.count) == 0


async def test_a_repeated_commit_gets_its_place(alice, room):
    """The answer that got lost, although the blobs are gone and the epoch is over."""
    message_id = new_message_id(now_ms())
    first = await alice.commit(room, 0, message_id=message_id)
    await alice.commit(room, 1)

    assert await alice.commit(room, 0, message_id=message_id) == first


async def test_a_late_commit_learns_where_the_room_is(alice, room):
    """`stale_epoch` with epoch and head."""
    await alice.commit(room, 0)

    with pytest.raises(StaleEpoch) as stale:
        await alice.commit(room, 0)

    assert (stale.value.details["epoch"], stale.value.details["head"]) == (1, 1)


async def test_of_two_commits_at_once_one_is_accepted(alice, bob, room):
    """The other one may be made anew in the next epoch."""
    await alice.commit(room, 0, added=[bob.id])

    results = await asyncio.gather(alice.commit(room, 1), bob.commit(room, 1), return_exceptions=True)

    assert sorted(type(result).__name__ for result in results) == ["StaleEpoch", "dict"]


async def test_charlie_cannot_commit(bob, charlie, room):
    """Neither to add himself nor anybody."""
    for added in ([], [charlie.id]):
        with pytest.raises(NotMember) as refused:
            await charlie.commit(room, 0, added=added)
        assert "devices" not in refused.value.details


async def test_added_devices_must_exist(alice, room):
    """The failure names them."""
    stranger = random_bytes(16)

    with pytest.raises(NotMember) as refused:
        await alice.commit(room, 0, added=[stranger])

    assert refused.value.details["devices"] == [stranger]


async def test_a_commits_header_must_fit(alice, room):
    """Another room, id, epoch or kind in the header than in the request."""
    message_id = new_message_id(now_ms())
    for wrong in (
        mls_message(random_bytes(16), message_id, 0, b"x", ContentType.COMMIT),
        mls_message(room, random_bytes(16), 0, b"x", ContentType.COMMIT),
        mls_message(room, message_id, 1, b"x", ContentType.COMMIT),
        mls_message(room, message_id, 0, b"x", ContentType.APPLICATION),
        b"no MLS at all",
    ):
        digest = await alice.stage(wrong)
        with pytest.raises(Malformed):
            await alice.commit(room, 0, message_id=message_id, commit=digest)


async def test_a_commit_has_a_size(alice, room, monkeypatch):
    """It must fit a frame when it is delivered."""
    monkeypatch.setattr("chat.services.commits.COMMIT_MAX_BYTES", 100)

    message_id = new_message_id(now_ms())
    digest = await alice.stage(mls_message(room, message_id, 0, bytes(200), ContentType.COMMIT))

    with pytest.raises(TooLarge):
        await alice.commit(room, 0, message_id=message_id, commit=digest)


async def test_the_largest_commit_is_delivered(alice, bob, room):
    """What the server takes it can send."""
    from chat.services.commits import COMMIT_MAX_BYTES

    await alice.commit(room, 0, added=[bob.id])
    await bob.request("room.resume", rooms=[{"room": room, "cursor": 1}])
    message_id = new_message_id(now_ms())
    empty = len(mls_message(room, message_id, 1, bytes(100_000), ContentType.COMMIT)) - 100_000
    message = mls_message(room, message_id, 1, bytes(COMMIT_MAX_BYTES - empty), ContentType.COMMIT)
    assert len(message) == COMMIT_MAX_BYTES

    await alice.commit(room, 1, message_id=message_id, commit=await alice.stage(message))

    assert (await bob.delivery()).message == message
    page = await bob.request("room.read", room=room, after=1, limit=10)
    assert page["rows"][0]["bytes"] == message


# Joining


async def test_bob_joins(alice, bob, room):
    """Notice, Welcome, the tree of that epoch, and the first row after it."""
    welcome_bytes = random_bytes(200_000)
    welcome = await alice.stage(welcome_bytes)
    state = group_info(room, 1)
    tree = await alice.stage(state)
    await alice.commit(room, 0, added=[bob.id], welcome=welcome, group_info=tree)
    await alice.commit(room, 1)

    await bob.notice("welcome")
    [waiting] = (await bob.request("welcome.take"))["welcomes"]

    assert (waiting["room"], waiting["seq"], waiting["epoch"]) == (room, 1, 1)
    assert (waiting["digest"], waiting["size"]) == (welcome, 200_000)
    assert (waiting["group_info"], waiting["group_info_size"]) == (tree, len(state))
    assert await fetch(bob, room, waiting["digest"]) == welcome_bytes
    assert await fetch(bob, room, waiting["group_info"]) == state
    newest = await bob.request("group_info", room=room)
    assert (newest["epoch"], newest["seq"]) == (2, 2)

    done = await bob.request("welcome.take", done=[waiting["id"]])
    assert done == {"welcomes": []}
    with pytest.raises(NotMember):
        await fetch(bob, room, welcome)
    with pytest.raises(NotMember):
        await fetch(bob, room, tree)
    resumed = await bob.request("room.resume", rooms=[{"room": room, "cursor": 0}])
    assert resumed["rooms"] == [{"room": room, "head": 2, "epoch": 2, "cursor": 1}]
    assert (await bob.delivery()).seq == 2


async def test_charlie_fetches_nothing(alice, bob, charlie, room):
    """Not a Welcome for others, not the tree, not a page; nor does he erase what waits for bob."""
    welcome, tree = await alice.stage(b"welcome, bob"), await alice.stage(group_info(room, 1))
    await alice.commit(room, 0, added=[bob.id], welcome=welcome, group_info=tree)
    [waiting] = (await bob.request("welcome.take"))["welcomes"]

    assert await charlie.request("welcome.take", done=[waiting["id"]]) == {"welcomes": []}
    for operation, members in [
        ("room.fetch", {"digest": welcome, "offset": 0}),
        ("room.fetch", {"digest": tree, "offset": 0}),
        ("group_info", {}),
        ("room.read", {"after": 0, "limit": 10}),
    ]:
        with pytest.raises(NotMember):
            await charlie.request(operation, room=room, **members)

    assert len((await bob.request("welcome.take"))["welcomes"]) == 1


async def test_an_offset_beyond_the_end_is_malformed(alice, bob, room):
    """And the end itself is an empty chunk."""
    state = group_info(room, 1)
    tree = await alice.stage(state)
    await alice.commit(room, 0, group_info=tree)

    assert await alice.request("room.fetch", room=room, digest=tree, offset=len(state)) == {
        "size": len(state),
        "bytes": b"",
    }
    with pytest.raises(Malformed):
        await alice.request("room.fetch", room=room, digest=tree, offset=len(state) + 1)
    with pytest.raises(Malformed):
        await alice.request("room.fetch", room=room, digest=tree, offset=2**53 - 1)


async def test_a_welcome_of_somebody_removed_again_does_not_wait(alice, bob, room):
    """Who was removed before joining has nothing to join."""
    await alice.commit(room, 0, added=[bob.id])
    await alice.commit(room, 1, removed=[bob.id])

    assert (await bob.request("welcome.take"))["welcomes"] == []


# room.read and room.resume


async def test_read_gives_rows_with_all_their_parts(alice, room):
    """As many as asked for, after the seq asked for."""
    await alice.commit(room, 0)
    message_id = await alice.post(room, b"hello", epoch=1)
    await alice.frame(MessageType.ACK)

    everything = (await alice.request("room.read", room=room, after=0, limit=10))["rows"]
    [first] = (await alice.request("room.read", room=room, after=0, limit=1))["rows"]

    assert [(row["seq"], row["kind"], row["epoch"]) for row in everything] == [(1, 3, 0), (2, 1, 1)]
    assert everything[1]["message_id"] == message_id
    assert everything[1]["sender"] == alice.id
    assert everything[1]["bytes"] == mls_message(room, message_id, 1, b"hello")
    assert abs(everything[1]["time"] - now_ms()) < 60_000
    assert first == everything[0]


async def test_resume_moves_a_cursor_to_where_it_makes_sense(alice, room):
    """Beyond the head it is lowered; a room asked for twice counts as its last entry."""
    await alice.commit(room, 0)

    answer = await alice.request("room.resume", rooms=[{"room": room, "cursor": 0}, {"room": room, "cursor": 99}])

    assert answer == {"rooms": [{"room": room, "head": 1, "epoch": 1, "cursor": 1}], "gone": []}


async def test_a_removed_device_reads_to_its_removal(alice, bob, room):
    """Offline at the time, it can still learn what happened; not what came after."""
    await alice.commit(room, 0, added=[bob.id])
    await bob.hang_up()
    await alice.commit(room, 1, removed=[bob.id])
    await alice.post(room, b"without bob", epoch=2)
    await alice.frame(MessageType.ACK)
    await bob.connect()

    rows = (await bob.request("room.read", room=room, after=0, limit=10))["rows"]

    assert [row["seq"] for row in rows] == [2]
    with pytest.raises(NotMember):
        await bob.request("group_info", room=room)
