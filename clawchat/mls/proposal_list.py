"""The proposals of one commit together: which lists are valid, and what they make of the tree.

RFC 9420 12.1, 12.2, 12.3
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self, TypeVar

from clawchat.mls.commit import Commit
from clawchat.mls.errors import Invalid
from clawchat.mls.key_schedule import GroupContext
from clawchat.mls.nodes import Extension, LeafNodeSource
from clawchat.mls.proposals import (
    Add,
    ExternalInit,
    GroupContextExtensions,
    PreSharedKey,
    Proposal,
    ProposalType,
    ReInit,
    Remove,
    Update,
)
from clawchat.mls.psk import PreSharedKeyID, PSKType
from clawchat.mls.ratchet_tree import Leaf, RatchetTree
from clawchat.mls.rules import Proposed
from clawchat.mls.tree_validation import check_leaf

_Kind = TypeVar("_Kind", bound=Proposal)
# RFC 9420 12.4: with nothing but these a commit may come without a path.
_WITHOUT_PATH = frozenset({ProposalType.ADD, ProposalType.PSK, ProposalType.REINIT})
_EXTERNAL = frozenset({ProposalType.EXTERNAL_INIT, ProposalType.REMOVE, ProposalType.PSK})
# RFC 9420 8.4: the usage of a resumption PSK inside a group.
_APPLICATION = 1


@dataclass(frozen=True, slots=True)
class Applied:
    """What a list made of a group: the tree and extensions, who came and went, and what enters the key schedule."""

    tree: RatchetTree
    extensions: tuple[Extension, ...]
    added: tuple[Leaf, ...]
    removed: tuple[Leaf, ...]
    kem_output: bytes | None
    psks: tuple[PreSharedKeyID, ...]

    @property
    def added_leaves(self) -> tuple[int, ...]:
        """The leaf indices of who came."""
        return tuple(member.index for member in self.added)


@dataclass(frozen=True, slots=True)
class ProposalList:
    """All proposals of a commit in its order, references resolved."""

    proposals: tuple[Proposed, ...]

    @classmethod
    def of(cls, commit: Commit, waiting: Mapping[bytes, Proposed], committer: int | None) -> Self:
        """The list of a commit; waiting: the proposals of this epoch by their references.

        Raises: invalid (proposal-unknown, proposal-twice).
        """
        found, seen = [], set()
        for entry in commit.proposals:
            if entry.proposal is not None:
                found.append(Proposed(entry.proposal, committer, by_reference=False))
                continue
            reference = entry.reference or b""
            if reference not in waiting:
                raise Invalid("proposal-unknown")
            if reference in seen:
                raise Invalid("proposal-twice")
            seen.add(reference)
            found.append(waiting[reference])
        return cls(tuple(found))

    @property
    def needs_path(self) -> bool:
        """Whether a commit of these proposals must have a path (RFC 9420 12.4)."""
        return not self.proposals or any(each.proposal.kind not in _WITHOUT_PATH for each in self.proposals)

    def check(self, tree: RatchetTree, context: GroupContext, committer: int) -> None:
        """Nothing, when a member may commit this list.

        Raises: invalid; malformed; unauthentic.
        RFC 9420 12.2
        """
        if self._all(ExternalInit):
            raise Invalid("external-init")
        if len(self._all(GroupContextExtensions)) > 1:
            raise Invalid("extensions-twice")
        if self._all(ReInit) and len(self.proposals) > 1:
            raise Invalid("reinit-alone")
        for proposed in self.proposals:
            _check_one(proposed, tree, context)
        touched = [*(each.removed for each in self._all(Remove)), *self._updaters()]
        if committer in touched:
            raise Invalid("own-leaf")
        if len(set(touched)) != len(touched):
            raise Invalid("leaf-twice")
        psks = [each.psk for each in self._all(PreSharedKey)]
        if len(set(psks)) != len(psks):
            raise Invalid("psk-twice")

    def check_external(self, tree: RatchetTree, context: GroupContext) -> None:
        """Nothing, when a newcomer may commit this list.

        Raises: invalid; malformed.
        RFC 9420 12.2, 12.4.3.2
        """
        if len(self._all(ExternalInit)) != 1:
            raise Invalid("external-init")
        if any(each.by_reference or each.proposal.kind not in _EXTERNAL for each in self.proposals):
            raise Invalid("external-proposal")
        if len(self._all(Remove)) > 1:
            raise Invalid("external-remove")
        for proposed in self.proposals:
            _check_one(proposed, tree, context)

    def apply(self, tree: RatchetTree, context: GroupContext) -> Applied:
        """What a checked list makes of the group: extensions, updates, removes, adds, in this order.

        RFC 9420 12.3
        """
        extensions, added, removed = context.extensions, [], []
        for replaced in self._all(GroupContextExtensions):
            extensions = replaced.extensions
        for proposed in self.proposals:
            if isinstance(proposed.proposal, Update) and proposed.sender is not None:
                tree = tree.update(proposed.sender, proposed.proposal.leaf_node)
        for remove in self._all(Remove):
            removed.append(Leaf(remove.removed, tree.member(remove.removed)))
            tree = tree.remove(remove.removed)
        for add in self._all(Add):
            leaf = add.key_package.leaf_node
            tree, index = tree.add(leaf)
            added.append(Leaf(index, leaf))
        kem_output = next((each.kem_output for each in self._all(ExternalInit)), None)
        psks = tuple(each.psk for each in self._all(PreSharedKey))
        return Applied(tree, extensions, tuple(added), tuple(removed), kem_output, psks)

    def _all(self, kind: type[_Kind]) -> list[_Kind]:
        return [each.proposal for each in self.proposals if isinstance(each.proposal, kind)]

    def _updaters(self) -> Iterable[int | None]:
        return (each.sender for each in self.proposals if isinstance(each.proposal, Update))


def _check_one(proposed: Proposed, tree: RatchetTree, context: GroupContext) -> None:
    """RFC 9420 12.1: each proposal for itself."""
    proposal = proposed.proposal
    if isinstance(proposal, Add):
        proposal.key_package.verify(tree.suite)
        check_leaf(tree, proposal.key_package.leaf_node, LeafNodeSource.KEY_PACKAGE)
    elif isinstance(proposal, Update):
        _check_update(proposal, proposed.sender, tree, context)
    elif isinstance(proposal, Remove):
        tree.member(proposal.removed)
    elif isinstance(proposal, PreSharedKey):
        psk = proposal.psk
        if len(psk.psk_nonce) != tree.suite.Nh or (psk.psktype is PSKType.RESUMPTION and psk.usage != _APPLICATION):
            raise Invalid("psk")


def _check_update(update: Update, sender: int | None, tree: RatchetTree, context: GroupContext) -> None:
    if sender is None:
        raise Invalid("update-sender")
    leaf = update.leaf_node
    check_leaf(tree, leaf, LeafNodeSource.UPDATE)
    leaf.verify(tree.suite, context.group_id, sender)
    if leaf.encryption_key == tree.member(sender).encryption_key:
        raise Invalid("encryption-key-twice")
