"""A group from its first epoch on: who joins, who goes, and what each of them reads."""

from dataclasses import replace

import pytest

from clawchat.mls import tree_math
from clawchat.mls.errors import EpochGone, Invalid, KeyUsed
from clawchat.mls.framing import MLSMessage, WireFormat
from clawchat.mls.group import Group
from clawchat.mls.key_package import LIFETIME_SECONDS, make_key_package
from clawchat.mls.nodes import Lifetime
from clawchat.mls.profile import Roles, room_extensions
from clawchat.mls.proposals import GroupContextExtensions
from clawchat.mls.rules import OpenRules
from clawchat.mls.suite import X25519_SUITE
from clawchat.mls.welcome import make_welcome
from clawchat.protocol.errors import Malformed, Unauthentic, UsageError
from tests.mls.members import ANNA, BERT, CARL, DORA, NOW, Device
from tests.mls.room import ROOM_ID, RULES, Room, devices


def test_three_devices_read_each_other():
    """Everybody reads everybody, and knows who it was."""
    room = Room(ANNA, BERT, CARL)

    for speaker in (ANNA, BERT, CARL):
        for device, opened in room.say(speaker, speaker.person.encode()).items():
            assert (opened.kind, opened.payload) == ("message", speaker.person.encode())
            assert opened.sender == room[speaker].leaf_index
            assert opened.leaf.signature_key == speaker.signature_key
            assert opened.epoch == room[device].epoch


def test_group_goes_through_adds_updates_and_removes():
    """Everybody stays in one epoch with one tree, whoever commits."""
    people = devices(9)
    room = Room(people[0], *people[1:4])
    for device in people[4:]:
        room.add(people[1], device)
    for device in people:
        room.commit(device)
    room.remove(people[0], people[3], people[8])
    room.commit(people[2])
    room.add(people[7], Device("late"))
    room.say(Device("late"), b"here")

    assert len(room[people[0]].members) == 8
    assert room[Device("late")].leaf_index == room[people[2]].leaf_index + 1


def test_commit_tells_who_came_and_who_went():
    """Proposals, and members with their leaves."""
    room = Room(ANNA, BERT, CARL)
    leaf = room[CARL].leaf_index
    secrets = room.key_package(DORA)

    opened = room.commit(ANNA, remove=(leaf,), add=(secrets.package,))

    assert opened[CARL].kind == "removed"
    assert [each.leaf.signature_key for each in opened[BERT].removed] == [CARL.signature_key]
    assert [each.leaf.signature_key for each in opened[BERT].added] == [DORA.signature_key]
    assert [(each.sender, each.by_reference) for each in opened[BERT].proposals] == [(0, False), (0, False)]


def test_device_that_leaves_is_removed_by_the_next_commit():
    """Its proposal waits, nobody sends before it is committed, and the commit takes it by reference."""
    room = Room(ANNA, BERT, CARL)
    room.groups[CARL], message = room[CARL].propose_removal_of_self(room.data(), random=room.random)
    opened = room.deliver(message, CARL)
    assert opened[ANNA].kind == "proposal"
    assert room[ANNA].pending_proposals == room[BERT].pending_proposals == 1

    for device in (ANNA, CARL):
        with pytest.raises(UsageError):
            room[device].seal(b"", room.data(), random=room.random)
    with pytest.raises(UsageError):
        room.make(CARL)
    opened = room.commit(BERT)

    assert opened[CARL].kind == "removed"
    assert [each.by_reference for each in opened[ANNA].proposals] == [True]
    assert room[ANNA].pending_proposals == 0


def test_asking_twice_to_leave_is_committed_once():
    """The second proposal is left out, and so is a Remove by value of the same leaf."""
    room = Room(ANNA, BERT, CARL)
    for _ in range(2):
        room.groups[CARL], message = room[CARL].propose_removal_of_self(room.data(), random=room.random)
        room.deliver(message, CARL)

    opened = room.commit(ANNA, remove=(room[CARL].leaf_index,))

    assert len(opened[BERT].proposals) == 1


def test_pending_commit_is_dropped_when_another_one_took_the_epoch():
    """The group goes on from where it was, and never uses the commit's key again."""
    room = Room(ANNA, BERT)
    dropped = room.make(ANNA)
    room.groups[ANNA] = dropped.group

    room.commit(BERT)

    with pytest.raises(EpochGone):
        room[BERT].open(dropped.commit)


def test_two_commits_of_one_state_are_under_two_keys():
    """The group to go on with has its handshake ratchet moved on."""
    room = Room(ANNA, BERT)
    first = room.make(ANNA)
    room.groups[ANNA] = first.group

    second = room.make(ANNA)

    after = room[BERT].open(first.commit).group
    assert room[BERT].open(second.commit).kind == "commit"
    assert after.epoch == room[BERT].epoch + 1


def test_adopting_keeps_what_was_opened_meanwhile():
    """A message of the old epoch opens once, before or after the commit."""
    room = Room(ANNA, BERT)
    message, late = room.seal(BERT, b"first"), room.seal(BERT, b"second")
    pending = room.make(ANNA)
    assert pending.next.has_past
    group = pending.group.open(message).group

    group = group.adopt(pending.next)

    with pytest.raises(KeyUsed):
        group.open(message)
    assert group.open(late).payload == b"second"


def test_adopting_another_epoch_is_refused():
    """Only what follows this epoch of this group."""
    room = Room(ANNA, BERT)
    pending = room.make(ANNA)
    room.commit(BERT)

    with pytest.raises(UsageError):
        room[ANNA].adopt(pending.next)


def test_past_epoch_opens_until_it_is_erased():
    """One past epoch, messages only."""
    room = Room(ANNA, BERT, CARL)
    older = room.seal(CARL, b"older")
    room.commit(ANNA)
    message, lost = room.seal(CARL, b"late"), room.seal(CARL, b"lost")
    late_commit = room.make(BERT).commit
    room.commit(ANNA)

    opened = room[BERT].open(message)

    assert (opened.payload, opened.epoch, room[BERT].has_past) == (b"late", room[BERT].epoch - 1, True)
    assert opened.sender == room[CARL].leaf_index
    with pytest.raises(KeyUsed):
        opened.group.open(message)
    for gone in (older, late_commit):
        with pytest.raises(EpochGone):
            room[ANNA].open(gone)
    with pytest.raises(EpochGone):
        room[BERT].without_past().open(lost)
    assert not room[BERT].without_past().has_past


def test_own_messages_do_not_open():
    """Their keys are used when they are sealed; a clone's further messages are not taken for ours."""
    room = Room(ANNA, BERT)
    clone = room[ANNA]
    message = room.seal(ANNA, b"once")
    cloned, first = clone.seal(b"by the clone", room.data(), random=room.random)
    _, second = cloned.seal(b"by the clone", room.data(), random=room.random)

    for own in (message, first):
        with pytest.raises(KeyUsed):
            room[ANNA].open(own)
    for _ in range(2):
        with pytest.raises(Invalid) as refused:
            room[ANNA].open(second)
        assert refused.value.reason == "own-message"
        room.commit(BERT)


def test_failure_leaves_the_state_as_it_was():
    """Damaged anywhere, nothing changes, and the message itself still opens."""
    room = Room(ANNA, BERT)
    message = room.seal(ANNA, b"fine")
    rows = room[BERT].rows()

    for at in range(0, len(message), 7):
        damaged = message[:at] + bytes([message[at] ^ 1]) + message[at + 1 :]
        with pytest.raises((Malformed, Unauthentic, Invalid, EpochGone, KeyUsed)):
            room[BERT].open(damaged)

    assert room[BERT].rows() == rows
    assert room[BERT].open(message).payload == b"fine"


def test_damaged_commit_changes_nothing():
    """A commit is refused wherever a bit is wrong, and is then processed as it was made."""
    room = Room(ANNA, BERT)
    commit = room.make(ANNA).commit
    rows = room[BERT].rows()

    for at in range(0, len(commit), 97):
        damaged = commit[:at] + bytes([commit[at] ^ 0x40]) + commit[at + 1 :]
        with pytest.raises((Malformed, Unauthentic, Invalid, EpochGone, KeyUsed)):
            room[BERT].open(damaged)

    assert room[BERT].rows() == rows
    assert room[BERT].open(commit).kind == "commit"


def test_exporter_and_authenticator_are_everybodys_and_of_the_epoch():
    """The same for all, another one after the next commit."""
    room = Room(ANNA, BERT)
    before = room[ANNA].export("clawchat/1 signals", b"", 32)
    assert before == room[BERT].export("clawchat/1 signals", b"", 32)

    room.commit(BERT)

    assert room[ANNA].export("clawchat/1 signals", b"", 32) != before


def test_identity_is_renewed_by_a_commit():
    """The new dates stand in the committer's leaf, for everybody."""
    room = Room(ANNA, BERT)
    renewed = ANNA.identity(not_after=NOW + 63_072_000).encode()

    room.commit(ANNA, identity=renewed)

    assert room[BERT].tree.leaf(0).credential.identity == renewed
    room.commit(ANNA)
    assert room[BERT].tree.leaf(0).credential.identity == renewed


def test_key_package_is_added_within_its_lifetime_only():
    """Before an Add is made its dates are judged; those who process it do not judge them."""
    room = Room(ANNA, BERT)
    package = room.key_package(CARL).package

    for now in (NOW - 3601, NOW + LIFETIME_SECONDS + 1):
        with pytest.raises(Invalid) as refused:
            room[ANNA].commit(add=(package,), authenticated_data=room.data(), random=room.random, now=now)
        assert refused.value.reason == "lifetime"
    for now in (NOW - 3600, NOW + LIFETIME_SECONDS):
        assert room[ANNA].commit(add=(package,), authenticated_data=room.data(), random=room.random, now=now).welcome


def test_rules_judge_a_group_before_it_is_made_and_a_key_package_before_it_is_added():
    """A room without roles is none; whom the rules refuse is not added."""
    room = Room(ANNA)

    class Alone(OpenRules):
        def check_key_package(self, package):
            raise Invalid("alone")

    with pytest.raises(Invalid) as refused:
        Group.create(ANNA.member(), ROOM_ID, extensions=(), random=room.random, now=NOW, rules=RULES)
    assert refused.value.reason == "context-extensions"
    group, package = replace(room[ANNA], rules=Alone()), room.key_package(BERT).package
    with pytest.raises(Invalid) as refused:
        group.commit(add=(package,), authenticated_data=room.data(), random=room.random, now=NOW)
    assert refused.value.reason == "alone"


def test_own_commit_is_judged_before_anybody_sees_it():
    """By the RFC, by what the members must be, and by the room's roles."""
    room = Room(ANNA, BERT)
    roles = room_extensions(Roles(True, (BERT.user,)))
    rules = OpenRules()
    anna, again = replace(room[ANNA], rules=rules), room.key_package(BERT).package
    arguments = {"authenticated_data": room.data(), "random": room.random, "now": NOW}

    for group, what, reason in (
        (anna, {"remove": (0,)}, "own-leaf"),
        (anna, {"add": (again,)}, "signature-key-twice"),
        (room[BERT], {"extensions": roles}, "role-change"),
    ):
        with pytest.raises(Invalid) as refused:
            group.commit(**what, **arguments)
        assert refused.value.reason == reason


def test_welcome_is_for_its_key_package():
    """Another one's owner is not let in, nor with another epoch's tree."""
    room = Room(ANNA, BERT)
    secrets, others = room.key_package(CARL), room.key_package(DORA)
    older = room[ANNA].group_info()
    room.commit(ANNA, add=(secrets.package,))
    welcome = room.pending.welcome

    with pytest.raises(Invalid) as refused:
        Group.join(DORA.member(), others, welcome, room.pending.group_info, rules=RULES)
    assert refused.value.reason == "not-for-us"
    with pytest.raises(Invalid) as refused:
        Group.join(CARL.member(), secrets, welcome, older, rules=RULES)
    assert refused.value.reason == "tree-hash"
    with pytest.raises(Invalid) as refused:
        Group.join(CARL.member(), secrets, welcome, None, rules=RULES)
    assert refused.value.reason == "no-tree"
    assert Group.join(CARL.member(), secrets, welcome, room.pending.group_info, rules=RULES).epoch == room[ANNA].epoch


def test_welcome_into_a_tree_without_us_is_refused():
    """Whoever made it did not add the key package it is for."""
    room = Room(ANNA, BERT)
    ours, suite, epoch = room.key_package(CARL), CARL.member().suite, room[ANNA].state.epoch
    info = epoch.group_info(ANNA.member(), for_everybody=False)
    made = make_welcome(suite, (ours.package,), bytes(suite.Nh), info, lambda place: None, bytes(suite.Nh))
    welcome = MLSMessage(WireFormat.WELCOME, made.encode()).encode()

    with pytest.raises(Invalid) as refused:
        Group.join(CARL.member(), ours, welcome, room[ANNA].group_info(), rules=RULES)
    assert refused.value.reason == "not-in-tree"


def test_welcome_of_another_suite_is_refused():
    """Even where its suite is allowed."""
    room = Room(ANNA, BERT)
    member = replace(CARL.member(), suite=X25519_SUITE)
    ours = make_key_package(member, NOW, room.random)

    with pytest.raises(Invalid) as refused:
        Group.join(member, ours, room.pending.welcome, room.pending.group_info, rules=OpenRules())
    assert refused.value.reason == "welcome-suite"


def test_welcome_and_group_info_are_not_taken_for_each_other():
    """Nor with a byte more."""
    room = Room(ANNA)
    ours = room.key_package(BERT)
    room.commit(ANNA, add=(ours.package,))
    welcome, info = room.pending.welcome, room.pending.group_info

    for one, other in ((info, info), (welcome, welcome), (welcome + b"\0", info), (welcome, info + b"\0")):
        with pytest.raises(Malformed):
            Group.join(BERT.member(), ours, one, other, rules=RULES)
    assert Group.join(BERT.member(), ours, welcome, info, rules=RULES).leaf_index == 1


def test_bodies_stand_under_their_own_wire_format_only():
    """What would be a good Welcome or GroupInfo is none when its envelope says something else."""
    room = Room(ANNA)
    ours = room.key_package(BERT)
    room.commit(ANNA, add=(ours.package,))
    welcome, info = room.pending.welcome, room.pending.group_info
    named = MLSMessage(WireFormat.KEY_PACKAGE, MLSMessage.parse(welcome).body).encode()
    hidden = MLSMessage(WireFormat.KEY_PACKAGE, MLSMessage.parse(info).body).encode()

    for one, other in ((named, info), (welcome, hidden)):
        with pytest.raises(Malformed):
            Group.join(BERT.member(), ours, one, other, rules=RULES)


def test_creator_has_a_lifetime_and_its_leafs_key():
    """From an hour ago on; and the key opens what a newcomer of its own accord seals to it."""
    room = Room(ANNA)
    rules = OpenRules()
    group = replace(room[ANNA], rules=rules)
    assert (group.epoch, LIFETIME_SECONDS) == (0, 30 * 86_400)
    assert group.tree.leaf(0).lifetime == Lifetime(NOW - 3600, NOW + LIFETIME_SECONDS)

    entering = {"authenticated_data": b"", "random": room.random, "now": NOW, "rules": rules}
    pending = Group.join_externally(BERT.member(), group.group_info(), **entering)

    opened = group.open(pending.commit)
    assert opened.group.epoch_authenticator == pending.next.epoch_authenticator
    assert opened.payload is None


def test_group_context_is_changed_by_a_commit():
    """The new list stands for everybody, and the next commit leaves it as it is."""
    room = Room(ANNA, BERT, CARL)
    extensions = room_extensions(Roles(False, (ANNA.user, BERT.user)))

    opened = room.commit(ANNA, extensions=extensions)

    assert [each.proposal for each in opened[BERT].proposals] == [GroupContextExtensions(tuple(extensions))]
    room.commit(CARL)
    assert all(group.context.extensions == tuple(extensions) for group in room.groups.values())


def test_leaf_keeps_its_capabilities_when_it_commits():
    """They are the leaf's, whatever a later version of the app would say of itself."""
    room = Room(ANNA, BERT)
    group = room[ANNA]
    before = group.tree.leaf(0).capabilities
    later = replace(before, extensions=(*before.extensions, 0xF0C9))
    group = replace(group, member=replace(group.member, capabilities=later))

    pending = group.commit(authenticated_data=room.data(), random=room.random, now=NOW)

    assert pending.next.tree.leaf(0).capabilities == before


def test_keys_are_those_of_nodes_that_are_there():
    """A key whose node became blank is gone from everybody's state, and no key is missing."""
    people = devices(5)
    room = Room(*people)
    for device in people:
        room.commit(device)

    room.remove(people[0], people[3])

    for device in (people[1], people[2], people[4]):
        group = room[device]
        above = tree_math.direct_path(2 * group.leaf_index, group.tree.leaf_count)
        here = {2 * group.leaf_index, *(node for node in above if group.tree.has(node))}
        assert set(group.state.epoch.keys) == here


def test_message_with_other_data_than_a_members_is_refused():
    """In its epoch and after it."""
    room = Room(ANNA, BERT)
    room.groups[ANNA], message = room[ANNA].seal(b"", b"\2" + bytes(32), random=room.random)

    for _ in range(2):
        with pytest.raises(Invalid) as refused:
            room[BERT].open(message)
        assert refused.value.reason == "data-form"
        room.commit(ANNA)


def test_message_of_another_room_is_refused():
    """Before any key is touched."""
    room, other = Room(ANNA, BERT), Room(CARL, DORA)
    message = other.seal(CARL, b"")
    renamed = message.replace(ROOM_ID, bytes(16))

    with pytest.raises(Invalid) as refused:
        room[ANNA].open(renamed)
    assert refused.value.reason == "group"


def test_whatever_is_no_message_is_malformed():
    """A GroupInfo, a Welcome, nothing."""
    room = Room(ANNA, BERT)

    for data in (b"", b"\0\1", room.pending.group_info, room.pending.welcome):
        with pytest.raises(Malformed):
            room[ANNA].open(data)


def test_nothing_prints_keys():
    """Neither a group nor what it is made of."""
    room = Room(ANNA, BERT)
    group = room[ANNA]
    secrets = [*group.state.epoch.keys.values(), group.state.epoch.schedule.init_secret]

    assert not any(secret.hex() in repr(group) or repr(secret)[2:-1] in repr(group) for secret in secrets)
