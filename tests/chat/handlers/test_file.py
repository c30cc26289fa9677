"""0x02 at the door: chunks are acknowledged when they are stored, what is refused is named, and the session goes on."""

import asyncio
import threading

import pytest
from django.db import OperationalError, connection

from chat.models import FileChunk as Row
from chat.services import files
from chat.services.devices import revoke
from chat.services.policy import change_policy
from clawchat.protocol.bodies import Ack, ErrorBody, FileChunk
from clawchat.protocol.frame import MessageType
from clawchat.protocol.limits import FILE_CHUNK_BYTES, FILE_CHUNKS_IN_FLIGHT
from clawchat.protocol.primitives import random_bytes
from tests.people import Phone

COUNT = 20
SIZE = COUNT * FILE_CHUNK_BYTES - 5


@pytest.fixture
async def room(alice) -> bytes:
    """Alice's room at epoch 0."""
    room = random_bytes(16)
    await alice.request("room.create", room=room, scheme=0xF04E)
    return room


@pytest.fixture
async def file_id(alice, room) -> bytes:
    """A file of twenty chunks that alice has begun."""
    file_id = random_bytes(16)
    assert await alice.request("file.create", file=file_id, room=room, size=SIZE) == {"have": 0}
    return file_id


def chunk(file_id: bytes, index: int) -> bytes:
    """The body of a chunk of such a file."""
    is_last = index == COUNT - 1
    return FileChunk(file_id, index, is_last, bytes([index]) * (FILE_CHUNK_BYTES - 5 * is_last)).encode()


async def put(phone, body: bytes) -> bytes:
    """Send a chunk without waiting, and give its message id."""
    return await phone.put_frame(MessageType.FILE, body)


async def stored(hub) -> int:
    """How many chunks there are."""
    return await hub.database.run(Row.objects.count)


async def answers(phone, count: int) -> list[tuple[bytes, int]]:
    """What comes next: the message id, and the number of chunks or the error's number below zero."""
    found = []
    for _ in range(count):
        frame = await phone.ack_or_error()
        if frame.type == MessageType.ACK:
            ack = Ack.parse(frame.payload)
            found.append((ack.message_id, ack.seq))
        else:
            error = ErrorBody.parse(frame.payload)
            found.append((error.message_id, -error.number))
    return found


async def test_an_acknowledgement_comes_after_the_commit(hub, alice, room, file_id):
    """With the frame's id, the file's room and the number of chunks that are stored."""
    message_id = await put(alice, chunk(file_id, 0))

    ack = Ack.parse((await alice.frame(MessageType.ACK)).payload)

    assert ack == Ack(message_id, room, 1)
    assert await stored(hub) == 1


async def test_chunks_sent_at_once_are_stored_in_their_order(hub, alice, room, file_id):
    """Eight are under way, then twelve more; another session of the device finds them all."""
    sent = [await put(alice, chunk(file_id, index)) for index in range(FILE_CHUNKS_IN_FLIGHT)]
    assert await answers(alice, 8) == [(message_id, place + 1) for place, message_id in enumerate(sent)]

    for index in range(8, COUNT):
        await put(alice, chunk(file_id, index))
        await answers(alice, 1)

    assert await alice.request("file.create", file=file_id, room=room, size=SIZE) == {"have": COUNT}
    assert await stored(hub) == COUNT


async def test_charlie_is_answered_not_member(hub, charlie, file_id):
    """With the message's id; nothing is stored, and the connection stays."""
    message_id = await put(charlie, chunk(file_id, 0))

    assert await answers(charlie, 1) == [(message_id, -12)]
    assert await stored(hub) == 0
    assert await charlie.request("directory")


async def test_a_device_without_account_is_answered_not_member(hub, invite, file_id):
    """It may make its account, and nothing else."""
    mallory = Phone(await invite(label="Mallory"))
    await mallory.enrol()
    await mallory.connect()

    message_id = await put(mallory, chunk(file_id, 0))

    assert await answers(mallory, 1) == [(message_id, -12)]
    await mallory.hang_up()


async def test_what_is_no_chunk_is_malformed(alice, file_id):
    """Nothing, half a head, a head alone: each is answered, and the session goes on."""
    sent = [await put(alice, body) for body in (b"", file_id, file_id + bytes(5))]

    assert await answers(alice, 3) == [(message_id, -1) for message_id in sent]
    await put(alice, chunk(file_id, 0))
    assert (await answers(alice, 1))[0][1] == 1


async def test_a_gap_is_out_of_order(alice, file_id):
    """And the next one that fits is taken."""
    ahead, first = await put(alice, chunk(file_id, 1)), await put(alice, chunk(file_id, 0))

    assert await answers(alice, 2) == [(ahead, -4), (first, 1)]


async def test_more_than_eight_under_way_are_too_fast(hub, alice, file_id, monkeypatch):
    """While the disk is slow; what was under way is stored all the same, and the rest may come again."""
    goes_on, store = threading.Event(), files.store_chunks

    def wait_and_store(*arguments):
        goes_on.wait(10)
        return store(*arguments)

    monkeypatch.setattr(files, "store_chunks", wait_and_store)
    sent = [await put(alice, chunk(file_id, index)) for index in range(10)]
    refused = await answers(alice, 2)
    goes_on.set()

    assert refused == [(sent[8], -7), (sent[9], -7)]
    assert [number for _, number in await answers(alice, 8)] == list(range(1, 9))
    await put(alice, chunk(file_id, 8))
    assert [number for _, number in await answers(alice, 1)] == [9]


async def test_bytes_beyond_the_rate_are_too_fast(hub, alice, file_id, clock):
    """The same buckets as for messages; after the time the answer names it goes on."""
    await hub.database.run(lambda: change_policy("test", byte_burst=2**20, bytes_per_second=65_536))
    await hub.read_policy()
    for index in range(COUNT):
        await put(alice, chunk(file_id, index))
        [(_, number)] = await answers(alice, 1)
        if number < 0:
            break

    assert number == -7
    clock.forward(2)
    await put(alice, chunk(file_id, index))
    assert [number for _, number in await answers(alice, 1)] == [index + 1]


async def test_a_full_disk_is_unavailable_and_heals(hub, alice, file_id, monkeypatch):
    """Nothing is stored; the same chunks are taken when there is room again."""
    store = files.store_chunks

    def fail(*arguments):
        raise OperationalError("database or disk is full")

    monkeypatch.setattr(files, "store_chunks", fail)
    await put(alice, chunk(file_id, 0)), await put(alice, chunk(file_id, 1))
    assert [number for _, number in await answers(alice, 2)] == [-14, -14]

    monkeypatch.setattr(files, "store_chunks", store)
    await put(alice, chunk(file_id, 0)), await put(alice, chunk(file_id, 1))
    assert [number for _, number in await answers(alice, 2)] == [1, 2]
    assert await stored(hub) == 2


async def test_a_fault_of_ours_is_internal(alice, file_id, monkeypatch):
    """It is answered, and what comes next is not held up by it."""
    store = files.store_chunks
    monkeypatch.setattr(files, "store_chunks", lambda *arguments: None.nothing)
    await put(alice, chunk(file_id, 0))
    assert [number for _, number in await answers(alice, 1)] == [-16]

    monkeypatch.setattr(files, "store_chunks", store)
    await put(alice, chunk(file_id, 0))
    assert [number for _, number in await answers(alice, 1)] == [1]


async def test_the_database_may_go_away_between_two_chunks(hub, alice, file_id):
    """A connection that died while nobody looked is made anew."""
    await put(alice, chunk(file_id, 0))
    await answers(alice, 1)

    def end_connection():
        connection.close()

    for _ in range(8):
        await hub.database.run(end_connection)

    await put(alice, chunk(file_id, 1))

    assert [number for _, number in await answers(alice, 1)] == [2]


async def test_what_waited_when_the_session_ended_is_not_stored(hub, alice, file_id, monkeypatch):
    """The client sends it again on its next session, from where the file stands."""
    goes_on, store = threading.Event(), files.store_chunks

    def wait_and_store(*arguments):
        goes_on.wait(10)
        return store(*arguments)

    monkeypatch.setattr(files, "store_chunks", wait_and_store)
    await put(alice, chunk(file_id, 0))
    [session] = hub.sessions[next(iter(hub.sessions))]
    while not session.chunks_in_flight or session.chunks:
        await asyncio.sleep(0.005)
    await put(alice, chunk(file_id, 1))
    while not session.chunks:
        await asyncio.sleep(0.005)
    await alice.hang_up()
    goes_on.set()
    await hub.settle()

    assert await stored(hub) == 1


async def test_a_revoked_device_is_answered_revoked(hub, alice, bob, file_id, monkeypatch):
    """Should its frame come in before its session is closed."""
    monkeypatch.setattr(hub, "close_device", lambda *arguments: None)
    await hub.database.run(revoke, alice.id, "lost", "test")
    message_id = await put(alice, chunk(file_id, 0))

    assert await answers(alice, 1) == [(message_id, -10)]
    assert await stored(hub) == 0
