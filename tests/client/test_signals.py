"""Signals in a Python member's rooms: heard by who is in the epoch, dropped by everybody else, kept by nobody."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from clawchat.client.errors import ConnectionLost
from clawchat.client.member import Member
from clawchat.client.rooms.signals import MOST_HEARD
from clawchat.protocol.bodies import PresenceBody
from clawchat.protocol.errors import UsageError
from clawchat.protocol.signal import Read, Typing
from tests.client.hub import Seat, pair, until


def heard(seat: Seat) -> list:
    """Who said what, since the last time somebody looked."""
    queue = seat.rooms.signals.heard
    found = [queue.get_nowait() for _ in range(queue.qsize())]
    return [(each.room.room_id, each.sender, each.signal) for each in found]


async def test_a_signal_is_heard_with_who_sent_it(hub):
    """Both kinds; nothing of it stands in the log or on the disk, and the next message opens."""
    alice, bob, room, _there = await pair(hub)
    rows, stored = len(hub.logs[room.room_id].rows), dict(bob.store.items("live"))

    await alice.rooms.signal(room, Typing())
    await alice.rooms.signal(room, Read(2))

    who = alice.device.user_id
    assert heard(bob) == [(room.room_id, who, Typing()), (room.room_id, who, Read(2))]
    assert (len(hub.logs[room.room_id].rows), dict(bob.store.items("live"))) == (rows, stored)
    await room.send("after it")
    await until(lambda: bob.texts(room.room_id) == ["after it"])


async def test_what_is_not_of_this_epoch_and_room_is_dropped(hub, monkeypatch):
    """Another epoch, another room, another device's name, a broken seal: silently, and the rooms go on."""
    alice, bob, room, there = await pair(hub)
    other = alice.rooms.create("Shed")
    await other.add("Bob")
    await bob.room(other.room_id)
    caught = []
    pass_on = hub.pass_on
    monkeypatch.setattr(hub, "pass_on", lambda wire, body: caught.append(body))
    await alice.rooms.signal(room, Typing())
    monkeypatch.setattr(hub, "pass_on", pass_on)
    body, wire = caught[0], alice.wire
    sealed = body.signal

    def changed(**changes) -> PresenceBody:
        return replace(body, signal=replace(sealed, **changes))

    for wrong in (
        changed(epoch=sealed.epoch + 1),
        changed(epoch=sealed.epoch - 1),
        changed(sender=bob.device_id),
        changed(sender=b"\0" * 16),
        changed(sealed=sealed.sealed[:-1] + bytes([sealed.sealed[-1] ^ 1])),
        replace(body, room_id=other.room_id),
        replace(body, room_id=b"\0" * 16),
    ):
        hub.pass_on(wire, wrong)
    assert heard(bob) == []
    hub.pass_on(wire, body)
    assert len(heard(bob)) == 1

    await there.update()
    await until(lambda: room.epoch == there.epoch)
    hub.pass_on(wire, body)
    assert heard(bob) == []
    await alice.rooms.signal(room, Typing())
    assert len(heard(bob)) == 1


async def test_where_it_cannot_be_sent_it_is_not(hub):
    """Without a connection, and in a room that this device is not in any more: no error, and nothing later."""
    alice, bob, room, there = await pair(hub)
    alice.cut()
    await alice.rooms.signal(room, Typing())
    await alice.connect()
    assert heard(bob) == []

    await room.remove("Bob")
    await until(lambda: not there.is_joined)
    await bob.rooms.signal(there, Typing())
    await alice.rooms.signal(room, Typing())
    assert heard(alice) == heard(bob) == []


async def test_a_member_asks_for_what_comes(hub):
    """By name, the newest hundred when nobody asked, and its end like that of messages."""
    alice, bob, room, there = await pair(hub)
    speaker = Member(SimpleNamespace(layer=alice.rooms))
    listener = Member(SimpleNamespace(layer=bob.rooms))
    there.read = room.read = 3
    for _ in range(MOST_HEARD + 10):
        await speaker.signal(room, "typing")
    await speaker.signal(room, "read")
    with pytest.raises(UsageError):
        await speaker.signal(room, "recording")
    bob.rooms.fail(ConnectionLost("closed"))

    found = []
    with pytest.raises(ConnectionLost):
        async for signal in listener.signals():
            found.append(signal)

    assert len(found) == MOST_HEARD
    assert {(each.room, each.sender, each.sender_name) for each in found} == {(there, alice.device.user_id, "Alice")}
    assert [(each.type, each.seq) for each in found[-2:]] == [("typing", None), ("read", 3)]
