"""A device that lost its state, or whose state was set back, comes into its rooms again and believes no server."""

import os
from dataclasses import replace

import pytest

from clawchat.client.rooms.pace import Pace
from clawchat.mls.errors import KeyUsed
from clawchat.mls.group import Group
from clawchat.mls.validity import RoomRules
from clawchat.protocol.errors import StaleEpoch
from clawchat.protocol.primitives import sha256
from tests.client.hub import QUICK, until


async def trio(hub, pace=QUICK):
    """Alice, bob and carol in a room; and the room as each has it."""
    seats = [await hub.seat(name, pace) for name in ("Alice", "Bob", "Carol")]
    room = seats[0].rooms.create("Garden")
    await room.add("Bob", "Carol")
    rooms = [room, *[await seat.room(room.room_id) for seat in seats[1:]]]
    await until(lambda: all(each.name == "Garden" for each in rooms))
    return seats, rooms


def lose(seat, room_id):
    """Have the disk without the room's group."""
    for name in ("epoch", "live", "past"):
        seat.store.delete(name, room_id)


async def test_lost_state_is_mended_by_an_external_commit(hub):
    """Bob's group is gone: he takes his own leaf's place, and waits for somebody he knew before he sends."""
    (alice, bob, carol), (room, *_) = await trio(hub)
    await bob.crash()
    lose(bob, room.room_id)
    await bob.restart()
    there = await bob.room(room.room_id)
    await until(lambda: there.epoch == room.epoch == 2)
    there.post("who is there?")
    assert there.is_unconfirmed
    await room.send("it is me")
    await until(lambda: len(alice.texts(room.room_id)) == 2)

    assert alice.texts(room.room_id) == carol.texts(room.room_id) == ["it is me", "who is there?"]
    assert not there.is_unconfirmed
    assert there.stuck is None


async def test_newcomer_is_told_the_rooms_name(hub):
    """Whoever processes an external commit repeats the profile, and is heard by it."""
    (_, bob, _), (room, *_) = await trio(hub)
    await bob.crash()
    lose(bob, room.room_id)
    await bob.restart()
    there = await bob.room(room.room_id)

    await until(lambda: there.epoch == 2 and not there.is_unconfirmed)


async def test_state_that_was_set_back_sends_nothing_and_comes_back(hub):
    """A restored backup meets an own message it does not know: it sends nothing under keys it has used."""
    (alice, bob, _), (room, there, _) = await trio(hub)
    kept = {name: bob.store.items(name) for name in ("rooms", "epoch", "live", "past", "archive", "room outbox")}
    await there.send("said after the backup")
    await until(lambda: alice.texts(room.room_id) == ["said after the backup"])
    await bob.crash()
    for name, rows in kept.items():
        for key, _ in bob.store.items(name):
            bob.store.delete(name, key)
        for key, value in rows:
            bob.store.put(name, key, value)
    before = len(hub.logs[room.room_id].rows)
    await bob.restart()
    there = await bob.room(room.room_id)
    there.post("and after it was restored")
    await until(lambda: there.epoch == 2)

    own = [row for row in hub.logs[room.room_id].rows[before:] if row.sender == bob.device_id]
    assert len(own) == 1
    await room.send("hello again")
    await until(lambda: alice.texts(room.room_id)[-1] == "and after it was restored")


async def test_commit_that_is_not_understood_is_reported_and_left_behind(hub):
    """A member's bad commit stands in the log; whoever cannot process it says so and comes in again later."""
    (_alice, bob, _), (room, there, _) = await trio(hub)
    await bob.crash()
    # Alice's commit as bob will see it: of his epoch and room, and not to be opened.
    await room.update()
    log = hub.logs[room.room_id]
    log.rows[-1] = type(log.rows[-1])(*astuple_with(log.rows[-1], log.rows[-1].message[:-1] + b"\0"))
    await bob.restart()
    there = await bob.room(room.room_id)
    await until(lambda: there.epoch == room.epoch == 3)

    assert hub.rejected == [(bob.device_id, 3, "unauthentic")]
    await room.send("still here")
    await until(lambda: bob.texts(room.room_id) == ["still here"])


def astuple_with(row, message):
    """The parts of a row with another message."""
    return row.room_id, row.seq, row.server_time_ms, row.sender, message


async def test_group_info_of_an_epoch_before_is_refused(hub):
    """A server that shows bob yesterday's room does not get him into it."""
    (_, bob, _), (room, *_) = await trio(hub)
    old = dict(hub.logs[room.room_id].group_infos)
    await room.update()
    there = await bob.room(room.room_id)
    await until(lambda: there.epoch == 2)
    await bob.crash()
    lose(bob, room.room_id)
    new, hub.logs[room.room_id].group_infos = hub.logs[room.room_id].group_infos, old
    await bob.restart()
    there = await bob.room(room.room_id)
    await until(lambda: hub.asked.count("group_info") >= 1 and hub.asked[-1] != "group_info")
    assert there.pending is None
    assert there.stuck == "state_lost"

    hub.logs[room.room_id].group_infos = new
    await until(lambda: there.epoch == 3)


async def test_second_group_info_is_tried_when_the_first_is_of_no_use(hub):
    """The committer's may be spoilt; another member's brings bob in."""
    (_, bob, _), (room, *_) = await trio(hub)
    good = hub.logs[room.room_id].group_infos[0]
    hub.blobs[b"spoilt"] = b"\0" * 50
    hub.logs[room.room_id].group_infos = {0: b"spoilt", 1: good}
    await bob.crash()
    lose(bob, room.room_id)
    await bob.restart()
    there = await bob.room(room.room_id)

    await until(lambda: there.epoch == room.epoch == 2)


async def test_group_info_that_leaves_somebody_out_is_not_believed_alone(hub):
    """Of a room of one's own, under this room's id; the other one brings bob in, who is not gone."""
    (alice, bob, _), (room, *_) = await trio(hub)
    good = hub.logs[room.room_id].group_infos[0]
    extensions = room.group.context.extensions
    options = {"random": os.urandom, "now": alice.rooms.home.now(), "rules": RoomRules()}
    lie = Group.create(alice.rooms.home.member, room.room_id, extensions=extensions, **options)
    group_info = replace(lie, state=at_epoch(lie.state, 9)).group_info()
    hub.blobs[sha256(group_info)] = group_info
    hub.logs[room.room_id].group_infos = {0: sha256(group_info), 1: good}
    await bob.crash()
    lose(bob, room.room_id)
    await bob.restart()
    there = await bob.room(room.room_id)

    await until(lambda: there.epoch == room.epoch == 2)
    assert not there.record.is_gone


def at_epoch(state, number):
    """A group that says it is in this epoch."""
    return replace(state, epoch=replace(state.epoch, context=replace(state.epoch.context, epoch=number)))


async def test_second_resync_waits(hub):
    """At most one in so long: a state that is lost again and again does not keep the room busy."""
    (_, bob, _), (room, *_) = await trio(hub)
    for _ in range(2):
        await bob.crash()
        lose(bob, room.room_id)
        await bob.restart()
        there = await bob.room(room.room_id)
        await until(lambda: room.epoch == 2)
    await until(lambda: there.stuck == "state_lost" and there.head > 0)

    assert there.home.pace.resync_pause == 3600
    assert hub.asked.count("group_info") == 1


async def test_keys_are_made_anew_after_so_many_own_messages(hub):
    """A path of one's own is due after a number of messages, and nobody has to ask for it."""
    (_, _, _), (room, there, _) = await trio(hub, Pace(help=0.0, update_messages=5, update_wait=0.0))
    for number in range(5):
        await there.send(f"{number}")

    await until(lambda: room.epoch == there.epoch == 2)
    assert there.record.sent == 0


async def test_keys_are_made_anew_after_a_time_away(hub):
    """Whoever was offline for a day begins with new keys."""
    (_, bob, _), (room, there, _) = await trio(hub)
    bob.store.put("seen", b"online", (there.home.now() - 90_000).to_bytes(8, "big"))
    await bob.restart()

    await until(lambda: room.epoch == 2)


async def test_epoch_before_is_erased_in_time(hub):
    """What opened the epoch before is gone from the disk, too, when its time is over."""
    (_, bob, _), (room, there, _) = await trio(hub, Pace(help=0.0, past=0.0))
    await room.update()
    await until(lambda: there.epoch == 2)
    await until(lambda: bob.store.get("past", room.room_id) is None)

    assert not there.group.has_past


async def test_message_key_is_gone_after_use(hub):
    """Neither who sent a message nor who read it can open it from what is on their disks."""
    (alice, bob, _), (room, there, _) = await trio(hub)
    await room.send("once and never again")
    await until(lambda: len(bob.texts(room.room_id)) == 1)
    row = hub.logs[room.room_id].rows[-1]

    for seat, each in ((alice, room), (bob, there)):
        rows = {name: seat.store.get(name, room.room_id) for name in ("epoch", "live", "past")}
        with pytest.raises(KeyUsed):
            Group.load(each.home.member, rows, rules=each.home.rules).open(row.message)


async def test_writer_with_an_older_copy_is_refused(tmp_path):
    """Two programs on one device's state: the lock aside, whoever wrote from older rows is told and writes nothing."""
    from clawchat.client.store import Store
    from clawchat.protocol.errors import UsageError

    first = Store.open(tmp_path / "state")
    os.rename(tmp_path / "state" / "client.key", tmp_path / "key")
    (tmp_path / "state" / "client.key").write_bytes((tmp_path / "key").read_bytes())
    second = Store.open(tmp_path / "state")
    second.put("letters", b"a", b"two")

    with pytest.raises(UsageError):
        first.put("letters", b"a", b"one")
    assert second.get("letters", b"a") == b"two"
    first.close()
    second.close()


async def test_answer_stale_for_a_resync_begins_anew(hub):
    """Another commit took the epoch while bob came back: he asks for the new GroupInfo and comes by that."""
    (_, bob, _), (room, *_) = await trio(hub)
    await bob.crash()
    lose(bob, room.room_id)
    hub.refuse_commits = [StaleEpoch("another epoch")]
    await bob.restart()
    there = await bob.room(room.room_id)

    await until(lambda: there.epoch == room.epoch == 2)
