"""A group as the apps use it: a value. What is done to it gives a new one; every failure leaves it as it was.

Spec: 4.4
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from clawchat.mls.committing import (
    CommitDraft,
    MadeCommit,
    Random,
    check_lifetime,
    list_proposals,
    make_commit,
    make_external_commit,
)
from clawchat.mls.epoch import GroupState, begin_epoch
from clawchat.mls.errors import Invalid
from clawchat.mls.framing import AuthenticatedContent, ContentType, FramedContent, MLSMessage, Sender, WireFormat
from clawchat.mls.joining import join_by_welcome, read_public_epoch, tree_in
from clawchat.mls.key_package import CLOCK_SKEW_SECONDS, LIFETIME_SECONDS, KeyPackage, KeyPackageSecrets
from clawchat.mls.key_schedule import GroupContext, send_external_init
from clawchat.mls.member import Member
from clawchat.mls.nodes import Extension, LeafNode, LeafNodeSource, Lifetime
from clawchat.mls.opening import open_message
from clawchat.mls.private_message import PrivateMessage
from clawchat.mls.proposals import ExternalInit, Proposal, ProposalOrRef, Remove
from clawchat.mls.public_message import PublicMessage
from clawchat.mls.ratchet_tree import Leaf, RatchetTree
from clawchat.mls.rules import Proposed, Rules
from clawchat.mls.storage import Rows, encode_rows, parse_rows
from clawchat.mls.tree_hash import root_hash
from clawchat.protocol.errors import UsageError


@dataclass(frozen=True, slots=True)
class Opened:
    """What a message was.

    kind: message, proposal, commit, or removed (by a commit that removed us); group: to go on with, the old one when
    we were removed; sender: leaf index, None for somebody who is no member yet; leaf: whose key signed it, as it stood
    before (of a newcomer: the new one), None for an external sender; payload: of a message, else None.
    """

    kind: str
    group: "Group"
    epoch: int
    sender: int | None
    leaf: LeafNode | None
    authenticated_data: bytes
    payload: bytes | None
    proposals: tuple[Proposed, ...]
    added: tuple[Leaf, ...]
    removed: tuple[Leaf, ...]


@dataclass(frozen=True, slots=True)
class Pending:
    """A commit of ours that the server may take or not.

    group: to go on with until then (None for an external commit); next: the group then, see `Group.adopt`; the
    commit, the Welcome and the GroupInfo are whole MLSMessages. It is sent again as it is or dropped, never made
    again in the same epoch.
    """

    group: "Group | None"
    next: "Group"
    commit: bytes
    welcome: bytes | None
    group_info: bytes


@dataclass(frozen=True, slots=True)
class Group:
    """One room as this device sees it."""

    member: Member
    rules: Rules
    state: GroupState

    @classmethod
    def create(
        cls,
        member: Member,
        group_id: bytes,
        *,
        extensions: Sequence[Extension],
        random: Random,
        now: int,
        rules: Rules,
    ) -> Self:
        """A new group of this device alone, in epoch 0; now: seconds since 1970.

        Raises: invalid; malformed (extensions that the rules refuse).
        RFC 9420 11
        """
        suite = member.suite
        if not rules.allows_suite(suite.number):
            raise Invalid("suite")
        pair = suite.derive_key_pair(random(suite.Nh))
        lifetime = Lifetime(now - CLOCK_SKEW_SECONDS, now + LIFETIME_SECONDS)
        leaf = member.leaf(LeafNodeSource.KEY_PACKAGE, pair.public, lifetime=lifetime)
        tree = RatchetTree.of_one(suite, leaf)
        context = GroupContext(suite.number, group_id, 0, root_hash(tree), b"", tuple(extensions))
        rules.check_join(tree, context)
        return cls(member, rules, begin_epoch(context, tree, 0, {0: pair.secret}, random(suite.Nh), None))

    @classmethod
    def join(
        cls,
        member: Member,
        secrets: KeyPackageSecrets,
        welcome: bytes,
        group_info: bytes | None,
        *,
        rules: Rules,
        tree: bytes | None = None,
    ) -> Self:
        """The group of a Welcome; the tree comes from the GroupInfo of the same epoch, or as it is given.

        Raises: invalid; malformed; unauthentic.
        RFC 9420 12.4.3.1
        """
        if tree is None and group_info is not None:
            tree = tree_in(group_info)
        return cls(member, rules, join_by_welcome(member, secrets, welcome, tree, rules))

    @classmethod
    def join_externally(
        cls,
        member: Member,
        group_info: bytes,
        *,
        authenticated_data: bytes,
        remove: int | None = None,
        leaf_extensions: Sequence[Extension] = (),
        random: Random,
        now: int,
        rules: Rules,
    ) -> Pending:
        """A commit by which this device enters by itself; remove: the leaf it takes the place of.

        now: as for the other ways in; nothing of an external commit has a date.
        Raises: invalid; malformed; unauthentic.
        RFC 9420 12.4.3.2
        """
        epoch, external_pub = read_public_epoch(member, group_info, rules)
        kem_output, init_secret = send_external_init(member.suite, external_pub)
        proposals: list[Proposal] = [ExternalInit(kem_output)]
        if remove is not None:
            proposals.append(Remove(remove))
        entries = tuple(ProposalOrRef(proposal) for proposal in proposals)
        draft = CommitDraft(entries, authenticated_data, tuple(leaf_extensions), init_secret)
        made = make_external_commit(member, epoch, draft, rules, random)
        public = PublicMessage.protect(member.suite, made.authenticated, b"", epoch.context)
        return cls._pending(member, rules, None, made, _envelope(WireFormat.PUBLIC_MESSAGE, public.encode()))

    @classmethod
    def load(cls, member: Member, rows: Mapping[str, bytes | None], *, rules: Rules) -> Self:
        """The group in these rows.

        Raises: malformed; unsupported_version.
        """
        return cls(member, rules, parse_rows(member.suite, rows))

    def rows(self) -> Rows:
        """All three rows: `epoch`, `live` and `past`, which is None without a past epoch; to be stored, sealed."""
        return encode_rows(self.state)

    def rows_since(self, before: Self) -> Rows:
        """The rows that are no longer those of `before`; None erases one."""
        return encode_rows(self.state, before.state)

    @property
    def group_id(self) -> bytes:
        """The room id."""
        return self.context.group_id

    @property
    def epoch(self) -> int:
        """The number of the epoch."""
        return self.context.epoch

    @property
    def context(self) -> GroupContext:
        """What all members agree on."""
        return self.state.epoch.context

    @property
    def tree(self) -> RatchetTree:
        """The ratchet tree."""
        return self.state.epoch.tree

    @property
    def leaf_index(self) -> int:
        """Our own leaf index."""
        return self.state.epoch.leaf_index

    @property
    def members(self) -> tuple[Leaf, ...]:
        """All members, ourselves included."""
        return self.tree.leaves()

    @property
    def has_past(self) -> bool:
        """Whether messages of the epoch before still open."""
        return self.state.past is not None

    @property
    def epoch_authenticator(self) -> bytes:
        """Equal at two members exactly when they are in the same group and epoch (RFC 9420 8.7)."""
        return self.state.epoch.schedule.epoch_authenticator

    @property
    def pending_proposals(self) -> int:
        """How many proposals wait for somebody's commit."""
        return len(self.state.waiting)

    def seal(self, payload: bytes, authenticated_data: bytes, *, random: Random) -> tuple[Self, bytes]:
        """The group after, and an application message.

        Raises: usage (proposals wait: commit first, RFC 9420 12.4).
        """
        if self.state.waiting:
            raise UsageError("a commit comes first: proposals wait")
        content = self._frame(authenticated_data, ContentType.APPLICATION, payload)
        state, message = self._encrypt(self._sign(content), random)
        return replace(self, state=state), message

    def propose_removal_of_self(self, authenticated_data: bytes, *, random: Random) -> tuple[Self, bytes]:
        """The group after, and the message that asks the others to remove us.

        RFC 9420 12.1.3
        """
        proposal = Remove(self.leaf_index)
        authenticated = self._sign(self._frame(authenticated_data, ContentType.PROPOSAL, proposal))
        state, message = self._encrypt(authenticated, random)
        proposed = Proposed(proposal, self.leaf_index, by_reference=True)
        waiting = {**state.waiting, authenticated.ref(self.member.suite): proposed}
        return replace(self, state=replace(state, waiting=waiting)), message

    def commit(
        self,
        *,
        add: Sequence[KeyPackage] = (),
        remove: Sequence[int] = (),
        extensions: Sequence[Extension] | None = None,
        identity: bytes | None = None,
        authenticated_data: bytes,
        random: Random,
        now: int,
    ) -> Pending:
        """A commit with a path and all proposals that wait; now: seconds since 1970.

        extensions: the group context's complete new list; identity: of our own leaf from now on.
        Raises: usage (we are leaving); invalid; malformed; unauthentic.
        RFC 9420 12.4.1
        """
        for package in add:
            check_lifetime(package, now)
            self.rules.check_key_package(package)
        leaf, state = self.state.epoch.own_leaf, self.state
        committer = replace(
            self.member,
            identity=leaf.credential.identity if identity is None else identity,
            capabilities=leaf.capabilities,
        )
        entries = list_proposals(state, add, remove, extensions)
        draft = CommitDraft(entries, authenticated_data, leaf.extensions, state.epoch.schedule.init_secret)
        made = make_commit(committer, state, draft, self.rules, random)
        moved, message = self._encrypt(made.authenticated, random)
        return self._pending(self.member, self.rules, replace(self, state=moved), made, message)

    def adopt(self, following: Self) -> Self:
        """The group after our pending commit was taken: its next, and of this epoch the ratchets as they stand now.

        Raises: usage (of another epoch).
        """
        if following.epoch != self.epoch + 1 or following.group_id != self.group_id:
            raise UsageError("not the next epoch of this group")
        return replace(following, state=replace(following.state, past=self.state.as_past()))

    def open(self, message: bytes) -> Opened:
        """What a message says or does.

        Raises: malformed; unauthentic; invalid; epoch_gone; key_used.
        RFC 9420 6, 12.4.2
        """
        opened = open_message(self.state, message, self.rules)
        content = opened.content
        return Opened(
            opened.kind,
            replace(self, state=opened.state) if opened.state else self,
            content.epoch,
            opened.sender,
            opened.leaf,
            content.authenticated_data,
            content.content if isinstance(content.content, bytes) else None,
            opened.proposals,
            opened.added,
            opened.removed,
        )

    def without_past(self) -> Self:
        """The group without what opens messages of the epoch before."""
        return replace(self, state=replace(self.state, past=None))

    def group_info(self) -> bytes:
        """The signed GroupInfo of this epoch, with external_pub and the tree, as an MLSMessage."""
        return _envelope(WireFormat.GROUP_INFO, self.state.epoch.group_info(self.member, for_everybody=True).encode())

    def export(self, label: str, context: bytes, length: int) -> bytes:
        """A secret of this epoch for another use, up to Nh bytes (RFC 9420 8.5)."""
        return self.state.epoch.schedule.export(label, context, length)

    def _frame(self, authenticated_data: bytes, content_type: ContentType, content: bytes | Proposal) -> FramedContent:
        sender = Sender.member(self.leaf_index)
        return FramedContent(self.group_id, self.epoch, sender, authenticated_data, content_type, content)

    def _sign(self, content: FramedContent) -> AuthenticatedContent:
        member = self.member
        return AuthenticatedContent.sign(member.suite, member.sign, WireFormat.PRIVATE_MESSAGE, content, self.context)

    def _encrypt(self, authenticated: AuthenticatedContent, random: Random) -> tuple[GroupState, bytes]:
        state = self.state
        secret_tree, message = PrivateMessage.protect(
            self.member.suite, authenticated, state.secret_tree, state.epoch.schedule.sender_data_secret, random
        )
        return state.with_ratchets(secret_tree), _envelope(WireFormat.PRIVATE_MESSAGE, message.encode())

    @classmethod
    def _pending(cls, member: Member, rules: Rules, group: Self | None, made: MadeCommit, message: bytes) -> Pending:
        past = group.state.as_past() if group else None
        following = cls(member, rules, replace(made.state, past=past))
        welcome = _envelope(WireFormat.WELCOME, made.welcome.encode()) if made.welcome else None
        return Pending(group, following, message, welcome, following.group_info())


def _envelope(wire_format: WireFormat, body: bytes) -> bytes:
    return MLSMessage(wire_format, body).encode()
