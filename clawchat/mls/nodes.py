"""What stands in a ratchet tree: leaf nodes and parent nodes (RFC 9420 7.1, 7.2)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import pairwise
from typing import Self, TypeAlias

from clawchat.mls import labels
from clawchat.mls.codec import Reader, optional, u8, u16, u32, vector, vector_of, wide
from clawchat.mls.suite import CipherSuite, Signer
from clawchat.protocol.errors import Malformed, UsageError

VERSION = 1


class LeafNodeSource(IntEnum):
    """How a leaf came into the tree."""

    KEY_PACKAGE = 1
    UPDATE = 2
    COMMIT = 3


class CredentialType(IntEnum):
    """RFC 9420 17.5."""

    BASIC = 1
    X509 = 2


class ExtensionType(IntEnum):
    """RFC 9420 17.3, and ours from the range for private use (protocol.md 4.4)."""

    APPLICATION_ID = 1
    RATCHET_TREE = 2
    REQUIRED_CAPABILITIES = 3
    EXTERNAL_PUB = 4
    EXTERNAL_SENDERS = 5
    ROLES = 0xF0C1
    VOUCHER = 0xF0C2


class NodeType(IntEnum):
    """What is in a place of the ratchet tree (RFC 9420 7.8)."""

    LEAF = 1
    PARENT = 2


@dataclass(frozen=True, slots=True)
class Credential:
    """Who somebody claims to be (RFC 9420 5.3). `identity` of an X.509 one is its certificates' encoding."""

    credential_type: int
    identity: bytes

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Raises: malformed (a type whose content nobody knows)."""
        credential_type, content = reader.u16(), reader.vector()
        if credential_type == CredentialType.X509:
            certificates = Reader(content)
            while certificates.left:
                certificates.vector()
        elif credential_type != CredentialType.BASIC:
            raise Malformed(f"credential type {credential_type}")
        return cls(credential_type, content)

    def encode(self) -> bytes:
        """credential_type | identity<V>, or certificates<V>."""
        return u16(self.credential_type) + vector(self.identity)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a client speaks (RFC 9420 7.2): numbers of 16 bits."""

    versions: tuple[int, ...]
    cipher_suites: tuple[int, ...]
    extensions: tuple[int, ...]
    proposals: tuple[int, ...]
    credentials: tuple[int, ...]

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Raises: malformed."""
        return cls(*(reader.vector_of(Reader.u16) for _ in range(5)))

    def encode(self) -> bytes:
        """versions<V> | cipher_suites<V> | extensions<V> | proposals<V> | credentials<V>."""
        lists = (self.versions, self.cipher_suites, self.extensions, self.proposals, self.credentials)
        return b"".join(vector_of(u16(number) for number in numbers) for numbers in lists)


@dataclass(frozen=True, slots=True)
class Lifetime:
    """When a key package may be used; seconds since 1970, of the whole range of 64 bits."""

    not_before: int
    not_after: int

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Raises: malformed."""
        return cls(reader.wide(), reader.wide())

    def encode(self) -> bytes:
        """u64 not_before | u64 not_after."""
        return wide(self.not_before) + wide(self.not_after)


@dataclass(frozen=True, slots=True)
class Extension:
    """RFC 9420 13."""

    extension_type: int
    extension_data: bytes

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Raises: malformed."""
        return cls(reader.u16(), reader.vector())

    def encode(self) -> bytes:
        """u16 extension_type | extension_data<V>."""
        return u16(self.extension_type) + vector(self.extension_data)


def read_extensions(reader: Reader) -> tuple[Extension, ...]:
    """A list of extensions.

    Raises: malformed (two of one type, RFC 9420 13.4).
    """
    extensions = reader.vector_of(Extension.read)
    if len({each.extension_type for each in extensions}) != len(extensions):
        raise Malformed("an extension twice")
    return extensions


def find_extension(extensions: Sequence[Extension], extension_type: int) -> bytes | None:
    """The data of the extension of this type, None without one."""
    return next((each.extension_data for each in extensions if each.extension_type == extension_type), None)


@dataclass(frozen=True, slots=True)
class LeafNode:
    """One device (RFC 9420 7.2). `lifetime` belongs to source key_package, `parent_hash` to source commit."""

    encryption_key: bytes
    signature_key: bytes
    credential: Credential
    capabilities: Capabilities
    leaf_node_source: LeafNodeSource
    lifetime: Lifetime | None
    parent_hash: bytes | None
    extensions: tuple[Extension, ...]
    signature: bytes

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Raises: malformed."""
        encryption_key, signature_key = reader.vector(), reader.vector()
        credential, capabilities, number = Credential.read(reader), Capabilities.read(reader), reader.u8()
        if number not in _SOURCES:
            raise Malformed(f"leaf node source {number}")
        source = LeafNodeSource(number)
        lifetime = Lifetime.read(reader) if source is LeafNodeSource.KEY_PACKAGE else None
        parent_hash = reader.vector() if source is LeafNodeSource.COMMIT else None
        return cls(
            encryption_key,
            signature_key,
            credential,
            capabilities,
            source,
            lifetime,
            parent_hash,
            read_extensions(reader),
            reader.vector(),
        )

    def encode(self) -> bytes:
        """The signed fields and signature<V>."""
        return self._fields() + vector(self.signature)

    def verify(self, suite: CipherSuite, group_id: bytes, leaf_index: int) -> None:
        """Nothing, when the leaf's own key signed it, for this place unless it is of a key package.

        Raises: unauthentic.
        """
        content = self._tbs(group_id, leaf_index)
        suite.verify_with_label(self.signature_key, labels.LEAF_NODE_TBS, content, self.signature)

    def sign(self, suite: CipherSuite, signer: Signer, group_id: bytes, leaf_index: int) -> Self:
        """The same leaf, signed for this place; group id and index do not matter for that of a key package."""
        content = self._tbs(group_id, leaf_index)
        return replace(self, signature=suite.sign_with_label(signer, labels.LEAF_NODE_TBS, content))

    def _fields(self) -> bytes:
        """encryption_key<V> | signature_key<V> | credential | capabilities | u8 source | lifetime or parent_hash<V>
        | extensions<V>
        """
        return (
            vector(self.encryption_key)
            + vector(self.signature_key)
            + self.credential.encode()
            + self.capabilities.encode()
            + u8(self.leaf_node_source)
            + self._of_source()
            + vector_of(self.extensions)
        )

    def _of_source(self) -> bytes:
        if self.leaf_node_source is LeafNodeSource.KEY_PACKAGE and self.lifetime is not None:
            return self.lifetime.encode()
        if self.leaf_node_source is LeafNodeSource.COMMIT and self.parent_hash is not None:
            return vector(self.parent_hash)
        if self.leaf_node_source is LeafNodeSource.UPDATE:
            return b""
        raise UsageError("a leaf of a key package has a lifetime, one of a commit a parent hash")

    def _tbs(self, group_id: bytes, leaf_index: int) -> bytes:
        if self.leaf_node_source is LeafNodeSource.KEY_PACKAGE:
            return self._fields()
        return self._fields() + vector(group_id) + u32(leaf_index)


_SOURCES = frozenset(LeafNodeSource)


@dataclass(frozen=True, slots=True)
class ParentNode:
    """RFC 9420 7.1. `unmerged_leaves` are leaf indices, ascending."""

    encryption_key: bytes
    parent_hash: bytes
    unmerged_leaves: tuple[int, ...]

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Raises: malformed (unmerged leaves that do not ascend)."""
        encryption_key, parent_hash = reader.vector(), reader.vector()
        unmerged = reader.vector_of(Reader.u32)
        if any(one >= other for one, other in pairwise(unmerged)):
            raise Malformed("unmerged leaves do not ascend")
        return cls(encryption_key, parent_hash, unmerged)

    def encode(self) -> bytes:
        """encryption_key<V> | parent_hash<V> | unmerged_leaves<V>."""
        unmerged = vector_of(u32(leaf) for leaf in self.unmerged_leaves)
        return vector(self.encryption_key) + vector(self.parent_hash) + unmerged


Node: TypeAlias = LeafNode | ParentNode


def read_node(reader: Reader) -> Node | None:
    """What is in one place of the tree, None when it is blank (RFC 9420 7.8, optional<Node>).

    Raises: malformed.
    """
    return reader.optional(_read_present_node)


def encode_node(node: Node | None) -> bytes:
    """optional<Node>: 0, or 1 | u8 node_type | leaf or parent."""
    if node is None:
        return optional(None)
    node_type = NodeType.LEAF if isinstance(node, LeafNode) else NodeType.PARENT
    return optional(u8(node_type) + node.encode())


def _read_present_node(reader: Reader) -> Node:
    node_type = reader.u8()
    if node_type == NodeType.LEAF:
        return LeafNode.read(reader)
    if node_type == NodeType.PARENT:
        return ParentNode.read(reader)
    raise Malformed(f"node type {node_type}")
