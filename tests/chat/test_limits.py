"""Limits on live sessions: in force at once, on every node, without giving anybody more than before."""

import pytest

from chat.pace import PATIENCE
from chat.services.policy import change_policy
from clawchat.protocol.bodies import Ack, ErrorBody, Response
from clawchat.protocol.errors import TooFast
from clawchat.protocol.frame import MessageType
from clawchat.protocol.primitives import random_bytes
from clawchat.protocol.retry import retry_seconds
from tests.fakes import FakeLink


@pytest.fixture
async def room(alice) -> bytes:
    """Alice's room at epoch 0."""
    room = random_bytes(16)
    await alice.request("room.create", room=room, scheme=0xF04E)
    return room


async def change(hub, **limits) -> None:
    """The operator changes something, and the server hears of it."""
    await hub.database.run(lambda: change_policy("operator", **limits))
    await hub.rounds.read_news()


async def test_a_limit_that_was_lowered_holds_for_the_next_message(hub, alice, room):
    """The refusal begins with the whole seconds after which it makes sense to try again."""
    await change(hub, messages_per_second=1, message_burst=1)
    await alice.post(room)
    await alice.frame(MessageType.ACK)

    await alice.post(room)
    error = await alice.error()

    assert error.number == TooFast.number
    assert retry_seconds(error.text) == 1


async def test_an_unrelated_change_gives_nobody_more(hub, alice, room):
    """Or a device could flood whenever the operator edits something."""
    await change(hub, messages_per_second=1, message_burst=2)
    for _ in range(2):
        await alice.post(room)
        await alice.frame(MessageType.ACK)

    await change(hub, max_devices=50)
    await alice.post(room)

    assert (await alice.error()).number == TooFast.number


async def test_a_request_that_comes_too_fast_is_told_when(hub, alice):
    """In the failure's text, as in an error's."""
    await change(hub, requests_per_second=1, request_burst=1)
    await alice.request("directory")

    with pytest.raises(TooFast) as refusal:
        await alice.request("directory")

    assert retry_seconds(refusal.value.text) == 1


async def test_bytes_of_a_device_are_limited(hub, alice, room, clock):
    """By the sizes of what it sends, whatever the number."""
    await change(hub, bytes_per_second=100_000, byte_burst=1 << 20)
    for _ in range(8):
        await alice.post(room, bytes(130_000))
        await alice.frame(MessageType.ACK)

    refused = await alice.post(room, bytes(130_000))
    error = await alice.error()
    clock.forward(retry_seconds(error.text))
    await alice.post(room, bytes(130_000), message_id=refused)

    assert error.message_id == refused
    assert 1 <= retry_seconds(error.text) <= 2
    assert Ack.parse((await alice.frame(MessageType.ACK)).payload).seq == 9


async def test_devices_behind_one_address_share_its_limit(hub, alice, bob, room):
    """This machine apart."""
    await change(hub, address_messages_per_second=1, address_message_burst=2)
    for _ in range(5):
        await alice.post(room)
        await alice.frame(MessageType.ACK)
    await alice.connect(FakeLink("192.0.2.7"))
    await bob.connect(FakeLink("192.0.2.7"))

    await alice.post(room)
    await alice.frame(MessageType.ACK)
    await bob.post(random_bytes(16))
    await bob.error()
    await bob.post(random_bytes(16))

    assert (await bob.error()).number == TooFast.number


async def test_who_does_not_heed_refusals_is_read_no_further_for_a_while(hub, alice, room, monkeypatch):
    """Its frames wait at its own end; nobody else's do."""
    pauses = []

    async def note(seconds):
        pauses.append(seconds)

    monkeypatch.setattr("chat.consumers.pause", note)
    await change(hub, messages_per_second=1, message_burst=1)
    for _ in range(PATIENCE + 2):
        await alice.post(random_bytes(16))
        await alice.error()

    assert pauses == [1.0]


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (MessageType.PING, b"anybody there"),
        (MessageType.PONG, b""),
        (MessageType.ERROR, ErrorBody(13, "private words").encode()),
        (MessageType.REQUEST, Response(1, {}).encode()),
    ],
)
async def test_nobody_keeps_the_server_busy_with_what_needs_no_answer(hub, alice, room, monkeypatch, kind, payload):
    """What comes faster than requests may is passed over, and who goes on is read more slowly."""
    pauses = []

    async def note(seconds):
        pauses.append(seconds)

    monkeypatch.setattr("chat.consumers.pause", note)
    await change(hub, requests_per_second=1, request_burst=1)
    for _ in range(PATIENCE + 2):
        await alice.put_frame(kind, payload)
    await alice.post(room)

    assert (await alice.frame(MessageType.ACK)).payload
    assert pauses == [1.0]


async def test_the_oldest_session_of_a_device_ends_when_there_are_too_many(hub, alice):
    """At once, and also where another process has it: the news says up to which."""
    first, second, third = alice.link, FakeLink(), FakeLink()
    # Held, or they would be cut.
    sockets = [alice.socket]
    await alice.connect(second)
    sockets.append(alice.socket)
    await alice.connect(third)
    await alice.request("directory")

    assert first.ended.is_set()
    assert not second.ended.is_set()
    [(_, newest)] = hub.sessions.values()
    hub.replace_older(alice.id, newest.arrival.connection_pk, newest.arrival.connection_pk - 1)
    assert second.ended.is_set()
    assert not third.ended.is_set()
    for socket in sockets:
        await socket.disconnect()
