"""messages.json: everything decodes, and encodes back to the same bytes."""

from collections.abc import Callable, Mapping
from typing import Any

from clawchat.mls.codec import Reader, u16, vector_of
from clawchat.mls.commit import Commit
from clawchat.mls.framing import MLSMessage, WireFormat
from clawchat.mls.group_info import GroupInfo
from clawchat.mls.key_package import KeyPackage
from clawchat.mls.nodes import encode_node, read_node
from clawchat.mls.private_message import PrivateMessage
from clawchat.mls.proposals import ProposalType, read_proposal
from clawchat.mls.public_message import PublicMessage
from clawchat.mls.vectors.checking import same, unhex
from clawchat.mls.welcome import GroupSecrets, Welcome

Case = dict[str, Any]


def check_messages(case: Case) -> None:
    """Every member of the case that is there."""
    for name, wire_format, again in _MESSAGES:
        message = MLSMessage.parse(unhex(case[name]))
        same(f"wire format of {name}", message.wire_format, wire_format)
        same(name, MLSMessage(wire_format, again(message.body)).encode(), case[name])
    for name, again in _BODIES:
        same(name, again(unhex(case[name])), case[name])
    for name, proposal_type in _PROPOSALS:
        same(name, _again_proposal(proposal_type, unhex(case[name])), case[name])


def _again_with(read: Callable[[Reader], Any]) -> Callable[[bytes], bytes]:
    def again(data: bytes) -> bytes:
        reader = Reader(data)
        encoded: bytes = read(reader).encode()
        reader.end()
        return encoded

    return again


def _again_tree(data: bytes) -> bytes:
    reader = Reader(data)
    nodes = reader.vector_of(read_node)
    reader.end()
    return vector_of(encode_node(node) for node in nodes)


def _again_proposal(proposal_type: ProposalType, data: bytes) -> bytes:
    """The vectors leave out the type, and Remove is a leaf index alone."""
    reader = Reader(u16(proposal_type) + data)
    proposal = read_proposal(reader)
    reader.end()
    return proposal.encode()[2:]


_MESSAGES: tuple[tuple[str, WireFormat, Callable[[bytes], bytes]], ...] = (
    ("mls_welcome", WireFormat.WELCOME, _again_with(Welcome.read)),
    ("mls_group_info", WireFormat.GROUP_INFO, _again_with(GroupInfo.read)),
    ("mls_key_package", WireFormat.KEY_PACKAGE, _again_with(KeyPackage.read)),
    ("public_message_application", WireFormat.PUBLIC_MESSAGE, lambda body: PublicMessage.parse(body).encode()),
    ("public_message_proposal", WireFormat.PUBLIC_MESSAGE, lambda body: PublicMessage.parse(body).encode()),
    ("public_message_commit", WireFormat.PUBLIC_MESSAGE, lambda body: PublicMessage.parse(body).encode()),
    ("private_message", WireFormat.PRIVATE_MESSAGE, lambda body: PrivateMessage.parse(body).encode()),
)
_BODIES: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    ("ratchet_tree", _again_tree),
    ("group_secrets", lambda data: GroupSecrets.parse(data).encode()),
    ("commit", _again_with(Commit.read)),
)
_PROPOSALS: tuple[tuple[str, ProposalType], ...] = (
    ("add_proposal", ProposalType.ADD),
    ("update_proposal", ProposalType.UPDATE),
    ("remove_proposal", ProposalType.REMOVE),
    ("pre_shared_key_proposal", ProposalType.PSK),
    ("re_init_proposal", ProposalType.REINIT),
    ("external_init_proposal", ProposalType.EXTERNAL_INIT),
    ("group_context_extensions_proposal", ProposalType.GROUP_CONTEXT_EXTENSIONS),
)
PLAIN_CHECKS: Mapping[str, Callable[[Case], None]] = {"messages": check_messages}
