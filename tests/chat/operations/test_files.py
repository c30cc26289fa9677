"""`file.create`, `file.read` and `file.drop` as clients meet them."""

import asyncio

import pytest
from django.db import OperationalError

from chat.models import File, Membership
from chat.operations import files as operations
from chat.services import files
from chat.services.policy import change_policy
from clawchat.protocol.bodies import FileChunk, Request
from clawchat.protocol.errors import Malformed, NotMember, TooFast, TooLarge, Unavailable
from clawchat.protocol.frame import MessageType
from clawchat.protocol.limits import FILE_CHUNK_BYTES
from clawchat.protocol.primitives import random_bytes

COUNT = 20
SIZE = COUNT * FILE_CHUNK_BYTES - 5


@pytest.fixture
async def room(alice, bob) -> bytes:
    """A room of alice and bob."""
    room = random_bytes(16)
    await alice.request("room.create", room=room, scheme=0xF04E)
    await alice.commit(room, 0, added=[bob.id])
    return room


@pytest.fixture
async def file_id(hub, alice, room) -> bytes:
    """A whole file of twenty chunks."""
    file_id = random_bytes(16)
    await alice.request("file.create", file=file_id, room=room, size=SIZE)
    [session] = hub.sessions[next(pk for pk, own in hub.sessions.items() if own[0].device_id == alice.id)]
    chunks = [chunk(file_id, index) for index in range(COUNT)]
    await hub.database.run(files.store_chunks, session.device_pk, chunks)
    return file_id


def chunk(file_id: bytes, index: int) -> FileChunk:
    """A chunk of such a file."""
    is_last = index == COUNT - 1
    return FileChunk(file_id, index, is_last, bytes([index]) * (FILE_CHUNK_BYTES - 5 * is_last))


async def chunks(phone, count: int) -> list[FileChunk]:
    """The chunks that came."""
    return [FileChunk.parse((await phone.frame(MessageType.FILE)).payload) for _ in range(count)]


async def read(phone, room, file_id, index=0, count=16) -> tuple[int, list[FileChunk]]:
    """The answer's size, and the chunks that came before it."""
    answer = await phone.request("file.read", file=file_id, room=room, index=index, count=count)
    kept = [frame for frame in phone._kept if frame.type == MessageType.FILE]
    phone._kept = [frame for frame in phone._kept if frame.type != MessageType.FILE]
    return answer["size"], [FileChunk.parse(frame.payload) for frame in kept]


async def test_chunks_come_before_the_answer(bob, room, file_id):
    """In order, as many as were asked for, and what is left at the end."""
    assert await read(bob, room, file_id) == (SIZE, [chunk(file_id, index) for index in range(16)])
    assert await read(bob, room, file_id, 16) == (SIZE, [chunk(file_id, index) for index in range(16, COUNT)])
    assert await read(bob, room, file_id, 3, 5) == (SIZE, [chunk(file_id, index) for index in range(3, 8)])
    assert await read(bob, room, file_id, COUNT, 16) == (SIZE, [])
    assert await read(bob, room, file_id, 2**53 - 1, 1) == (SIZE, [])


async def test_one_to_sixteen_are_asked_for(bob, room, file_id):
    """Anything else is malformed."""
    for count in (0, 17, 2**53 - 1):
        with pytest.raises(Malformed):
            await bob.request("file.read", file=file_id, room=room, index=0, count=count)


async def test_charlie_learns_nothing(charlie, room, file_id):
    """Not even that there is such a file: one that there is not is answered alike."""
    refusals = []
    for each in (file_id, random_bytes(16)):
        with pytest.raises(NotMember) as refused:
            await charlie.request("file.read", file=each, room=room, index=0, count=1)
        refusals.append(refused.value.text)
        with pytest.raises(NotMember):
            await charlie.request("file.create", file=each, room=room, size=SIZE)

    assert len(set(refusals)) == 1
    assert await charlie.nothing_comes(MessageType.FILE)


async def test_a_device_that_is_removed_midway_gets_no_further_chunk(hub, alice, bob, room, file_id, monkeypatch):
    """Membership is asked for each few chunks, not once for all."""
    read_now, calls = files.read, []

    def remove_then_read(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            Membership.objects.filter(device__device_id=bob.id).update(left_seq=1)
        return read_now(*arguments)

    monkeypatch.setattr(files, "read", remove_then_read)

    with pytest.raises(NotMember):
        await bob.request("file.read", file=file_id, room=room, index=0, count=16)
    assert await chunks(bob, operations.CHUNKS_AT_ONCE)
    assert await bob.nothing_comes(MessageType.FILE)


async def test_a_peer_that_takes_nothing_gets_nothing_heaped_up(bob, room, file_id):
    """Chunks wait in the database, not in our memory, until the peer takes more."""
    bob.link.block()
    body = {"op": "file.read", "file": file_id, "room": room, "index": 0, "count": 16}
    await bob.put_frame(MessageType.REQUEST, Request(99, body).encode())
    await asyncio.sleep(0.2)
    # Notices may come meanwhile.
    assert all(len(data) < 1000 for data in bob.link.sent._queue)

    bob.link.drain()

    assert await chunks(bob, 16) == [chunk(file_id, index) for index in range(16)]
    assert (await bob.answer(99)).body == {"size": SIZE}


async def test_nothing_is_read_for_a_session_that_has_ended(hub, bob, room, file_id, monkeypatch):
    """Whoever hangs up while chunks are under way costs no further look at the disk."""
    calls, read_now = [], files.read

    def count_and_read(*arguments):
        calls.append(arguments)
        return read_now(*arguments)

    monkeypatch.setattr(files, "read", count_and_read)
    bob.link.block()
    # The question is in before the peer stops taking anything: its own turn comes at once.
    bob.link.writable = True
    body = {"op": "file.read", "file": file_id, "room": room, "index": 0, "count": 16}
    session = next(own[0] for own in hub.sessions.values() if own[0].device_id == bob.id)
    monkeypatch.setattr(session, "send", lambda *arguments: bob.link.block())
    await bob.put_frame(MessageType.REQUEST, Request(99, body).encode())
    while not calls:
        await asyncio.sleep(0.005)
    await bob.hang_up()
    await hub.settle()

    assert len(calls) == 1


async def test_what_is_handed_out_counts_against_the_rate(hub, bob, room, file_id, clock):
    """Fewer chunks when it runs out midway; then none, and when to ask again."""
    await hub.database.run(lambda: change_policy("test", byte_burst=2**20, bytes_per_second=FILE_CHUNK_BYTES))
    await hub.read_policy()
    _, found = await read(bob, room, file_id)
    came = len(found)

    with pytest.raises(TooFast) as refused:
        await read(bob, room, file_id, came)
    assert (came, refused.value.text[0].isdigit()) == (12, True)
    clock.forward(30)
    assert len((await read(bob, room, file_id, came))[1]) == min(16, COUNT - came)


async def test_a_file_too_large_is_told_what_would_do(alice, room):
    """So that a person reads a number."""
    with pytest.raises(TooLarge) as refused:
        await alice.request("file.create", file=random_bytes(16), room=room, size=2**53 - 1)

    assert refused.value.details["most"] == 25 * 2**20


async def test_its_maker_drops_it(hub, alice, bob, room, file_id, monkeypatch):
    """Piece by piece; twice is harmless; others may not."""
    monkeypatch.setattr(files, "CHUNKS_AT_ONCE", 8)
    with pytest.raises(NotMember):
        await bob.request("file.drop", file=file_id, room=room)

    assert await alice.request("file.drop", file=file_id, room=room) == {}
    assert await alice.request("file.drop", file=file_id, room=room) == {}
    assert await hub.database.run(File.objects.count) == 0
    with pytest.raises(NotMember):
        await bob.request("file.read", file=file_id, room=room, index=0, count=1)


async def test_a_database_that_is_away_is_unavailable(bob, room, file_id, monkeypatch):
    """And the same question is answered later."""
    read_now = files.read

    def fail(*arguments):
        raise OperationalError("away")

    monkeypatch.setattr(files, "read", fail)
    with pytest.raises(Unavailable):
        await bob.request("file.read", file=file_id, room=room, index=0, count=1)

    monkeypatch.setattr(files, "read", read_now)
    assert (await read(bob, room, file_id, 0, 1))[1] == [chunk(file_id, 0)]
