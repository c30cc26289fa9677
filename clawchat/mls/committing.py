"""Making a commit: by a member, or by a newcomer who joins by itself. Every commit of ours has a path.

RFC 9420 12.4.1, 12.4.3.2
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from clawchat.mls.applying import next_context
from clawchat.mls.commit import Commit
from clawchat.mls.epoch import GroupState, PublicEpoch, begin_epoch
from clawchat.mls.errors import Invalid
from clawchat.mls.framing import (
    AuthenticatedContent,
    ContentType,
    FramedContent,
    Sender,
    SenderType,
    WireFormat,
)
from clawchat.mls.key_package import KeyPackage
from clawchat.mls.key_schedule import GroupContext, epoch_secret, joiner_secret
from clawchat.mls.member import Member
from clawchat.mls.nodes import Extension, LeafNode, LeafNodeSource
from clawchat.mls.proposal_list import Applied, ProposalList
from clawchat.mls.proposals import Add, GroupContextExtensions, Proposal, ProposalOrRef, Remove
from clawchat.mls.psk import psk_secret
from clawchat.mls.ratchet_tree import RatchetTree
from clawchat.mls.rules import Judged, Rules
from clawchat.mls.transcript import confirmed_transcript_hash
from clawchat.mls.tree_hash import root_hash
from clawchat.mls.tree_kem import MadePath, make_update_path
from clawchat.mls.tree_math import common_ancestor
from clawchat.mls.tree_validation import check_members
from clawchat.mls.welcome import Welcome, make_welcome
from clawchat.protocol.errors import UsageError

Random: TypeAlias = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class CommitDraft:
    """What a commit is to say; init_secret: the epoch's own, or that of an external commit."""

    proposals: tuple[ProposalOrRef, ...]
    authenticated_data: bytes
    leaf_extensions: tuple[Extension, ...]
    init_secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class MadeCommit:
    """A signed commit with its tag, not yet encrypted, and the state it leads to."""

    authenticated: AuthenticatedContent
    state: GroupState
    welcome: Welcome | None


def list_proposals(
    state: GroupState,
    add: Sequence[KeyPackage],
    remove: Sequence[int],
    extensions: Sequence[Extension] | None,
) -> tuple[ProposalOrRef, ...]:
    """Who asked to leave, by reference, and what is wanted beside it, by value; nobody is removed twice.

    Raises: usage (our own leaving waits: others commit it).
    """
    entries, leaving = [], set()
    for reference, proposed in state.waiting.items():
        if isinstance(proposed.proposal, Remove) and proposed.proposal.removed not in leaving:
            leaving.add(proposed.proposal.removed)
            entries.append(ProposalOrRef(None, reference))
    if state.epoch.leaf_index in leaving:
        raise UsageError("a device that is leaving does not commit")
    values: list[Proposal] = [GroupContextExtensions(tuple(extensions))] if extensions is not None else []
    values += [Remove(index) for index in remove if index not in leaving]
    values += [Add(package) for package in add]
    return (*entries, *(ProposalOrRef(value) for value in values))


def make_commit(member: Member, state: GroupState, draft: CommitDraft, rules: Rules, random: Random) -> MadeCommit:
    """A member's commit of this draft, judged by the rules before anybody else sees it.

    Raises: invalid; malformed; unauthentic (a key package).
    RFC 9420 12.4.1
    """
    epoch = state.epoch
    commit = Commit(draft.proposals, None)
    proposals = ProposalList.of(commit, state.waiting, epoch.leaf_index)
    proposals.check(epoch.tree, epoch.context, epoch.leaf_index)
    applied = proposals.apply(epoch.tree, epoch.context)
    sender = Sender.member(epoch.leaf_index)
    made, path, joiner = _make(member, epoch, draft, applied, applied.tree, epoch.leaf_index, sender, random)
    judged = _judged(epoch, made, proposals, draft, epoch.leaf_index, None)
    rules.check_commit(judged)
    packages = [each.proposal.key_package for each in proposals.proposals if isinstance(each.proposal, Add)]
    if not packages:
        return made

    def path_secret(place: int) -> bytes | None:
        meeting = common_ancestor(2 * epoch.leaf_index, 2 * applied.added[place].index)
        return path.path_secrets[meeting]

    info = made.state.epoch.group_info(member, for_everybody=False)
    no_psk = psk_secret(member.suite, ())
    return replace(made, welcome=make_welcome(member.suite, packages, joiner, info, path_secret, no_psk))


def make_external_commit(
    member: Member, epoch: PublicEpoch, draft: CommitDraft, rules: Rules, random: Random
) -> MadeCommit:
    """A newcomer's commit; epoch: what the GroupInfo tells of it.

    Raises: invalid; malformed.
    RFC 9420 12.4.3.2
    """
    proposals = ProposalList.of(Commit(draft.proposals, None), {}, None)
    proposals.check_external(epoch.tree, epoch.context)
    applied = proposals.apply(epoch.tree, epoch.context)
    tree, place = applied.tree.with_place()
    sender = Sender(SenderType.NEW_MEMBER_COMMIT)
    made, _, _ = _make(member, epoch, draft, applied, tree, place, sender, random)
    rules.check_commit(_judged(epoch, made, proposals, draft, None, place))
    return made


def _make(
    member: Member,
    epoch: PublicEpoch,
    draft: CommitDraft,
    applied: Applied,
    tree: RatchetTree,
    leaf_index: int,
    sender: Sender,
    random: Random,
) -> tuple[MadeCommit, MadePath, bytes]:
    suite, group_id = member.suite, epoch.context.group_id
    context = next_context(epoch, applied)

    def make_leaf(encryption_key: bytes, parent_hash: bytes) -> LeafNode:
        return member.leaf(
            LeafNodeSource.COMMIT,
            encryption_key,
            group_id=group_id,
            leaf_index=leaf_index,
            parent_hash=parent_hash,
            extensions=draft.leaf_extensions,
        )

    def encode_context(changed: RatchetTree) -> bytes:
        return replace(context, tree_hash=root_hash(changed)).encode()

    path = make_update_path(tree, leaf_index, make_leaf, encode_context, applied.added_leaves, random)
    check_members(path.tree, applied.extensions)
    authenticated = _sign(member, epoch.context, sender, Commit(draft.proposals, path.path), draft.authenticated_data)
    confirmed = confirmed_transcript_hash(suite, epoch.interim_transcript_hash, authenticated.confirmed_input())
    context = replace(context, tree_hash=root_hash(path.tree), confirmed_transcript_hash=confirmed)

    joiner = joiner_secret(suite, draft.init_secret, path.commit_secret, context)
    secret = epoch_secret(suite, joiner, psk_secret(suite, ()), context)
    state = begin_epoch(context, path.tree, leaf_index, path.keys, secret, None)
    return MadeCommit(authenticated.with_tag(state.epoch.confirmation_tag), state, None), path, joiner


def _sign(
    member: Member, context: GroupContext, sender: Sender, commit: Commit, authenticated_data: bytes
) -> AuthenticatedContent:
    """A member's commit is encrypted, a newcomer's cannot be."""
    wire_format = WireFormat.PUBLIC_MESSAGE if sender.index is None else WireFormat.PRIVATE_MESSAGE
    content = FramedContent(context.group_id, context.epoch, sender, authenticated_data, ContentType.COMMIT, commit)
    return AuthenticatedContent.sign(member.suite, member.sign, wire_format, content, context)


def _judged(
    epoch: PublicEpoch,
    made: MadeCommit,
    proposals: ProposalList,
    draft: CommitDraft,
    committer: int | None,
    joined: int | None,
) -> Judged:
    new = made.state.epoch
    return Judged(
        epoch.tree,
        epoch.context,
        new.tree,
        new.context,
        committer,
        joined,
        new.own_leaf,
        proposals.proposals,
        draft.authenticated_data,
    )


def check_lifetime(package: KeyPackage, now: int) -> None:
    """Nothing, when a key package may be used now (seconds since 1970); asked before an Add is made, never after.

    Raises: invalid (lifetime).
    Spec: 4.10
    """
    lifetime = package.leaf_node.lifetime
    if lifetime is None or not lifetime.not_before <= now <= lifetime.not_after:
        raise Invalid("lifetime")
