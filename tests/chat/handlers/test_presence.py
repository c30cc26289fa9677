"""0x03 at the door: who gets a signal, who does not, what is dropped, and that nothing of it stays."""

from chat.hub import Hub
from chat.live import SIGNAL_BURST
from chat.services import delivery
from chat.services.policy import change_policy
from clawchat.protocol.bodies import PresenceBody, SealedSignal
from clawchat.protocol.frame import MessageType
from clawchat.protocol.primitives import random_bytes
from tests.chat.test_hub import listen, room, stored_elsewhere  # noqa: F401
from tests.people import Phone


def signal(phone: Phone, room_id: bytes, sealed: bytes = b"s" * 80) -> bytes:
    """A signal of this phone's; what is sealed is nothing to the server."""
    return PresenceBody(room_id, SealedSignal(phone.id, 1, bytes(12), sealed)).encode()


async def put(phone: Phone, room_id: bytes, **changes) -> bytes:
    """Send one, and give its payload."""
    payload = signal(phone, room_id, **changes)
    await phone.put_frame(MessageType.PRESENCE, payload)
    return payload


async def got(phone: Phone) -> bytes:
    """The next signal's payload."""
    return (await phone.frame(MessageType.PRESENCE)).payload


async def gets_none(*phones: Phone) -> bool:
    """Whether none comes to any of them: everything before an answer has been handed out when that is there."""
    for phone in phones:
        await phone.request("device.list")
    return all([await phone.nothing_comes(MessageType.PRESENCE, patience=0.02) for phone in phones])


async def test_a_signal_reaches_the_others_byte_for_byte(hub, alice, bob, charlie, room):  # noqa: F811
    """In the room, that is: not its sender, not who has not resumed it, and not charlie. Nothing of it is kept."""
    payload = await put(alice, room)

    assert await got(bob) == payload
    assert await gets_none(alice, bob, charlie)
    assert not alice.link.ended.is_set()
    assert hub.sessions[max(hub.sessions)][0].counts.messages == 0


async def test_who_has_not_resumed_gets_none(alice, bob, room):  # noqa: F811
    """A device of the room that did not say where it goes on has no use for it, and sends none."""
    await bob.hang_up()
    await bob.connect()
    await put(alice, room)

    assert await gets_none(bob)
    message_id = await bob.put_frame(MessageType.PRESENCE, signal(bob, room))
    error = await bob.error()
    assert (error.number, error.message_id) == (12, message_id)


async def test_charlie_sends_none(alice, bob, charlie, room):  # noqa: F811
    """Not by asking for the room, and not for a room that there is not: he cannot tell one from the other."""
    await charlie.request("room.resume", rooms=[{"room": room, "cursor": 0}])

    for room_id in (room, random_bytes(16)):
        await put(charlie, room_id)
        assert (await charlie.error()).number == 12

    assert await gets_none(alice, bob, charlie)


async def test_what_is_no_signal_of_this_device_is_malformed(alice, bob, room):  # noqa: F811
    """In another's name, a tag alone, more than 372 bytes, nothing: an error each, and the session goes on."""
    whole = signal(bob, room)
    for wrong in (signal(alice, room), whole[:68], whole + bytes(300), b""):
        message_id = await bob.put_frame(MessageType.PRESENCE, wrong)
        error = await bob.error()
        assert (error.number, error.message_id) == (1, message_id)

    await bob.put_frame(MessageType.PRESENCE, whole)

    assert await got(alice) == whole
    assert await gets_none(alice)


async def test_a_removed_device_gets_and_sends_none(alice, bob, room):  # noqa: F811
    """From the row on that removed it."""
    await alice.commit(room, 1, removed=[bob.id])
    await bob.delivery()
    await put(alice, room)
    await put(bob, room)

    assert (await bob.error()).number == 12
    assert await gets_none(alice, bob)


async def test_a_removed_device_that_takes_no_rows_sends_none(alice, bob, room):  # noqa: F811
    """It was not told yet, and is out all the same."""
    bob.link.block()
    await alice.commit(room, 1, removed=[bob.id])
    await alice.delivery()

    await put(bob, room)
    assert (await bob.error()).number == 12
    # And when it takes signals before it takes its rows.
    bob.link.writable = True
    await put(alice, room)

    assert await gets_none(alice, bob)


async def test_a_removal_by_another_process_counts_here(hub, alice, bob, room):  # noqa: F811
    """As soon as this one has read of it."""
    removal = stored_elsewhere(hub, alice, room, b"")
    removal = delivery.Append(
        *(removal.device_pk, removal.device_id, room, removal.message_id, 3, 1, b"commit"),
        delivery.Commit((), (bob.id,), None, b"tree"),
    )
    bob.link.block()
    await hub.database.run(delivery.store, [removal])
    await hub.rounds.look_at_heads()
    await alice.delivery()

    await put(bob, room)

    assert (await bob.error()).number == 12
    assert await gets_none(alice)


async def test_who_takes_nothing_gets_none(alice, bob, room):  # noqa: F811
    """They do not heap up for a slow reader, and come to nobody late."""
    bob.link.block()
    await put(alice, room)
    await gets_none(alice)

    bob.link.drain()

    assert await gets_none(bob)
    later = await put(alice, room, sealed=b"t" * 80)
    assert await got(bob) == later


async def test_a_flood_is_dropped_without_a_word(alice, bob, room, clock):  # noqa: F811
    """Five at once, then one a second; no error, and what else there is to say comes through."""
    for _ in range(50):
        await put(alice, room)
    passed = [await got(bob) for _ in range(SIGNAL_BURST)]
    assert len(passed) == 5
    assert await gets_none(bob)

    clock.forward(1)
    await put(alice, room)
    await put(alice, room)

    assert await got(bob)
    assert await gets_none(bob)
    assert await alice.nothing_comes(MessageType.ERROR, patience=0.02)
    await alice.post(room, b"a message", epoch=1)
    assert (await bob.delivery()).seq == 2

    # Nor is an error to be had for each of any number of frames.
    clock.forward(5)
    for _ in range(20):
        await put(alice, random_bytes(16))
    assert [(await alice.error()).number for _ in range(5)] == [12] * 5
    assert await alice.nothing_comes(MessageType.ERROR, patience=0.02)


async def test_they_come_at_the_pace_of_requests(hub, alice, bob, room, monkeypatch):  # noqa: F811
    """What floods the server with signals is read more slowly like any other flood."""
    await hub.database.run(lambda: change_policy("operator", request_burst=2))
    await hub.rounds.read_news()
    refused = []
    monkeypatch.setattr("chat.pace.Pace.refused", lambda pace, wait, now: refused.append(wait))
    for _ in range(5):
        await put(alice, room)
    await alice.post(room, b"behind them", epoch=1)
    await bob.delivery()

    assert len(refused) == 3


async def test_another_process_passes_it_on(hub, alice, bob, room):  # noqa: F811
    """Over the channel layer; what came over it is not sent on again."""
    other = Hub()
    await other.start()
    try:
        payload = signal(alice, room)
        other.pass_on(payload)

        assert await got(bob) == payload
        assert await gets_none(alice, bob)
        assert not hub.wake._signals
    finally:
        await other.stop()


async def test_what_waits_for_the_layer_is_bounded_and_not_sent_late(hub, alice, bob, room, monkeypatch):  # noqa: F811
    """While it is away, everybody here gets them; when it is back, it is given none of the old ones."""
    monkeypatch.setattr("chat.wake.RETRY_SECONDS", 0.0)
    tried, sent = [], []

    async def away(group, message):
        tried.append(message)
        raise ConnectionError("away")

    async def back(group, message):
        sent.append(message)

    monkeypatch.setattr(hub.wake._layer, "group_send", away)
    for _ in range(1500):
        hub.wake.tell_signal(b"old")
    assert len(hub.wake._signals) == 1000
    await put(alice, room)
    await got(bob)
    await gets_none(alice, bob)
    assert tried
    monkeypatch.setattr(hub.wake._layer, "group_send", back)
    await put(alice, room)
    await got(bob)
    await gets_none(alice, bob)

    assert [message["signal"] for message in sent] == [signal(alice, room).hex()]
