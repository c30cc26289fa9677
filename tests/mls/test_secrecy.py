"""What is gone is gone: a removed device, a stolen state, a key that was used."""

import pytest

from clawchat.mls.errors import EpochGone, Invalid, KeyUsed
from clawchat.mls.group import Group
from clawchat.mls.private_message import PrivateMessage
from clawchat.mls.secret_tree import RatchetKind
from clawchat.protocol.errors import PeerError
from tests.mls.members import ANNA, BERT, CARL, DORA, Device
from tests.mls.room import RULES, Room

EAR = Device("ear")


def opens_nothing(group, messages):
    """Whether a group that tries every message, in order and again from the start, opens none of them."""
    opened = 0
    for _ in range(2):
        for message in messages:
            try:
                group = group.open(message).group
                opened += 1
            except PeerError:
                continue
    return opened == 0


def removed_by_value(room):
    """An administrator removes Carl."""
    room.remove(ANNA, CARL)


def removed_by_reference(room):
    """Carl leaves, Bert commits it."""
    room.groups[CARL], message = room[CARL].propose_removal_of_self(room.data(), random=room.random)
    room.deliver(message, CARL)
    room.commit(BERT)


def removed_with_an_add(room):
    """Carl goes and Dora comes, into his place."""
    secrets = room.key_package(DORA)
    room.commit(ANNA, remove=(room[CARL].leaf_index,), add=(secrets.package,))


def removed_by_resync(room):
    """Carl comes back by an external commit; whoever has his old state is out."""
    room.resync(CARL)


KINDS = [removed_by_value, removed_by_reference, removed_with_an_add, removed_by_resync]


@pytest.mark.parametrize("remove", KINDS, ids=[kind.__name__ for kind in KINDS])
def test_removed_device_opens_nothing_of_every_later_byte(remove):
    """Every later message, commit, Welcome and GroupInfo, whatever the kind of the commit that removed it."""
    room = Room(ANNA, BERT, CARL, EAR)
    room.commit(CARL)
    room.say(ANNA, b"while he was there")
    had, stays = room[CARL], room[EAR]

    start = len(room.sent)
    remove(room)
    removal, later = room.sent[start:], []
    last = removal[-1]
    for round_ in range(3):
        room.say(ANNA, b"secret")
        room.commit(BERT)
        later += [room.pending.group_info, room.pending.commit]
        if round_ == 1:
            room.add(ANNA, Device("late"))
            later.append(room.pending.welcome)
    later += room.sent[start + len(removal) :]

    for stale in (had, had.without_past()):
        try:
            opened = stale.open(last)
        except PeerError:
            opened = None
        assert opened is None or opened.kind == "removed"
        assert opens_nothing(stale, later)
    assert not opens_nothing(stays, [*removal, *later])
    exported = had.export("clawchat/1 signals", b"", 32)
    assert all(group.export("clawchat/1 signals", b"", 32) != exported for group in room.groups.values())


def test_removed_device_does_not_learn_the_path():
    """None of the secrets in its state opens any ciphertext of the commit's path."""
    room = Room(ANNA, BERT, CARL, DORA)
    had = room[CARL].state.epoch

    room.remove(ANNA, CARL)

    tree = room[ANNA].tree
    held = {room[ANNA].member.suite.hpke.kem.public_key(secret) for secret in had.keys.values()}
    assert not held & {node.encryption_key for node in tree.nodes if node}


def test_stolen_state_opens_nothing_two_path_updates_later():
    """The thief follows every byte; once the owner and one other have renewed their keys, nothing opens."""
    room = Room(ANNA, BERT, CARL)
    stolen = Group.load(CARL.member(), room[CARL].rows(), rules=RULES)
    start = len(room.sent)

    room.commit(CARL)
    room.commit(ANNA)
    healed = len(room.sent)
    room.say(BERT, b"after")
    room.commit(BERT)
    room.say(CARL, b"and after")

    for message in room.sent[start:healed]:
        try:
            stolen = stolen.open(message).group
        except PeerError:
            continue
    assert opens_nothing(stolen, room.sent[healed:])
    assert stolen.epoch < room[ANNA].epoch - 1


def test_thief_that_only_listens_falls_out_at_the_owners_own_update():
    """The owner's first path update is not readable with the owner's old state."""
    room = Room(ANNA, BERT, CARL)
    stolen = room[CARL]
    pending = room.make(CARL)

    with pytest.raises((Invalid, KeyUsed)):
        stolen.open(pending.commit)


def test_used_message_key_is_in_no_row():
    """Neither at the sender nor at the receiver, nor any secret that it came from."""
    room = Room(ANNA, BERT)
    suite, kind = ANNA.member().suite, RatchetKind.APPLICATION
    tree = room[BERT].state.secret_tree
    root = next(iter(tree._secrets.values()))
    _, key, nonce = tree.key(0, kind, 0)
    moved, _, _ = tree.key(0, kind, 0)
    before = tree._with_leaf(0)._ratchets[0, kind].secret
    after = moved._ratchets[0, kind].secret
    assert root in room[BERT].rows()["live"]

    room.say(ANNA, b"once")

    for group in (room[ANNA], room[BERT]):
        stored = b"".join(row for row in group.rows().values() if row)
        assert after in stored
        assert not any(gone in stored for gone in (key, nonce, before, root))
    assert len(key) == suite.Nk


def test_keys_of_an_ended_epoch_are_gone_with_the_past():
    """No secret of the epoch before is in the rows once its past is erased."""
    room = Room(ANNA, BERT)
    schedule = room[BERT].state.epoch.schedule
    secrets = [schedule.init_secret, schedule.exporter_secret, schedule.external_secret, schedule.membership_key]
    room.commit(ANNA)

    with_past = b"".join(row for row in room[BERT].rows().values() if row)
    without = b"".join(row for row in room[BERT].without_past().rows().values() if row)

    assert not any(secret in with_past for secret in secrets)
    assert schedule.sender_data_secret in with_past
    assert schedule.sender_data_secret not in without
    assert not any(secret in without for secret in room[BERT].state.past.secret_tree._secrets.values())


def test_replaced_private_keys_are_gone():
    """After everybody's path update no KEM secret of before is stored."""
    room = Room(ANNA, BERT, CARL)
    for device in (ANNA, BERT, CARL):
        room.commit(device)
    before = list(room[BERT].state.epoch.keys.values())

    for device in (ANNA, BERT, CARL):
        room.commit(device)

    stored = b"".join(row for row in room[BERT].rows().values() if row)
    assert not any(secret in stored for secret in before)


def test_skipped_messages_open_up_to_the_bound():
    """A thousand ahead opens, ten skipped ones are kept, each once; further ahead is refused."""
    room = Room(ANNA, BERT)
    messages = [room.seal(ANNA, str(number).encode()) for number in range(1013)]

    with pytest.raises(KeyUsed):
        room[BERT].open(messages[1001])
    opened = room[BERT].open(messages[1000])
    assert opened.payload == b"1000"
    group = opened.group
    with pytest.raises(KeyUsed):
        group.open(messages[989])
    for number in range(999, 989, -1):
        group = group.open(messages[number]).group
        with pytest.raises(KeyUsed):
            group.open(messages[number])
    assert group.open(messages[1012]).payload == b"1012"


def test_late_and_stale_epochs_are_told_apart_from_forgeries():
    """An epoch that is not held is named so, without touching a key."""
    room = Room(ANNA, BERT)
    early, message = room[BERT], room.seal(ANNA, b"")
    room.commit(ANNA)
    room.commit(ANNA)

    with pytest.raises(EpochGone):
        room[BERT].open(message)
    with pytest.raises(EpochGone):
        early.open(room.sent[-1])
    assert PrivateMessage.parse(message[4:]).epoch == early.epoch
