"""Entering by oneself: a newcomer, a device that lost its state, and what others see of it."""

from dataclasses import replace

import pytest

from clawchat.mls.codec import vector
from clawchat.mls.errors import EpochGone, Invalid
from clawchat.mls.framing import MLSMessage, WireFormat
from clawchat.mls.group import Group
from clawchat.mls.group_info import external_pub_extension
from clawchat.mls.joining import parse_group_info, read_public_epoch
from clawchat.mls.rules import OpenRules
from clawchat.mls.suite import ROOM_SUITE
from clawchat.protocol.errors import Malformed, Unauthentic
from tests.mls.members import ANNA, BERT, CARL, DORA, NOW, dice
from tests.mls.room import ROOM_ID, RULES, Room, resync_data


def enter(device, room, *, rules=RULES, remove=None):
    """The external commit of a device, from Anna's GroupInfo."""
    return Group.join_externally(
        device.member(),
        room[ANNA].group_info(),
        authenticated_data=resync_data(ROOM_ID, room.random(16)),
        remove=remove,
        random=room.random,
        now=NOW,
        rules=rules,
    )


def openly(room):
    """The room's groups under the RFC's rules alone, where everybody may enter."""
    rules = OpenRules()
    room.groups = {device: type(group)(group.member, rules, group.state) for device, group in room.groups.items()}
    return rules


def test_device_that_lost_its_state_takes_its_place():
    """Its old leaf is removed, the new one stands in the first free place, and it reads and is read."""
    room = Room(ANNA, BERT, CARL)

    opened = room.resync(BERT)

    assert [each.index for each in opened[ANNA].removed] == [each.index for each in opened[ANNA].added] == [1]
    assert (opened[ANNA].kind, opened[ANNA].sender) == ("commit", None)
    assert opened[ANNA].leaf.signature_key == BERT.signature_key
    assert room.say(BERT, b"back")[CARL].payload == b"back"
    assert room.say(CARL, b"good")[BERT].payload == b"good"


def test_newcomer_enters_under_the_open_rules():
    """ExternalInit alone; the tree grows when it must."""
    room = Room(ANNA, BERT)
    rules = openly(room)

    pending = enter(CARL, room, rules=rules)
    opened = room.deliver(pending.commit, CARL)
    room.groups[CARL] = pending.next
    room.check()
    room.commit(CARL)

    assert [each.index for each in opened[BERT].added] == [2]
    assert (pending.group, pending.welcome) == (None, None)


def test_stranger_is_refused_in_a_room():
    """A valid certificate alone admits nobody: the newcomer's own library says so, and every member's."""
    room = Room(ANNA, BERT)

    with pytest.raises(Invalid):
        enter(DORA, room)
    commit = enter(DORA, room, rules=OpenRules()).commit
    with pytest.raises(Invalid):
        room[BERT].open(commit)


def test_resync_removes_nobody_else():
    """Dora does not take Bert's place."""
    room = Room(ANNA, BERT, CARL)

    commit = enter(DORA, room, rules=OpenRules(), remove=room[BERT].leaf_index).commit

    with pytest.raises(Invalid):
        room[CARL].open(commit)


def test_removed_by_a_resync_is_told_so():
    """Whoever still has the old state learns that it is out, and keeps that state as it was."""
    room = Room(ANNA, BERT, CARL)
    old = room[BERT]
    rows = old.rows()
    room.resync(BERT)

    opened = old.open(room.sent[-1])

    assert (opened.kind, opened.group.rows()) == ("removed", rows)


def test_external_commit_of_another_epoch_comes_too_late():
    """It is made for one epoch."""
    room = Room(ANNA, BERT, CARL)
    commit = enter(BERT, room, remove=room[BERT].leaf_index).commit
    room.commit(ANNA)

    with pytest.raises(EpochGone):
        room[CARL].open(commit)


def test_damaged_group_info_is_refused():
    """Wherever a bit of it is wrong."""
    room = Room(ANNA, BERT)
    info = room[ANNA].group_info()

    for at in range(0, len(info), 211):
        damaged = info[:at] + bytes([info[at] ^ 0x20]) + info[at + 1 :]
        with pytest.raises((Malformed, Invalid, Unauthentic)):
            Group.join_externally(
                BERT.member(),
                damaged,
                authenticated_data=resync_data(ROOM_ID, bytes(16)),
                remove=1,
                random=dice("damage"),
                now=NOW,
                rules=RULES,
            )


def test_key_that_an_external_commit_is_made_to_is_judged():
    """Before anything is sealed to it: an X25519 half of small order gives its secret to everybody."""
    room = Room(ANNA, BERT)
    info = parse_group_info(room[ANNA].group_info())
    weak = external_pub_extension(info.external_pub()[:-32] + bytes(32))
    kept = tuple(each for each in info.extensions if each.extension_type != weak.extension_type)
    longer = replace(weak, extension_data=vector(info.external_pub()) + b"\0")

    for wrong in (weak, longer):
        signed = replace(info, extensions=(*kept, wrong)).sign(ROOM_SUITE, ANNA.key.sign)
        with pytest.raises(Malformed):
            read_public_epoch(BERT.member(), MLSMessage(WireFormat.GROUP_INFO, signed.encode()).encode(), RULES)


def test_damaged_external_commit_changes_nothing():
    """It is refused wherever a bit is wrong, and then processed as it was made."""
    room = Room(ANNA, BERT)
    commit = enter(BERT, room, remove=1).commit
    rows = room[ANNA].rows()

    for at in range(0, len(commit), 41):
        damaged = commit[:at] + bytes([commit[at] ^ 2]) + commit[at + 1 :]
        with pytest.raises((Malformed, Invalid, Unauthentic, EpochGone)):
            room[ANNA].open(damaged)

    assert room[ANNA].rows() == rows
    assert room[ANNA].open(commit).kind == "commit"


def test_members_never_speak_unencrypted_in_a_room():
    """A member's PublicMessage is refused, whatever it holds."""
    room = Room(ANNA, BERT)
    openly(room)
    state = room[ANNA].state
    commit = enter(BERT, room, rules=OpenRules(), remove=1).commit
    # sender_type stands behind version, wire format, group id and epoch: 5 is none, 1 is a member (and an index).
    at = 2 + 2 + 1 + 16 + 8
    assert commit[at] == 4

    for forged in (commit[:at] + b"\5" + commit[at + 1 :], commit[:at] + b"\1\0\0\0\1" + commit[at + 1 :] + b"\0"):
        with pytest.raises((Malformed, Invalid)):
            Group(ANNA.member(), RULES, state).open(forged)
