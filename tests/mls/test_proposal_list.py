"""Lists of proposals: what the RFC forbids is refused with its reason, whoever's rules judge after it."""

from dataclasses import replace

import pytest

from clawchat.mls.codec import Reader
from clawchat.mls.commit import Commit
from clawchat.mls.errors import Invalid
from clawchat.mls.key_package import make_key_package
from clawchat.mls.nodes import LeafNodeSource
from clawchat.mls.proposal_list import ProposalList
from clawchat.mls.proposals import (
    Add,
    ExternalInit,
    GroupContextExtensions,
    PreSharedKey,
    ProposalOrRef,
    ReInit,
    Remove,
    Update,
    read_proposal,
)
from clawchat.mls.psk import PreSharedKeyID, PSKType
from clawchat.mls.rules import Proposed
from clawchat.protocol.errors import Malformed, Unauthentic
from tests.mls.members import ANNA, BERT, CARL, DORA, NOW, dice
from tests.mls.room import Room

ROOM = Room(ANNA, BERT, CARL)
EPOCH = ROOM[ANNA].state.epoch
SUITE = EPOCH.tree.suite


def package(device, name="package"):
    """A key package of this device."""
    return make_key_package(device.member(), NOW, dice(name, device)).package


def listed(*proposals, sender=0, by_reference=False):
    """A list of proposals by one sender."""
    return ProposalList(tuple(Proposed(each, sender, by_reference) for each in proposals))


def psk(nonce_bytes=SUITE.Nh, usage=0, psktype=PSKType.EXTERNAL):
    """A PreSharedKey proposal."""
    return PreSharedKey(PreSharedKeyID(psktype, b"id", usage, b"", 0, bytes(nonce_bytes)))


def update(sender, source=LeafNodeSource.UPDATE, key=None):
    """An Update proposal of a member of the room."""
    device = (ANNA, BERT, CARL)[sender]
    public = key or SUITE.derive_key_pair(b"update").public
    arguments = {"group_id": EPOCH.context.group_id, "leaf_index": sender, "parent_hash": b""}
    return Update(device.member().leaf(source, public, **arguments))


def reason(check, *arguments):
    """Why it is refused."""
    with pytest.raises(Invalid) as refused:
        check(*arguments)
    return refused.value.reason


@pytest.mark.parametrize(
    ("proposals", "expected"),
    [
        ((ExternalInit(b""),), "external-init"),
        ((GroupContextExtensions(()), GroupContextExtensions(())), "extensions-twice"),
        ((ReInit(b"", 1, SUITE.number, ()), Remove(1)), "reinit-alone"),
        ((Remove(0),), "own-leaf"),
        ((Remove(1), Remove(1)), "leaf-twice"),
        ((Remove(3),), "leaf-blank"),
        ((Remove(1 << 31),), "leaf-blank"),
        ((psk(), psk()), "psk-twice"),
        ((psk(nonce_bytes=1),), "psk"),
        ((psk(psktype=PSKType.RESUMPTION, usage=2),), "psk"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_list_that_no_member_may_commit(proposals, expected):
    """RFC 9420 12.2."""
    assert reason(listed(*proposals).check, EPOCH.tree, EPOCH.context, 0) == expected


@pytest.mark.parametrize(
    ("proposals", "by_reference", "expected"),
    [
        ((), False, "external-init"),
        ((ExternalInit(b""), ExternalInit(b"")), False, "external-init"),
        ((ExternalInit(b""),), True, "external-proposal"),
        ((ExternalInit(b""), GroupContextExtensions(())), False, "external-proposal"),
        ((ExternalInit(b""), Remove(1), Remove(2)), False, "external-remove"),
        ((ExternalInit(b""), Remove(7)), False, "leaf-blank"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_list_that_no_newcomer_may_commit(proposals, by_reference, expected):
    """RFC 9420 12.2, 12.4.3.2."""
    checked = listed(*proposals, sender=None, by_reference=by_reference)
    assert reason(checked.check_external, EPOCH.tree, EPOCH.context) == expected


def test_updates_are_judged():
    """Read for the sake of other groups: of a member, of its own leaf, with a new key, signed for its place."""
    check = [EPOCH.tree, EPOCH.context, 0]
    listed(update(1), sender=1, by_reference=True).check(*check)

    assert reason(listed(update(0), sender=0).check, *check) == "own-leaf"
    assert reason(listed(update(1), sender=None).check, *check) == "update-sender"
    assert reason(listed(update(1), Remove(1), sender=1).check, *check) == "leaf-twice"
    assert reason(listed(update(1, LeafNodeSource.COMMIT), sender=1).check, *check) == "leaf-source"
    old = EPOCH.tree.leaf(1).encryption_key
    assert reason(listed(update(1, key=old), sender=1).check, *check) == "encryption-key-twice"
    with pytest.raises(Unauthentic):
        listed(update(1), sender=2).check(*check)


def test_key_packages_are_verified():
    """Signature, suite, version, source and init key."""
    good = package(DORA)
    check = [EPOCH.tree, EPOCH.context, 0]
    listed(Add(good)).check(*check)

    with pytest.raises(Unauthentic):
        listed(Add(replace(good, signature=bytes(64)))).check(*check)
    assert reason(listed(Add(replace(good, cipher_suite=1))).check, *check) == "package-suite"
    assert reason(listed(Add(replace(good, version=2))).check, *check) == "package-version"
    assert reason(listed(Add(replace(good, init_key=good.leaf_node.encryption_key))).check, *check) == "init-key"


def test_references_are_those_that_wait():
    """An unknown one, and one that is there twice."""
    waiting = {b"ref": Proposed(Remove(1), 1, by_reference=True)}

    def resolve(*references):
        return ProposalList.of(Commit(tuple(ProposalOrRef(None, each) for each in references), None), waiting, 0)

    assert resolve(b"ref").proposals == tuple(waiting.values())
    assert reason(resolve, b"other") == "proposal-unknown"
    assert reason(resolve, b"ref", b"ref") == "proposal-twice"


def test_path_is_needed_by_all_but_additions():
    """RFC 9420 12.4."""
    assert listed().needs_path
    assert listed(Remove(1)).needs_path
    assert listed(Add(package(DORA)), GroupContextExtensions(())).needs_path
    assert not listed(Add(package(DORA)), psk()).needs_path


def test_list_is_applied_in_the_rfcs_order():
    """Extensions, updates, removes, adds: who comes takes the place of who goes."""
    leaf = update(2).leaf_node
    proposals = (
        Proposed(Add(package(DORA)), 0, by_reference=False),
        Proposed(Remove(1), 0, by_reference=False),
        Proposed(update(2), 2, by_reference=True),
        Proposed(GroupContextExtensions(()), 0, by_reference=False),
    )

    applied = ProposalList(proposals).apply(EPOCH.tree, EPOCH.context)

    assert [each.index for each in applied.added] == [each.index for each in applied.removed] == [1]
    assert applied.tree.leaf(1).signature_key == DORA.signature_key
    assert applied.tree.leaf(2) == leaf
    assert applied.extensions == ()
    assert EPOCH.tree.leaf(1).signature_key == BERT.signature_key


@pytest.mark.parametrize("kind", [0, 8, 0xF0C1, 0xFFFF])
def test_unknown_proposal_types_are_malformed(kind):
    """What we cannot judge we do not adopt."""
    with pytest.raises(Malformed):
        read_proposal(Reader(kind.to_bytes(2, "big") + bytes(64)))


@pytest.mark.parametrize("kind", [0, 3, 255])
def test_entry_is_a_proposal_or_a_reference(kind):
    """Nothing else stands in a commit's list, whatever bytes come after it."""
    entry = ProposalOrRef(Remove(1)).encode()
    assert ProposalOrRef.read(Reader(entry)).proposal == Remove(1)
    assert ProposalOrRef.read(Reader(b"\2\0")).encode() == b"\2\0"

    with pytest.raises(Malformed):
        ProposalOrRef.read(Reader(bytes([kind]) + entry[1:]))
