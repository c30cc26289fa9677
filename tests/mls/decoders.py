"""Every decoder of MLS, by name: bytes in, the same bytes out, or a PeerError."""

from collections.abc import Callable
from typing import Any

from clawchat.mls.codec import Reader
from clawchat.mls.commit import Commit, UpdatePath
from clawchat.mls.framing import AuthenticatedContent, FramedContent, MLSMessage, WireFormat
from clawchat.mls.group_info import GroupInfo
from clawchat.mls.key_package import KeyPackage, KeyPackageSecrets
from clawchat.mls.key_schedule import GroupContext
from clawchat.mls.nodes import Capabilities, Credential, LeafNode, ParentNode, encode_node, read_node
from clawchat.mls.private_message import PrivateMessage, SenderData
from clawchat.mls.profile import Roles
from clawchat.mls.proposals import ProposalOrRef, read_proposal
from clawchat.mls.psk import PreSharedKeyID
from clawchat.mls.public_message import PublicMessage
from clawchat.mls.ratchet_tree import RatchetTree
from clawchat.mls.secret_tree import SecretTree
from clawchat.mls.suite import X25519_SUITE
from clawchat.mls.welcome import GroupSecrets, Welcome
from clawchat.protocol.authenticated_data import AuthenticatedData

Decoder = Callable[[bytes], bytes]


def reading(read: Callable[[Reader], Any], encode: Callable[[Any], bytes] = lambda found: found.encode()) -> Decoder:
    """All of the bytes, as one of these."""

    def decode(data: bytes) -> bytes:
        reader = Reader(data)
        found = read(reader)
        reader.end()
        return encode(found)

    return decode


def message(data: bytes) -> bytes:
    """A whole MLSMessage, envelope and body."""
    envelope = MLSMessage.parse(data)
    return MLSMessage(envelope.wire_format, BODIES[envelope.wire_format](envelope.body)).encode()


BODIES: dict[WireFormat, Decoder] = {
    WireFormat.PUBLIC_MESSAGE: lambda body: PublicMessage.parse(body).encode(),
    WireFormat.PRIVATE_MESSAGE: lambda body: PrivateMessage.parse(body).encode(),
    WireFormat.WELCOME: reading(Welcome.read),
    WireFormat.GROUP_INFO: reading(GroupInfo.read),
    WireFormat.KEY_PACKAGE: reading(KeyPackage.read),
}
# What comes from outside.
DECODERS: dict[str, Decoder] = {
    "message": message,
    "credential": reading(Credential.read),
    "capabilities": reading(Capabilities.read),
    "leaf": reading(LeafNode.read),
    "parent": reading(ParentNode.read),
    "node": reading(read_node, encode_node),
    "tree": lambda data: RatchetTree.parse(X25519_SUITE, data).encode(),
    "context": reading(GroupContext.read),
    "secrets": lambda data: GroupSecrets.parse(data).encode(),
    "psk": reading(PreSharedKeyID.read),
    "proposal": reading(read_proposal),
    "entry": reading(ProposalOrRef.read),
    "path": reading(UpdatePath.read),
    "commit": reading(Commit.read),
    "framed": reading(FramedContent.read),
    "authenticated": reading(AuthenticatedContent.read),
    "sender": lambda data: SenderData.parse(data).encode(),
    "roles": lambda data: Roles.parse(data).encode(),
    "authenticated data": lambda data: AuthenticatedData.parse(data).encode(),
}
# What comes from our own storage, where two spellings of one thing do no harm.
STORED: dict[str, Decoder] = {
    "key package secrets": lambda data: KeyPackageSecrets.parse(data).encode(),
    "secret tree": reading(lambda reader: SecretTree.read(X25519_SUITE, reader)),
}
