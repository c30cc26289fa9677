"""A device among the members of its rooms: what it sends, reads and keeps, whatever breaks in between."""

import asyncio

import pytest

from clawchat.protocol.bodies import ErrorBody
from clawchat.protocol.errors import NotMember, OutOfOrder, StaleEpoch, TooFast
from tests.client.hub import pair, until


async def test_messages_go_both_ways(hub):
    """What is said stands in both archives, in one order, and the newcomer knows the room's name."""
    alice, bob, room, there = await pair(hub)

    assert await room.send("hello") == 3
    assert await there.send("and to you") == 4
    await until(lambda: len(alice.texts(room.room_id)) == 2)

    assert alice.texts(room.room_id) == bob.texts(room.room_id) == ["hello", "and to you"]
    assert [entry.kind for entry in room.entries][:2] == ["created", "joined"]


async def test_byte_order_mark_before_a_text_stays_behind(hub):
    """Editors put one there; no text of the protocol may begin with it, so nobody's message is lost to it."""
    alice, bob, room, _there = await pair(hub)
    await room.send("\ufeffpasted")
    await until(lambda: len(bob.texts(room.room_id)) == 1)

    assert alice.texts(room.room_id) == bob.texts(room.room_id) == ["pasted"]


async def test_restart_goes_on_from_the_disk(hub):
    """A program that is killed and started again sends what it had not sent, reads on, and opens nothing twice."""
    alice, bob, room, there = await pair(hub)
    alice.cut()
    room.post("written offline")
    await there.send("meanwhile")
    await alice.restart()
    room = await alice.room(room.room_id)
    await until(lambda: len(bob.texts(room.room_id)) == 2)
    await until(lambda: len(alice.texts(room.room_id)) == 2)

    assert bob.texts(room.room_id) == alice.texts(room.room_id) == ["meanwhile", "written offline"]


async def test_message_whose_answer_was_lost_stands_once(hub):
    """A crash after sending and before the acknowledgement leaves one message, known as its own."""
    alice, bob, room, _there = await pair(hub)
    hub.keeps_acks, hub.held = True, {alice.device_id}
    room.post("once")
    await until(lambda: len(bob.texts(room.room_id)) == 1)
    hub.keeps_acks, hub.held = False, set()
    await alice.restart()
    room = await alice.room(room.room_id)
    await until(lambda: len(alice.texts(room.room_id)) == 1)
    await room.send("twice")

    await until(lambda: bob.texts(room.room_id) == ["once", "twice"])
    assert len(room.outbox) == 0


async def test_message_of_an_epoch_that_is_over_is_encrypted_anew(hub):
    """While alice writes, bob commits; her messages come in their order, each once."""
    alice, bob, room, there = await pair(hub)
    hub.held = {alice.device_id}
    await there.update()
    room.post("one")
    room.post("two")
    await until(lambda: any(entry.stale for entry in room.outbox))
    hub.held = set()
    hub.deliver()
    await until(lambda: len(bob.texts(room.room_id)) == 2)

    assert bob.texts(room.room_id) == ["one", "two"]
    assert room.epoch == there.epoch == 2


async def test_refusal_for_the_moment_keeps_the_order(hub):
    """What was too fast is sent again unchanged, and nothing overtakes it."""
    _alice, bob, room, _ = await pair(hub)
    hub.errors = [ErrorBody(TooFast.number, "0 later"), ErrorBody(TooFast.number, "0 later"), None]
    for number in range(4):
        room.post(f"{number}")
    await until(lambda: len(bob.texts(room.room_id)) == 4)

    assert bob.texts(room.room_id) == ["0", "1", "2", "3"]


async def test_two_commits_at_once_both_come_true(hub):
    """One takes the epoch, the other is made anew for the next one: nobody is lost."""
    alice, bob, room, there = await pair(hub)
    await hub.seat("Carol")
    hub.held = {alice.device_id, bob.device_id}
    there.home.spawn(there.update())
    await until(lambda: hub.logs[room.room_id].epoch == 2)
    room.home.spawn(room.add("Carol"))
    await until(lambda: room.pending is not None and hub.asked.count("room.commit") == 3)
    hub.held = set()
    hub.deliver()
    await until(lambda: room.epoch == there.epoch == 3)

    assert room.group.epoch_authenticator == there.group.epoch_authenticator
    assert len(there.user_ids) == 3


async def test_commit_that_may_have_left_is_repeated_byte_for_byte(hub):
    """A crash between the commit and its answer: the same commit comes again, and its state is taken up."""
    alice, bob, room, there = await pair(hub)
    hub.held = {alice.device_id}
    room.home.spawn(room.update())
    await until(lambda: hub.logs[room.room_id].epoch == 2)
    hub.held = set()
    await alice.restart()
    room = await alice.room(room.room_id)
    await until(lambda: room.epoch == there.epoch == 2)

    assert room.pending is None
    assert len([row for row in hub.logs[room.room_id].rows if row.sender == alice.device_id]) == 3
    await room.send("in the new epoch")
    await until(lambda: bob.texts(room.room_id) == ["in the new epoch"])


async def test_commit_that_the_server_refuses_is_dropped(hub):
    """The room goes on in its epoch, and whoever wanted the commit is told."""
    _alice, bob, room, _ = await pair(hub)
    hub.refuse_commits = [NotMember("no")]
    with pytest.raises(NotMember):
        await room.update()
    await room.send("still here")

    await until(lambda: bob.texts(room.room_id) == ["still here"])
    assert room.pending is None


async def test_commit_whose_blobs_the_server_let_go_stages_them_again(hub):
    """A server whose clock was set forward has no blob any more; the commit comes true all the same."""
    _alice, _bob, room, there = await pair(hub)
    hub.refuse_commits = [OutOfOrder("a blob that is not staged", {"have": 0})]
    staged = hub.asked.count("room.stage")

    await room.update()

    await until(lambda: there.epoch == room.epoch == 2)
    assert hub.asked.count("room.stage") == staged + 4


async def test_removed_device_reads_no_further(hub):
    """Its room ends with the commit that removed it; its keys are erased, what it read stays."""
    _alice, bob, room, there = await pair(hub)
    await room.send("before")
    await room.remove("Bob")
    await until(lambda: not there.is_joined)
    await room.send("after")

    assert bob.texts(room.room_id) == ["before"]
    assert there.group is None
    assert [bob.store.get(name, room.room_id) for name in ("epoch", "live", "past")] == [None] * 3
    with pytest.raises(NotMember):
        await there.send("me too")


async def test_who_was_removed_may_come_back(hub):
    """A Welcome of a later epoch opens the room again; one of an epoch that is over does not."""
    _alice, bob, room, there = await pair(hub)
    await room.remove("Bob")
    await until(lambda: not there.is_joined)
    await room.add("Bob")
    there = await bob.room(room.room_id)
    await room.send("welcome back")

    await until(lambda: bob.texts(room.room_id) == ["welcome back"])
    assert there.epoch == room.epoch == 3


async def test_leaving_is_taken_up_by_whoever_is_there(hub):
    """Bob asks to be let go, alice commits it, and both rooms say so."""
    alice, _bob, room, there = await pair(hub)
    await there.leave()
    await until(lambda: not there.is_joined)
    await until(lambda: len(room.user_ids) == 1)

    assert room.entries[-1].kind == "left"
    assert hub.logs[room.room_id].members == {alice.device_id}


async def test_who_waits_is_told_of_a_removal(hub):
    """A message that waits for its place when its sender is removed will have none; the wish to leave is forgotten."""
    _alice, bob, room, there = await pair(hub)
    hub.errors = [ErrorBody(TooFast.number, "3 later")]
    waiting = asyncio.ensure_future(there.send("too late"))
    await until(lambda: not hub.errors)
    there.commits.leave_again()
    await room.remove("Bob")
    with pytest.raises(NotMember):
        await waiting
    await room.add("Bob")
    there = await bob.room(room.room_id)

    assert not there.is_leaving
    assert [entry.text for entry in there.outbox] == ["too late"]


async def test_leaving_is_proposed_again_when_a_commit_came_first(hub):
    """A commit by somebody who had not heard of the proposal ends its epoch; the wish stays."""
    _alice, bob, room, there = await pair(hub)
    hub.held = {bob.device_id}
    there.commits.leave_again()
    hub.errors = [ErrorBody(StaleEpoch.number, "another epoch")]
    await room.update()
    hub.held = set()
    hub.deliver()

    await until(lambda: not there.is_joined)
    assert room.epoch == 3
