"""Opening what arrives: which epoch, whose signature, and what is then known or done.

RFC 9420 6, 12.4.2
"""

from dataclasses import dataclass, replace

from clawchat.mls.applying import apply_commit
from clawchat.mls.codec import Reader
from clawchat.mls.commit import Commit
from clawchat.mls.epoch import GroupState
from clawchat.mls.errors import EpochGone, Invalid
from clawchat.mls.framing import AuthenticatedContent, ContentType, FramedContent, MLSMessage, SenderType, WireFormat
from clawchat.mls.key_schedule import GroupContext
from clawchat.mls.nodes import Credential, ExtensionType, LeafNode, find_extension
from clawchat.mls.private_message import PrivateMessage
from clawchat.mls.proposals import Add
from clawchat.mls.public_message import PublicMessage
from clawchat.mls.ratchet_tree import Leaf, RatchetTree
from clawchat.mls.rules import Proposed, Rules
from clawchat.protocol.errors import Malformed


@dataclass(frozen=True, slots=True)
class OpenedContent:
    """What a message was: `state` is None when it removed us, `sender` None for somebody who is no member."""

    kind: str
    state: GroupState | None
    content: FramedContent
    sender: int | None
    leaf: LeafNode | None
    proposals: tuple[Proposed, ...] = ()
    added: tuple[Leaf, ...] = ()
    removed: tuple[Leaf, ...] = ()


def open_message(state: GroupState, message: bytes, rules: Rules) -> OpenedContent:
    """What the message says or does; the state that was given stays as it was.

    Raises: malformed; unauthentic; invalid; epoch_gone; key_used.
    """
    envelope = MLSMessage.parse(message)
    if envelope.wire_format is WireFormat.PRIVATE_MESSAGE:
        private = PrivateMessage.parse(envelope.body)
        _check_group(state, private.group_id)
        past = state.past
        if past is not None and private.epoch == past.context.epoch:
            return _open_past(state, private, rules)
        _check_epoch(state, private.epoch)
        epoch = state.epoch
        secret_tree, authenticated = private.unprotect(
            epoch.tree.suite, state.secret_tree, epoch.schedule.sender_data_secret
        )
        return _take(state.with_ratchets(secret_tree), authenticated, rules)
    if envelope.wire_format is WireFormat.PUBLIC_MESSAGE:
        public = PublicMessage.parse(envelope.body)
        content = public.authenticated.content
        _check_group(state, content.group_id)
        if not rules.allows_public_message(content):
            raise Invalid("public-message")
        _check_epoch(state, content.epoch)
        epoch = state.epoch
        authenticated = public.unprotect(epoch.tree.suite, epoch.schedule.membership_key, epoch.context)
        return _take(state, authenticated, rules)
    raise Malformed(f"wire format {envelope.wire_format} in a group")


def _check_group(state: GroupState, group_id: bytes) -> None:
    if group_id != state.epoch.context.group_id:
        raise Invalid("group")


def _check_epoch(state: GroupState, epoch: int) -> None:
    if epoch != state.epoch.context.epoch:
        raise EpochGone(f"epoch {epoch}, ours is {state.epoch.context.epoch}")


def _open_past(state: GroupState, private: PrivateMessage, rules: Rules) -> OpenedContent:
    """A message that was on its way when its epoch ended; a commit of that epoch comes too late."""
    past = state.past
    if past is None or private.content_type is not ContentType.APPLICATION:
        raise EpochGone("only messages are read after their epoch")
    secret_tree, authenticated = private.unprotect(past.tree.suite, past.secret_tree, past.sender_data_secret)
    content = authenticated.content
    sender, leaf = _verify_member(past.tree, past.context, authenticated, state.epoch.leaf_index)
    rules.check_message(content)
    moved = replace(state, past=replace(past, secret_tree=secret_tree))
    return OpenedContent("message", moved, content, sender, leaf)


def _take(state: GroupState, authenticated: AuthenticatedContent, rules: Rules) -> OpenedContent:
    epoch, content = state.epoch, authenticated.content
    sender: int | None = None
    leaf: LeafNode | None = None
    if content.sender.sender_type is SenderType.MEMBER:
        sender, leaf = _verify_member(epoch.tree, epoch.context, authenticated, epoch.leaf_index)
    else:
        leaf = _verify_outsider(epoch.tree, epoch.context, authenticated)
    body = content.content
    if isinstance(body, Commit):
        applied = apply_commit(epoch, state.waiting, authenticated, body, sender, rules)
        kind = "commit" if applied.state else "removed"
        after = replace(applied.state, past=state.as_past()) if applied.state else None
        return OpenedContent(kind, after, content, sender, leaf, applied.proposals, applied.added, applied.removed)
    rules.check_message(content)
    if isinstance(body, bytes):
        return OpenedContent("message", state, content, sender, leaf)
    proposed = Proposed(body, sender, by_reference=True)
    rules.check_proposal(proposed)
    waiting = {**state.waiting, authenticated.ref(epoch.tree.suite): proposed}
    return OpenedContent("proposal", replace(state, waiting=waiting), content, sender, leaf, (proposed,))


def _verify_member(
    tree: RatchetTree, context: GroupContext, authenticated: AuthenticatedContent, own: int
) -> tuple[int, LeafNode]:
    """The leaf index and leaf whose key signed it. Nobody speaks to itself: such a message is a clone's."""
    sender = authenticated.content.sender.index
    if sender is None or sender == own:
        raise Invalid("own-message")
    leaf = tree.member(sender)
    authenticated.verify(tree.suite, leaf.signature_key, context)
    return sender, leaf


def _verify_outsider(tree: RatchetTree, context: GroupContext, authenticated: AuthenticatedContent) -> LeafNode | None:
    """The leaf a newcomer brings; None for an external sender (RFC 9420 6.1, 12.1.8)."""
    content = authenticated.content
    sender_type, body = content.sender.sender_type, content.content
    leaf = None
    if sender_type is SenderType.NEW_MEMBER_COMMIT and isinstance(body, Commit) and body.path is not None:
        leaf = body.path.leaf_node
    elif sender_type is SenderType.NEW_MEMBER_PROPOSAL and isinstance(body, Add):
        leaf = body.key_package.leaf_node
    elif sender_type is not SenderType.EXTERNAL or isinstance(body, Commit):
        raise Invalid("sender-type")
    key = leaf.signature_key if leaf else _external_key(context, content.sender.index)
    authenticated.verify(tree.suite, key, context)
    return leaf


def _external_key(context: GroupContext, index: int | None) -> bytes:
    """The signature key of an external sender.

    RFC 9420 12.1.8.1
    """
    data = find_extension(context.extensions, ExtensionType.EXTERNAL_SENDERS)
    reader = Reader(data if data is not None else b"\0")
    keys = reader.vector_of(lambda inner: (inner.vector(), Credential.read(inner)))
    reader.end()
    if index is None or index >= len(keys):
        raise Invalid("sender-type")
    return keys[index][0]
