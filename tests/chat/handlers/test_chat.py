"""0x01 and 0x12 at the door: what is refused, what it is answered with, and that the session goes on."""

import pytest
from django.db import OperationalError, connection

from chat.handlers.chat import IN_FLIGHT
from chat.handlers.request import IN_LINE
from chat.models import Envelope
from chat.services import writer
from chat.services.policy import change_policy
from clawchat.protocol.bodies import Ack, ChatSend, ErrorBody, Failure, Request, parse_exchange
from clawchat.protocol.frame import MessageType
from clawchat.protocol.limits import REQUEST_MAX_BYTES, REQUEST_MAX_ITEMS
from clawchat.protocol.message_header import ContentType
from clawchat.protocol.primitives import new_message_id, random_bytes
from tests.people import mls_message, now_ms


@pytest.fixture
async def room(alice) -> bytes:
    """Alice's room at epoch 0."""
    room = random_bytes(16)
    await alice.request("room.create", room=room, scheme=0xF04E)
    return room


async def stored(hub) -> int:
    """How many rows any log has."""
    return await hub.database.run(Envelope.objects.count)


async def test_an_acknowledgement_comes_after_the_commit(hub, alice, room):
    """When it is there, the row is."""
    message_id = await alice.post(room)

    ack = Ack.parse((await alice.frame(MessageType.ACK)).payload)

    assert ack == Ack(message_id, room, 1)
    assert await stored(hub) == 1


async def test_a_repeated_message_is_acknowledged_with_its_place(hub, alice, room):
    """A client that lost the answer sends it again, and nothing happens twice."""
    message_id = await alice.post(room)
    await alice.frame(MessageType.ACK)
    await alice.post(room)
    await alice.frame(MessageType.ACK)

    await alice.post(room, message_id=message_id)

    assert Ack.parse((await alice.frame(MessageType.ACK)).payload).seq == 1
    assert await stored(hub) == 2


async def test_charlie_is_answered_not_member(hub, charlie, room):
    """With the message's id; nothing is stored, and the connection stays."""
    message_id = await charlie.post(room)

    error = await charlie.error()

    assert (error.number, error.message_id) == (12, message_id)
    assert await stored(hub) == 0
    assert await charlie.request("directory")


async def test_another_epoch_is_answered_stale(hub, alice, room):
    """With the message's id."""
    message_id = await alice.post(room, epoch=5)

    error = await alice.error()

    assert (error.number, error.message_id) == (13, message_id)
    assert await stored(hub) == 0


@pytest.mark.parametrize(
    "build",
    [
        lambda room, message_id: b"",
        lambda room, message_id: room,
        lambda room, message_id: ChatSend(room, b"no MLS at all").encode(),
        lambda room, message_id: ChatSend(room, mls_message(bytes(16), message_id, 0, b"x")).encode(),
        lambda room, message_id: ChatSend(room, mls_message(room, bytes(16), 0, b"x")).encode(),
        lambda room, message_id: ChatSend(room, mls_message(room, message_id, 0, b"x") + b"\0").encode(),
        lambda room, message_id: ChatSend(room, mls_message(room, message_id, 0, b"x", ContentType.COMMIT)).encode(),
    ],
)
async def test_what_is_no_message_for_this_room_is_malformed(hub, alice, room, build):
    """No MLS, another room or id in its header, trailing bytes, a commit: nothing is stored, the connection stays."""
    message_id = new_message_id(now_ms())

    await alice.put_frame(MessageType.CHAT, build(room, message_id), message_id)

    error = await alice.error()
    assert (error.number, error.message_id) == (1, message_id)
    assert await stored(hub) == 0
    assert not alice.link.ended.is_set()


async def test_a_message_that_is_too_large_is_refused_and_the_connection_stays(hub, alice, room):
    """With its id; up to the limit it is taken."""
    too_large = await alice.post(room, bytes(131_072))
    error = await alice.error()
    await alice.post(room, bytes(130_000))

    assert (error.number, error.message_id) == (6, too_large)
    assert Ack.parse((await alice.frame(MessageType.ACK)).payload).seq == 1


async def test_too_many_messages_are_refused_and_can_be_sent_later(hub, alice, room, clock):
    """With their ids; the same message goes through when there is room again."""
    await hub.database.run(lambda: change_policy("operator", messages_per_second=1, message_burst=2))
    await hub.rounds.read_news()
    for _ in range(2):
        await alice.post(room)
        await alice.frame(MessageType.ACK)

    refused = await alice.post(room)
    error = await alice.error()
    clock.forward(1)
    await alice.post(room, message_id=refused)

    assert (error.number, error.message_id) == (7, refused)
    assert Ack.parse((await alice.frame(MessageType.ACK)).payload).seq == 3


async def test_what_was_under_way_behind_a_refused_message_stays_behind_it(hub, alice, room, clock):
    """Though there is room again when it comes: the log has one sender's messages in their order."""
    await hub.database.run(lambda: change_policy("operator", messages_per_second=1, message_burst=1))
    await hub.rounds.read_news()
    first = await alice.post(room)
    refused = await alice.post(room)
    assert (await alice.error()).message_id == refused
    clock.forward(2)

    behind = await alice.post(room)
    error = await alice.error()
    await alice.post(room, message_id=refused)
    acks = [Ack.parse((await alice.frame(MessageType.ACK)).payload) for _ in range(2)]
    clock.forward(2)
    await alice.post(room, message_id=behind)
    acks.append(Ack.parse((await alice.frame(MessageType.ACK)).payload))

    assert (error.number, error.message_id) == (7, behind)
    assert [(ack.message_id, ack.seq) for ack in acks] == [(first, 1), (refused, 2), (behind, 3)]


async def test_a_flood_does_not_fill_the_memory(hub, alice, room, monkeypatch):
    """So many messages may wait for the database; what is beyond is refused at once."""
    held = []
    submit = hub.submit
    monkeypatch.setattr(hub, "submit", lambda *work: held.append(work))
    for _ in range(IN_FLIGHT + 10):
        await alice.post(room)

    errors = [await alice.error() for _ in range(10)]
    for work in held:
        submit(*work)
    acks = [await alice.frame(MessageType.ACK) for _ in range(IN_FLIGHT)]

    assert {error.number for error in errors} == {7}
    assert len(acks) == IN_FLIGHT
    assert await alice.nothing_comes(MessageType.ACK)


async def test_a_database_that_is_away_is_said_with_the_message(hub, alice, room, monkeypatch):
    """`unavailable` with the id, nothing stored, the connection stays, and it goes through when it is back."""
    store = writer.store

    def away(works, most_stored):
        raise OperationalError("disk I/O error")

    monkeypatch.setattr(writer, "store", away)
    message_id = await alice.post(room)
    error = await alice.error()
    assert await stored(hub) == 0
    monkeypatch.setattr(writer, "store", store)

    await alice.post(room, message_id=message_id)

    assert (error.number, error.message_id) == (14, message_id)
    assert Ack.parse((await alice.frame(MessageType.ACK)).payload) == Ack(message_id, room, 1)


async def test_a_full_disk_is_said_and_healed(hub, alice, room, monkeypatch):
    """SQLite itself says that there is no room; nothing is stored, and it goes through when there is room again."""
    store = writer.store

    def store_without_room(works, most_stored):
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA max_page_count = 1")
        try:
            return store(works)
        finally:
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA max_page_count = 4294967294")

    # What earlier tests left free in the file would be room enough.
    await hub.database.run(lambda: connection.cursor().execute("VACUUM"))
    monkeypatch.setattr(writer, "store", store_without_room)
    message_id = await alice.post(room, bytes(130_000))
    error = await alice.error()
    assert await stored(hub) == 0
    monkeypatch.setattr(writer, "store", store)

    await alice.post(room, bytes(130_000), message_id=message_id)

    assert (error.number, error.message_id) == (14, message_id)
    assert Ack.parse((await alice.frame(MessageType.ACK)).payload).seq == 1


async def test_a_request_meets_a_database_that_is_away(hub, alice, monkeypatch):
    """`unavailable` as the failure of that request; the next one is answered."""

    def away(*arguments):
        raise OperationalError("away")

    monkeypatch.setattr("chat.services.directory.page", away)
    with pytest.raises(Exception, match="does not answer") as failure:
        await alice.request("directory")
    monkeypatch.undo()

    assert failure.value.number == 14
    assert await alice.request("directory")


async def test_a_bug_is_an_internal_failure(alice, monkeypatch, caplog):
    """It is logged, and neither its text nor the connection is given away."""

    def broken(*arguments):
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("chat.services.directory.page", broken)

    with pytest.raises(Exception, match="a fault of this server") as failure:
        await alice.request("directory")

    assert failure.value.number == 16
    assert "an operation failed" in caplog.text


@pytest.mark.parametrize("body", [{}, {"op": 7}, {"op": "no.such"}, {"op": "name.set"}, {"op": "name.set", "name": 5}])
async def test_a_request_that_is_none_fails_as_malformed(alice, body):
    """Naming its id; the connection stays."""
    await alice.put_frame(MessageType.REQUEST, Request(77, body).encode())

    failure = await alice.answer(77)

    assert isinstance(failure, Failure)
    assert failure.body["code"] == 1
    assert not alice.link.ended.is_set()


async def test_an_exchange_that_cannot_be_read_is_an_error(alice):
    """It has no id to answer under, so the frame's id is named."""
    message_id = await alice.put_frame(MessageType.REQUEST, b"\x00\x00\x00\x00\x01\xff")

    error = await alice.error()

    assert (error.number, error.message_id) == (1, message_id)
    assert await alice.request("directory")


async def test_a_request_of_too_many_small_things_is_not_read(alice, caplog):
    """Mallory would keep everybody waiting with a map that takes long to read."""
    crowded = {"op": "directory", "more": [0] * REQUEST_MAX_ITEMS}
    message_id = await alice.put_frame(MessageType.REQUEST, Request(78, crowded).encode())

    error = await alice.error()

    assert (error.number, error.message_id) == (1, message_id)
    assert await alice.request("directory", more=[0] * (REQUEST_MAX_ITEMS - 10))


async def test_a_request_that_is_too_large_is_refused_under_its_id(alice):
    """Whoever asked hears of it, and the session goes on."""
    await alice.put_frame(MessageType.REQUEST, Request(79, {"op": "directory", "x": bytes(REQUEST_MAX_BYTES)}).encode())

    assert (await alice.answer(79)).body["code"] == 6
    assert await alice.request("directory")


async def test_answers_to_notices_are_taken(alice):
    """Without an answer to the answer."""
    from clawchat.protocol.bodies import Response

    await alice.put_frame(MessageType.REQUEST, Response(1, {}).encode())

    assert await alice.request("directory")
    assert not alice.link.ended.is_set()


async def test_requests_are_answered_in_order_and_in_bounded_number(hub, alice):
    """What is beyond the line is refused at once."""
    for number in range(1000, 1000 + 3 * IN_LINE):
        await alice.put_frame(MessageType.REQUEST, Request(number, {"op": "device.list"}).encode())

    answers = []
    while len(answers) < 3 * IN_LINE:
        answer = parse_exchange((await alice.frame(MessageType.REQUEST)).payload)
        if not isinstance(answer, Request):
            answers.append(answer)

    served = [answer.id for answer in answers if not isinstance(answer, Failure)]
    refused = [answer for answer in answers if isinstance(answer, Failure)]
    assert served == sorted(served)
    assert len(served) >= IN_LINE
    assert all(answer.body["code"] == 7 for answer in refused)


async def test_answers_wait_while_the_peer_reads_nothing(hub, alice):
    """They would heap up in the transport otherwise."""
    alice.link.block()
    await alice.put_frame(MessageType.REQUEST, Request(500, {"op": "directory"}).encode())
    with pytest.raises(TimeoutError):
        await alice.answer(500, patience=0.2)

    alice.link.drain()

    assert (await alice.answer(500)).body["members"]


async def test_an_error_of_the_client_is_noted(alice, caplog):
    """Its number, not its text; the session goes on."""
    caplog.set_level("INFO")
    await alice.put_frame(MessageType.ERROR, ErrorBody(13, "private words").encode())

    assert await alice.request("directory")
    assert "error 13" in caplog.text
    assert "private words" not in caplog.text


async def test_errors_of_a_client_are_noted_at_the_pace_of_requests(hub, alice, clock, caplog):
    """However fast they come, the log does not fill the disk."""
    await hub.database.run(lambda: change_policy("operator", request_burst=3))
    await hub.rounds.read_news()
    caplog.set_level("INFO")
    for _ in range(20):
        await alice.put_frame(MessageType.ERROR, ErrorBody(13, "private words").encode())
    await alice.put_frame(MessageType.PING, b"unanswered")
    await alice.post(random_bytes(16))
    await alice.error()
    clock.forward(1)
    await alice.put_frame(MessageType.PING, b"")
    assert (await alice.frame(MessageType.PONG)).payload == b""

    assert caplog.text.count("error 13") == 3


async def test_a_peer_that_asks_on_and_reads_nothing_is_dropped(hub, alice, monkeypatch):
    """What waits for it would fill the memory long before it counts as gone."""
    monkeypatch.setattr("chat.live.HELD_BACK_BYTES", 10_000)
    alice.link.block()
    for _ in range(40):
        await alice.post(random_bytes(16))
        await alice.error()
    assert not alice.link.ended.is_set()

    alice.link.drain()
    alice.link.block()
    for _ in range(120):
        await alice.post(random_bytes(16))

    assert await alice.ended() is None
    assert alice.link.aborted
