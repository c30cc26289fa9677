"""Taking over a commit of somebody else: all checks of the RFC, the rules, and the state it leads to.

RFC 9420 12.4.2
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from clawchat.mls.commit import Commit, UpdatePath
from clawchat.mls.epoch import Epoch, GroupState, PublicEpoch, begin_epoch
from clawchat.mls.errors import Invalid
from clawchat.mls.framing import AuthenticatedContent
from clawchat.mls.key_schedule import GroupContext, epoch_secret, joiner_secret, receive_external_init
from clawchat.mls.nodes import LeafNodeSource
from clawchat.mls.proposal_list import Applied, ProposalList
from clawchat.mls.psk import PreSharedKeyID, psk_secret
from clawchat.mls.ratchet_tree import Leaf, RatchetTree
from clawchat.mls.rules import Judged, Proposed, Rules
from clawchat.mls.suite import CipherSuite
from clawchat.mls.transcript import confirmed_transcript_hash
from clawchat.mls.tree_hash import root_hash
from clawchat.mls.tree_kem import PrivateKeys, keys_in, merge_path, open_path
from clawchat.mls.tree_validation import check_leaf, check_members


@dataclass(frozen=True, slots=True)
class AppliedCommit:
    """What a commit did; `state` is None when it removed us."""

    state: GroupState | None
    proposals: tuple[Proposed, ...]
    added: tuple[Leaf, ...]
    removed: tuple[Leaf, ...]


def apply_commit(
    epoch: Epoch,
    waiting: Mapping[bytes, Proposed],
    authenticated: AuthenticatedContent,
    commit: Commit,
    committer: int | None,
    rules: Rules,
) -> AppliedCommit:
    """The commit applied to an epoch, which stays as it was.

    authenticated: the commit's message, its signature verified; committer: a leaf index, None for a newcomer.
    Raises: invalid; malformed; unauthentic.
    """
    proposals = ProposalList.of(commit, waiting, committer)
    if committer is None:
        proposals.check_external(epoch.tree, epoch.context)
    else:
        proposals.check(epoch.tree, epoch.context, committer)
    if commit.path is None and (committer is None or proposals.needs_path):
        raise Invalid("no-path")
    applied = proposals.apply(epoch.tree, epoch.context)
    tree, sender, joined = applied.tree, committer, None
    if sender is None:
        tree, joined = tree.with_place()
        sender = joined
    if commit.path is not None:
        check_leaf(tree, commit.path.leaf_node, LeafNodeSource.COMMIT)
        commit.path.leaf_node.verify(tree.suite, epoch.context.group_id, sender)

    judged = Judged(
        epoch.tree,
        epoch.context,
        None,
        None,
        committer,
        joined,
        commit.path.leaf_node if commit.path else None,
        proposals.proposals,
        authenticated.content.authenticated_data,
    )
    if any(member.index == epoch.leaf_index for member in applied.removed):
        rules.check_commit(judged)
        return AppliedCommit(None, proposals.proposals, applied.added, applied.removed)

    context = next_context(epoch, applied)
    tree, keys, commit_secret = _apply_path(epoch, tree, commit.path, sender, applied, context)
    context = replace(
        context,
        tree_hash=root_hash(tree),
        confirmed_transcript_hash=confirmed_transcript_hash(
            tree.suite, epoch.interim_transcript_hash, authenticated.confirmed_input()
        ),
    )
    init_secret = epoch.schedule.init_secret
    if applied.kem_output is not None:
        init_secret = receive_external_init(tree.suite, epoch.schedule.external_secret, applied.kem_output)
    joiner = joiner_secret(tree.suite, init_secret, commit_secret, context)
    secret = epoch_secret(tree.suite, joiner, find_psk_secret(tree.suite, applied.psks, rules), context)
    state = begin_epoch(context, tree, epoch.leaf_index, keys, secret, authenticated.confirmation_tag)
    rules.check_commit(replace(judged, new_tree=tree, new_context=context))
    newcomers = (*applied.added, Leaf(joined, tree.member(joined))) if joined is not None else applied.added
    return AppliedCommit(state, proposals.proposals, newcomers, applied.removed)


def next_context(epoch: PublicEpoch, applied: Applied) -> GroupContext:
    """The provisional group context, before tree hash and transcript are known (RFC 9420 12.4.1)."""
    return replace(epoch.context, epoch=epoch.context.epoch + 1, extensions=applied.extensions)


def find_psk_secret(suite: CipherSuite, identifiers: tuple[PreSharedKeyID, ...], rules: Rules) -> bytes:
    """The PSK secret of these keys, which the rules hold.

    Raises: invalid (psk-unknown).
    RFC 9420 8.4
    """
    return psk_secret(suite, [(identifier, rules.pre_shared_key(identifier)) for identifier in identifiers])


def _apply_path(
    epoch: Epoch,
    tree: RatchetTree,
    path: UpdatePath | None,
    sender: int,
    applied: Applied,
    context: GroupContext,
) -> tuple[RatchetTree, PrivateKeys, bytes]:
    keys = keys_in(tree, epoch.keys)
    if path is None:
        check_members(tree, applied.extensions)
        return tree, keys, bytes(tree.suite.Nh)
    added = applied.added_leaves
    # Who holds a key that was there before could follow the group into the next epoch (RFC 9420 12.4.2).
    held = {node.encryption_key for node in tree.nodes if node is not None}
    if held & {path.leaf_node.encryption_key, *(node.encryption_key for node in path.nodes)}:
        raise Invalid("encryption-key-twice")
    changed = merge_path(tree, sender, path, added)
    check_members(changed, applied.extensions)
    encoded = replace(context, tree_hash=root_hash(changed)).encode()
    keys, commit_secret = open_path(changed, sender, path, epoch.leaf_index, keys, encoded, added)
    return changed, keys, commit_secret
