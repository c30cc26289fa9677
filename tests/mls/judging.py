"""Commits put together by hand, as the validity function sees them: Anna, Bert and Carl, and Anna administers."""

from dataclasses import replace

from clawchat.mls.key_package import make_key_package
from clawchat.mls.key_schedule import GroupContext
from clawchat.mls.nodes import LeafNodeSource, Lifetime
from clawchat.mls.profile import (
    Roles,
    Vouch,
    device_revoked_message,
    join_message,
    member_data,
    own_device_data,
    revoked_data,
    room_extensions,
    vouched_message,
    voucher_data,
)
from clawchat.mls.proposals import Add, ExternalInit, GroupContextExtensions, Remove
from clawchat.mls.ratchet_tree import RatchetTree
from clawchat.mls.rules import Judged, Proposed
from clawchat.mls.suite import ROOM_SUITE
from clawchat.protocol.keys import DeviceKey
from tests.mls.members import ANNA, BERT, CARL, DORA, NOW, Device, dice, key_pair, seed

ROOM, MESSAGE = b"r" * 16, b"m" * 16
VOUCHER = DeviceKey(seed("voucher"))
VOUCH = bytes(VOUCHER.public)
BERT_2 = Device("bert", 2)
MEMBERS = (ANNA, BERT, CARL)


def leaf(device, key="leaf", *, extensions=(), identity=None):
    """A leaf as a key package brings it."""
    public = key_pair(device.person, device.number, key).public
    lifetime = Lifetime(NOW, NOW + 1)
    member = device.member(identity)
    return member.leaf(LeafNodeSource.KEY_PACKAGE, public, lifetime=lifetime, extensions=extensions)


def path_leaf(device, key="path", **changed):
    """A leaf as a commit's path brings it."""
    member = device.member(changed.pop("identity", None))
    public = key_pair(device.person, device.number, key).public
    made = member.leaf(
        LeafNodeSource.COMMIT, public, group_id=ROOM, parent_hash=b"", extensions=changed.pop("extensions", ())
    )
    return replace(made, **changed)


def tree_of(*leaves):
    """A tree of these leaves, from the left, with blank parents."""
    nodes = [None] * (2 * len(leaves) - 1)
    nodes[::2] = leaves
    width = 1
    while width < len(nodes):
        width = 2 * width + 1
    return RatchetTree(ROOM_SUITE, nodes + [None] * (width - len(nodes)))


def context_of(roles, **changed):
    """A group context with these roles."""
    return replace(GroupContext(ROOM_SUITE.number, ROOM, 5, b"", b"", room_extensions(roles)), **changed)


ADMINISTERED = Roles(False, (ANNA.user,))
OPEN = Roles(True, (ANNA.user,))
VOUCHED = Roles(False, (ANNA.user,), (Vouch(VOUCH, ANNA.user),))
THREE = tree_of(*(leaf(device) for device in MEMBERS))
PACKAGE = make_key_package(DORA.member(), NOW, dice("dora's package")).package
PACKAGE_OF_BERT_2 = make_key_package(BERT_2.member(), NOW, dice("bert's package")).package


def by_value(committer, *proposals):
    """The proposals as a commit of this leaf index holds them."""
    return tuple(Proposed(proposal, committer, by_reference=False) for proposal in proposals)


def commit(committer, *proposals, roles=ADMINISTERED, tree=THREE, new_leaf=None, data=None, waiting=()):
    """A member's commit, applied; waiting: proposals that it takes by reference."""
    context = context_of(roles)
    new_leaf = new_leaf or path_leaf(MEMBERS[committer])
    new_tree, extensions = tree, context.extensions
    for proposal in (*proposals, *(each.proposal for each in waiting)):
        if isinstance(proposal, Remove):
            new_tree = new_tree.remove(proposal.removed)
        elif isinstance(proposal, GroupContextExtensions):
            extensions = proposal.extensions
    new_tree = new_tree.changed({2 * committer: new_leaf})
    for proposal in proposals:
        if isinstance(proposal, Add):
            new_tree, _ = new_tree.add(proposal.key_package.leaf_node)
    new_context = replace(context, epoch=6, extensions=extensions)
    return Judged(
        tree,
        context,
        new_tree,
        new_context,
        committer,
        None,
        new_leaf,
        by_value(committer, *proposals) + tuple(waiting),
        data or member_data(ROOM, MESSAGE),
    )


def external(new_leaf, data, *, remove=None, roles=ADMINISTERED, tree=THREE, proposals=None):
    """A newcomer's external commit, applied."""
    context = context_of(roles)
    made = [ExternalInit(b"kem")] + ([] if remove is None else [Remove(remove)])
    new_tree = tree if remove is None else tree.remove(remove)
    new_tree, joined = new_tree.add(new_leaf)
    listed = by_value(None, *made) if proposals is None else proposals
    new_context = replace(context, epoch=6)
    return Judged(tree, context, new_tree, new_context, None, joined, new_leaf, listed, data)


def change(roles):
    """The proposal that sets these roles."""
    return GroupContextExtensions(room_extensions(roles))


def wish(index, sender=None):
    """A Remove that was sent by itself; by its own leaf, unless a sender is named."""
    return Proposed(Remove(index), index if sender is None else sender, by_reference=True)


def voucher_of(device, room=ROOM, key=VOUCHER):
    """Form 2 for this device."""
    return voucher_data(room, MESSAGE, bytes(key.public), key.sign(vouched_message(room, VOUCH, device.signature_key)))


def own_device_of(device, epoch=5, root=None):
    """Form 3 for this device."""
    signature = (root or device.root).sign(join_message(ROOM, epoch, device.signature_key))
    return own_device_data(ROOM, MESSAGE, signature)


def revocation_of(device, root=None):
    """Form 4 against this device."""
    key = device.signature_key
    return revoked_data(ROOM, MESSAGE, key, (root or device.root).sign(device_revoked_message(key)))
