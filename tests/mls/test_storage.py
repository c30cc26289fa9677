"""A group as rows: small, complete, strict."""

from dataclasses import replace

import pytest

from clawchat.mls.group import Group
from clawchat.mls.rules import OpenRules
from clawchat.mls.suite import X25519_SUITE
from clawchat.mls.vector_suites import SUITES
from clawchat.protocol.errors import Malformed, PeerError, UnsupportedVersion
from tests.mls.members import ANNA, BERT, CARL, NOW, dice
from tests.mls.room import RULES, Room


def loaded(room, device):
    """The device's group after a restart."""
    return Group.load(device.member(), room[device].rows(), rules=RULES)


def test_group_goes_on_from_its_rows():
    """After every step a restart, and nobody notices."""
    room = Room(ANNA, BERT, CARL)

    for step in range(3):
        for device in (ANNA, BERT, CARL):
            rows = room[device].rows()
            room.groups[device] = loaded(room, device)
            assert room[device].rows() == rows
        room.say(BERT, str(step).encode())
        room.commit((ANNA, BERT, CARL)[step])
        room.say(CARL, str(step).encode())


def test_rows_keep_proposals_that_wait():
    """A restart between a leave and its commit."""
    room = Room(ANNA, BERT, CARL)
    room.groups[CARL], message = room[CARL].propose_removal_of_self(room.data(), random=room.random)
    room.deliver(message, CARL)

    for device in (ANNA, BERT, CARL):
        room.groups[device] = loaded(room, device)

    assert room[ANNA].pending_proposals == 1
    opened = room.commit(ANNA)
    assert opened[CARL].kind == "removed"
    assert [(each.sender, each.by_reference) for each in opened[BERT].proposals] == [(2, True)]


def test_rows_keep_skipped_keys_and_the_past():
    """A message that was skipped, and one of the epoch before, open after a restart."""
    room = Room(ANNA, BERT)
    skipped, late = room.seal(ANNA, b"skipped"), room.seal(ANNA, b"late")
    room.groups[BERT] = room[BERT].open(late).group
    room.commit(ANNA)

    group = loaded(room, BERT)

    assert group.has_past
    assert group.open(skipped).payload == b"skipped"


def test_rows_since_are_those_that_changed():
    """A message touches the live row, a commit all, an erased past only its own."""
    room = Room(ANNA, BERT)
    before = room[BERT]
    message = room.seal(ANNA, b"")

    after = before.open(message).group
    assert set(after.rows_since(before)) == {"live"}
    assert len(after.rows_since(before)["live"]) < 600
    assert before.rows_since(before) == {}

    room.groups[BERT] = after
    late = room.seal(ANNA, b"late")
    room.commit(ANNA)
    following = room[BERT]
    assert set(following.rows_since(after)) == {"epoch", "live", "past"}
    assert set(following.open(late).group.rows_since(following)) == {"past"}
    assert following.without_past().rows_since(following) == {"past": None}


def test_changed_rows_over_old_ones_are_the_whole():
    """What an app that writes only changes has in its store."""
    room = Room(ANNA, BERT)
    stored = room[BERT].rows()
    for step in range(3):
        before = room[BERT]
        room.say(ANNA, b"")
        room.commit((ANNA, BERT, ANNA)[step])
        stored.update(room[BERT].rows_since(before))

    assert stored == room[BERT].rows()


def test_rows_of_two_moments_are_refused():
    """An epoch's row with another epoch's live row, or past."""
    room = Room(ANNA, BERT)
    older = room[BERT].rows()
    room.commit(ANNA)
    room.commit(ANNA)
    rows = room[BERT].rows()

    for name in ("epoch", "live", "past"):
        if older[name] is None:
            continue
        with pytest.raises(Malformed):
            Group.load(BERT.member(), {**rows, name: older[name]}, rules=RULES)
    for name in ("epoch", "live"):
        with pytest.raises(Malformed):
            Group.load(BERT.member(), {**rows, name: None}, rules=RULES)


def test_damaged_rows_are_refused():
    """Shortened, lengthened, of another version or suite."""
    room = Room(ANNA, BERT)
    room.commit(ANNA)
    rows = room[BERT].rows()

    for name, row in rows.items():
        for damaged, error in (
            (row[:-1], Malformed),
            (row + b"\0", Malformed),
            (b"", Malformed),
            (b"\2" + row[1:], UnsupportedVersion),
        ):
            with pytest.raises(error):
                Group.load(BERT.member(), {**rows, name: damaged}, rules=RULES)
    member = BERT.member()
    other = type(member)(X25519_SUITE, member.identity, member.signature_key, member.sign)
    with pytest.raises(PeerError):
        Group.load(other, rows, rules=RULES)


def test_rows_of_another_suite_are_refused_where_all_lengths_agree():
    """Suite 3 differs from suite 1 in its cipher alone: nothing but the number tells."""
    member = replace(BERT.member(), suite=X25519_SUITE)
    random = dice("suites")
    rows = Group.create(member, b"group", extensions=(), random=random, now=NOW, rules=OpenRules()).rows()

    with pytest.raises(Malformed, match="cipher suite"):
        Group.load(replace(member, suite=SUITES[3]), rows, rules=OpenRules())
