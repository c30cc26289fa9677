"""What a member holds of a group: one epoch, the ratchets that move inside it, and what is left of the one before.

RFC 9420 8
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from clawchat.mls.group_info import GroupInfo, external_pub_extension, ratchet_tree_extension
from clawchat.mls.key_schedule import GroupContext, KeySchedule
from clawchat.mls.member import Member
from clawchat.mls.nodes import LeafNode
from clawchat.mls.ratchet_tree import RatchetTree
from clawchat.mls.rules import Proposed
from clawchat.mls.secret_tree import SecretTree
from clawchat.mls.transcript import interim_transcript_hash
from clawchat.mls.tree_kem import PrivateKeys


@dataclass(frozen=True, slots=True)
class PublicEpoch:
    """What a GroupInfo tells of an epoch."""

    context: GroupContext
    tree: RatchetTree
    interim_transcript_hash: bytes


@dataclass(frozen=True, slots=True)
class Epoch(PublicEpoch):
    """What stays the same from commit to commit. `keys`: our KEM secrets by node index."""

    confirmation_tag: bytes
    leaf_index: int
    keys: PrivateKeys = field(repr=False)
    schedule: KeySchedule

    @property
    def own_leaf(self) -> LeafNode:
        """Our leaf."""
        return self.tree.member(self.leaf_index)

    def group_info(self, member: Member, *, for_everybody: bool) -> GroupInfo:
        """The signed GroupInfo; with tree and external_pub for everybody, without for a Welcome.

        RFC 9420 12.4.3
        """
        extensions = (
            (external_pub_extension(self.schedule.external_key_pair().public), ratchet_tree_extension(self.tree))
            if for_everybody
            else ()
        )
        unsigned = GroupInfo(self.context, extensions, self.confirmation_tag, self.leaf_index)
        return unsigned.sign(member.suite, member.sign)


@dataclass(frozen=True, slots=True)
class PastEpoch:
    """What still opens messages of the epoch before; its tree has leaves only."""

    context: GroupContext
    tree: RatchetTree
    sender_data_secret: bytes = field(repr=False)
    secret_tree: SecretTree = field(repr=False)


@dataclass(frozen=True, slots=True)
class GroupState:
    """A group at one moment. `waiting`: the proposals of this epoch by their references."""

    epoch: Epoch
    secret_tree: SecretTree = field(repr=False)
    waiting: Mapping[bytes, Proposed]
    past: PastEpoch | None

    def as_past(self) -> PastEpoch:
        """What to keep of this epoch when the next one begins."""
        epoch = self.epoch
        leaves = (None if index & 1 else node for index, node in enumerate(epoch.tree.nodes))
        tree = RatchetTree(epoch.tree.suite, leaves)
        return PastEpoch(epoch.context, tree, epoch.schedule.sender_data_secret, self.secret_tree)

    def with_ratchets(self, secret_tree: SecretTree) -> Self:
        """The same with other ratchets."""
        return replace(self, secret_tree=secret_tree)


def begin_epoch(
    context: GroupContext,
    tree: RatchetTree,
    leaf_index: int,
    keys: PrivateKeys,
    secret: bytes,
    confirmation_tag: bytes | None,
) -> GroupState:
    """The state in which an epoch begins; secret: its epoch secret.

    Without a confirmation tag it is ours to make; one that is given is checked.
    Raises: unauthentic (the tag).
    RFC 9420 8, 8.2, 12.4.2
    """
    suite = tree.suite
    schedule, encryption_secret = KeySchedule.derive(suite, secret)
    confirmed = context.confirmed_transcript_hash
    if confirmation_tag is None:
        confirmation_tag = schedule.confirmation_tag(confirmed)
    else:
        schedule.check_confirmation_tag(confirmed, confirmation_tag)
    interim = interim_transcript_hash(suite, confirmed, confirmation_tag)
    epoch = Epoch(context, tree, interim, confirmation_tag, leaf_index, keys, schedule)
    return GroupState(epoch, SecretTree.make(suite, tree.leaf_count, encryption_secret), {}, None)
