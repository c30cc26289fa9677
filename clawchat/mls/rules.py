"""What a group is judged by: one interface, and the rules of RFC 9420 alone.

The room's own rules (protocol.md 4.10) are validity.py's. A group asks its rules between result and adoption, when
nothing has changed yet.
Spec: 4.10
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from clawchat.mls.errors import Invalid
from clawchat.mls.framing import FramedContent
from clawchat.mls.key_package import KeyPackage
from clawchat.mls.key_schedule import GroupContext
from clawchat.mls.nodes import LeafNode
from clawchat.mls.proposals import Proposal
from clawchat.mls.psk import PreSharedKeyID
from clawchat.mls.ratchet_tree import RatchetTree


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposal with its sender's leaf index (None: not a member) and whether it came by reference."""

    proposal: Proposal
    sender: int | None
    by_reference: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """A commit and what it would lead to.

    committer: its leaf index in the old tree, None for an external commit; leaf: the leaf of its path, None without a
    path; joined: where an external commit's leaf stands in the new tree, else None. A device that is removed has no
    new tree and no new context.
    """

    old_tree: RatchetTree
    old_context: GroupContext
    new_tree: RatchetTree | None
    new_context: GroupContext | None
    committer: int | None
    joined: int | None
    leaf: LeafNode | None
    proposals: tuple[Proposed, ...]
    authenticated_data: bytes


class Rules(Protocol):
    """What a group asks; everything that is refused raises."""

    def allows_suite(self, number: int) -> bool:
        """Whether groups and key packages of this cipher suite are taken."""

    def check_commit(self, judged: Judged) -> None:
        """Nothing, when the commit may be adopted. Raises: invalid; malformed; unauthentic."""

    def check_join(self, tree: RatchetTree, context: GroupContext) -> None:
        """Nothing, when a group in this state may be entered. Raises: invalid; malformed; unauthentic."""

    def check_key_package(self, package: KeyPackage) -> None:
        """Nothing, when its client may be added; asked before an Add is made. Raises: invalid; malformed."""

    def check_proposal(self, proposed: Proposed) -> None:
        """Nothing, when a proposal that stands alone may wait for a commit. Raises: invalid."""

    def check_message(self, content: FramedContent) -> None:
        """Nothing, when a member's message or proposal may carry its authenticated data. Raises: invalid."""

    def allows_public_message(self, content: FramedContent) -> bool:
        """Whether this may come signed but not encrypted."""

    def pre_shared_key(self, identifier: PreSharedKeyID) -> bytes:
        """The key that a PreSharedKey proposal or a Welcome names. Raises: invalid (psk-unknown)."""


class OpenRules:
    """RFC 9420 and nothing more: for vectors and for tests against other libraries. The app has RoomRules."""

    def __init__(self, pre_shared_key: Callable[[PreSharedKeyID], bytes | None] = lambda identifier: None) -> None:
        self._find_pre_shared_key = pre_shared_key

    def allows_suite(self, number: int) -> bool:
        """All that there are."""
        return True

    def check_commit(self, judged: Judged) -> None:
        """Every commit."""

    def check_join(self, tree: RatchetTree, context: GroupContext) -> None:
        """Every group."""

    def check_key_package(self, package: KeyPackage) -> None:
        """Every key package."""

    def check_proposal(self, proposed: Proposed) -> None:
        """Every proposal."""

    def check_message(self, content: FramedContent) -> None:
        """Every message."""

    def allows_public_message(self, content: FramedContent) -> bool:
        """All."""
        return True

    def pre_shared_key(self, identifier: PreSharedKeyID) -> bytes:
        """What the given function finds.

        Raises: invalid (psk-unknown).
        """
        found = self._find_pre_shared_key(identifier)
        if found is None:
            raise Invalid("psk-unknown")
        return found
