"""Commits and messages that no honest client makes: RFC 9420 12.4.1 without a check, and with a hook at each step.

What is forged here is right in everything but what a hook made wrong, signatures and tags included: so a receiver that
refuses it refuses that one thing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, repeat
from typing import Any

from clawchat.mls import labels
from clawchat.mls.codec import u32, vector
from clawchat.mls.commit import Commit, HPKECiphertext, UpdatePath
from clawchat.mls.epoch import GroupState, begin_epoch
from clawchat.mls.framing import (
    AuthenticatedContent,
    ContentType,
    FramedContent,
    MLSMessage,
    Sender,
    SenderType,
    WireFormat,
    encode_content,
)
from clawchat.mls.key_schedule import epoch_secret, joiner_secret, send_external_init
from clawchat.mls.member import Member
from clawchat.mls.nodes import Extension, LeafNode, LeafNodeSource
from clawchat.mls.private_message import PrivateMessage, SenderData, sender_data_key
from clawchat.mls.proposals import Add, ExternalInit, GroupContextExtensions, Proposal, ProposalOrRef, Remove
from clawchat.mls.psk import psk_secret
from clawchat.mls.public_message import PublicMessage
from clawchat.mls.ratchet_tree import RatchetTree
from clawchat.mls.secret_tree import MAX_FORWARD, RatchetKind, SecretTree
from clawchat.mls.transcript import confirmed_transcript_hash
from clawchat.mls.tree_hash import root_hash
from clawchat.mls.tree_kem import MadePath, make_update_path
from tests.mls.hostile.repeating import REPEATING_SUITE
from tests.mls.members import dice

SUITE = REPEATING_SUITE
# Generations beyond this one are not derived: a receiver refuses them before it needs their key.
FAR = 5000


def same(value: Any) -> Any:
    """The hook that changes nothing."""
    return value


@dataclass(frozen=True)
class Forgery:
    """What to say, and what to make wrong of it.

    leaf: of the finished path leaf's fields, before it is signed; path_secret: what is sealed in the path; path: of
    the finished path (None leaves it out); listed: what the commit lists in place of the proposals that it applies;
    tree: of the tree the path is made in; content, signature, tag, plaintext, sender_data: of what their names say,
    each before the next is made;
    names: whose dice; leaf_names: whose dice make the leaf, when others are to make it.
    """

    proposals: tuple[Proposal, ...] = ()
    references: tuple[bytes, ...] = ()
    removed: tuple[int, ...] = ()
    data: bytes = b""
    listed: Callable[[tuple[ProposalOrRef, ...]], tuple[ProposalOrRef, ...]] = same
    tree: Callable[[RatchetTree], RatchetTree] = same
    leaf: Callable[[LeafNode], LeafNode] = same
    leaf_member: Member | None = None
    leaf_index: int | None = None
    leaf_extensions: tuple[Extension, ...] = ()
    path: Callable[[UpdatePath], UpdatePath | None] = same
    path_secret: bytes | None = None
    content: Callable[[FramedContent], FramedContent] = same
    signer: Callable[[bytes], bytes] | None = None
    signature: Callable[[bytes], bytes] = same
    tag: Callable[[bytes], bytes] = same
    plaintext: Callable[[bytes], bytes] = same
    sender_data: Callable[[SenderData], SenderData] = same
    public: bool = False
    names: tuple[object, ...] = field(default=("forgery",))
    leaf_names: tuple[object, ...] = ()


def forge_commit(member: Member, state: GroupState, forgery: Forgery) -> bytes:
    """A member's commit, as an MLSMessage."""
    return forge_commit_and_state(member, state, forgery)[0]


def forge_commit_and_state(member: Member, state: GroupState, forgery: Forgery) -> tuple[bytes, GroupState]:
    """A member's commit, as an MLSMessage, and the state it leads the forger to."""
    index = state.epoch.leaf_index
    tree, extensions, added = _applied(state, forgery, index)
    authenticated, after = _commit(member, state, forgery, tree, extensions, added, index, None)
    if not forgery.public:
        return encrypt(state, authenticated, forgery), after
    tag = SUITE.mac(state.epoch.schedule.membership_key, authenticated.tbs(state.epoch.context) + authenticated.auth())
    return MLSMessage(WireFormat.PUBLIC_MESSAGE, PublicMessage(authenticated, tag).encode()).encode(), after


def forge_external(member: Member, state: GroupState, forgery: Forgery, *, init: bool = True) -> bytes:
    """A newcomer's commit, as an MLSMessage; state: that of any member of the group."""
    kem_output, init_secret = send_external_init(SUITE, state.epoch.schedule.external_key_pair().public)
    tree, extensions, added = _applied(state, forgery, None)
    tree, place = tree.with_place()
    if init:
        forgery = replace(forgery, proposals=(ExternalInit(kem_output), *forgery.proposals))
    authenticated, _ = _commit(member, state, forgery, tree, extensions, added, place, init_secret)
    return MLSMessage(WireFormat.PUBLIC_MESSAGE, PublicMessage(authenticated, None).encode()).encode()


def _applied(
    state: GroupState, forgery: Forgery, own: int | None
) -> tuple[RatchetTree, tuple[Extension, ...], tuple[int, ...]]:
    """What the proposals make of the group, as far as they can be applied at all."""
    tree = RatchetTree(SUITE, state.epoch.tree.nodes)
    extensions, added = state.epoch.context.extensions, []
    for proposal in forgery.proposals:
        if isinstance(proposal, GroupContextExtensions):
            extensions = proposal.extensions
    removed = [*forgery.removed, *(each.removed for each in forgery.proposals if isinstance(each, Remove))]
    for index in removed:
        if tree.leaf(index) is not None and index != own:
            tree = tree.remove(index)
    for proposal in forgery.proposals:
        if isinstance(proposal, Add):
            tree, index = tree.add(proposal.key_package.leaf_node)
            added.append(index)
    return forgery.tree(tree), extensions, tuple(added)


def _commit(
    member: Member,
    state: GroupState,
    forgery: Forgery,
    tree: RatchetTree,
    extensions: tuple[Extension, ...],
    added: Sequence[int],
    index: int,
    init_secret: bytes | None,
) -> tuple[AuthenticatedContent, GroupState]:
    epoch = state.epoch
    context = replace(epoch.context, epoch=epoch.context.epoch + 1, extensions=extensions)
    random = dice(*forgery.names, "path")
    if forgery.leaf_names:
        random = _other_leaf(random, dice(*forgery.leaf_names))

    def make_leaf(encryption_key: bytes, parent_hash: bytes) -> LeafNode:
        by = forgery.leaf_member or member
        at = index if forgery.leaf_index is None else forgery.leaf_index
        made = forgery.leaf(
            by.leaf(
                LeafNodeSource.COMMIT,
                encryption_key,
                group_id=context.group_id,
                leaf_index=at,
                parent_hash=parent_hash,
                extensions=forgery.leaf_extensions,
            )
        )
        # A hook that signed its leaf itself, or broke the signature, has the last word.
        return made if made.signature in _KEPT else made.sign(SUITE, by.sign, context.group_id, at)

    def encode_context(changed: RatchetTree) -> bytes:
        return replace(context, tree_hash=root_hash(changed)).encode()

    made: MadePath = make_update_path(tree, index, make_leaf, encode_context, added, random)
    path = forgery.path(made.path)
    if path is not None and forgery.path_secret is not None:
        path = _resealed(path, tree, index, encode_context(made.tree), forgery.path_secret)
    sender = Sender(SenderType.NEW_MEMBER_COMMIT) if init_secret is not None else Sender.member(index)
    entries = tuple(ProposalOrRef(proposal) for proposal in forgery.proposals)
    entries += tuple(ProposalOrRef(None, reference) for reference in forgery.references)
    commit = Commit(forgery.listed(entries), path)
    public = forgery.public or init_secret is not None
    wire_format = WireFormat.PUBLIC_MESSAGE if public else WireFormat.PRIVATE_MESSAGE
    content = forgery.content(
        FramedContent(context.group_id, epoch.context.epoch, sender, forgery.data, ContentType.COMMIT, commit)
    )
    signed = AuthenticatedContent.sign(SUITE, forgery.signer or member.sign, wire_format, content, epoch.context)
    signed = replace(signed, signature=forgery.signature(signed.signature))

    confirmed = confirmed_transcript_hash(SUITE, epoch.interim_transcript_hash, signed.confirmed_input())
    leads_to = made.tree if path is not None else tree
    context = replace(context, tree_hash=root_hash(leads_to), confirmed_transcript_hash=confirmed)
    commit_secret = made.commit_secret if path is not None else bytes(SUITE.Nh)
    joiner = joiner_secret(SUITE, init_secret or epoch.schedule.init_secret, commit_secret, context)
    secret = epoch_secret(SUITE, joiner, psk_secret(SUITE, ()), context)
    after = begin_epoch(context, leads_to, index, made.keys, secret, None)
    return signed.with_tag(forgery.tag(after.epoch.confirmation_tag)), after


def _other_leaf(path: Callable[[int], bytes], leaf: Callable[[int], bytes]) -> Callable[[int], bytes]:
    """Draws that make the nodes of one path under the leaf of another: the first draw is the leaf's."""
    draws = chain((leaf,), repeat(path))

    def draw(count: int) -> bytes:
        drawn = path(count)
        chosen = next(draws)
        return drawn if chosen is path else chosen(count)

    return draw


def _resealed(path: UpdatePath, tree: RatchetTree, index: int, context: bytes, secret: bytes) -> UpdatePath:
    """The path with this secret sealed in all of its nodes."""
    nodes = []
    for (_, other), node in zip(tree.filtered_direct_path(index), path.nodes, strict=True):
        keys = [tree.node(each).encryption_key for each in tree.resolution(other)]
        sealed = [SUITE.encrypt_with_label(key, labels.UPDATE_PATH_NODE, context, secret) for key in keys]
        nodes.append(replace(node, encrypted_path_secret=tuple(HPKECiphertext(*each) for each in sealed)))
    return replace(path, nodes=tuple(nodes))


_KEPT: set[bytes] = set()


def keep(leaf: LeafNode) -> LeafNode:
    """The leaf with the very signature it has."""
    _KEPT.add(leaf.signature)
    return leaf


def forge_message(
    member: Member, state: GroupState, content: FramedContent, forgery: Forgery, *, public: bool = False
) -> bytes:
    """An application message or a proposal, as an MLSMessage."""
    wire_format = WireFormat.PUBLIC_MESSAGE if public else WireFormat.PRIVATE_MESSAGE
    signer = forgery.signer or member.sign
    signed = AuthenticatedContent.sign(SUITE, signer, wire_format, content, state.epoch.context)
    signed = replace(signed, signature=forgery.signature(signed.signature))
    if public:
        tag = None
        if content.sender.sender_type is SenderType.MEMBER:
            tag = SUITE.mac(state.epoch.schedule.membership_key, signed.tbs(state.epoch.context) + signed.auth())
        return MLSMessage(WireFormat.PUBLIC_MESSAGE, PublicMessage(signed, tag).encode()).encode()
    return encrypt(state, signed, forgery)


def encrypt(state: GroupState, authenticated: AuthenticatedContent, forgery: Forgery) -> bytes:
    """RFC 9420 6.3, with any sender and any plaintext."""
    content, epoch = authenticated.content, state.epoch
    kind = RatchetKind.APPLICATION if content.content_type is ContentType.APPLICATION else RatchetKind.HANDSHAKE
    leaf = content.sender.index if content.sender.index is not None else epoch.leaf_index
    honest = SenderData(leaf, state.secret_tree.next_generation(leaf, kind), b"guar")
    said = forgery.sender_data(honest)
    key, nonce = _key(state.secret_tree, said, kind)
    plaintext = encode_content(content.content) + authenticated.auth()
    plaintext = forgery.plaintext(plaintext + bytes(-len(plaintext) % 256))
    guard = int.from_bytes(nonce[:4], "big") ^ int.from_bytes(said.reuse_guard, "big")
    head = vector(content.group_id) + content.epoch.to_bytes(8, "big") + bytes([content.content_type])
    data = head + vector(content.authenticated_data)
    ciphertext = SUITE.seal(key, guard.to_bytes(4, "big") + nonce[4:], plaintext, data)
    data_key, data_nonce = sender_data_key(SUITE, epoch.schedule.sender_data_secret, ciphertext)
    sender_data = u32(said.leaf_index) + u32(said.generation) + said.reuse_guard
    message = PrivateMessage(
        content.group_id,
        content.epoch,
        content.content_type,
        content.authenticated_data,
        SUITE.seal(data_key, data_nonce, sender_data, head),
        ciphertext,
    )
    return MLSMessage(WireFormat.PRIVATE_MESSAGE, message.encode()).encode()


def _key(secret_tree: SecretTree, said: SenderData, kind: RatchetKind) -> tuple[bytes, bytes]:
    """The key of any generation that can be reached in a moment; zeros for who does not exist."""
    if said.leaf_index >= secret_tree.leaves or said.generation > FAR:
        return bytes(SUITE.Nk), bytes(SUITE.Nn)
    for generation in range(MAX_FORWARD, said.generation, MAX_FORWARD):
        secret_tree, _, _ = secret_tree.key(said.leaf_index, kind, generation)
    _, key, nonce = secret_tree.key(said.leaf_index, kind, said.generation)
    return key, nonce
