"""Commits as they travel: a list of proposals and the path of new keys.

RFC 9420 7.6, 12.4
"""

from dataclasses import dataclass
from typing import Self

from clawchat.mls.codec import Reader, optional, vector, vector_of
from clawchat.mls.nodes import LeafNode
from clawchat.mls.proposals import ProposalOrRef


@dataclass(frozen=True, slots=True)
class HPKECiphertext:
    """Something encrypted to one HPKE public key (RFC 9420 7.6)."""

    kem_output: bytes
    ciphertext: bytes

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """The next one.

        Raises: malformed.
        """
        return cls(reader.vector(), reader.vector())

    def encode(self) -> bytes:
        """`kem_output<V> | ciphertext<V>`."""
        return vector(self.kem_output) + vector(self.ciphertext)


@dataclass(frozen=True, slots=True)
class UpdatePathNode:
    """A parent's new public key, and its path secret for everybody below its other child (RFC 9420 7.6)."""

    encryption_key: bytes
    encrypted_path_secret: tuple[HPKECiphertext, ...]

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """The next one.

        Raises: malformed.
        """
        return cls(reader.vector(), reader.vector_of(HPKECiphertext.read))

    def encode(self) -> bytes:
        """`encryption_key<V> | encrypted_path_secret<V>`."""
        return vector(self.encryption_key) + vector_of(self.encrypted_path_secret)


@dataclass(frozen=True, slots=True)
class UpdatePath:
    """New keys from the committer's leaf to the root (RFC 9420 7.6)."""

    leaf_node: LeafNode
    nodes: tuple[UpdatePathNode, ...]

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """The next one.

        Raises: malformed.
        """
        return cls(LeafNode.read(reader), reader.vector_of(UpdatePathNode.read))

    def encode(self) -> bytes:
        """`leaf_node | nodes<V>`."""
        return self.leaf_node.encode() + vector_of(self.nodes)


@dataclass(frozen=True, slots=True)
class Commit:
    """What begins the next epoch (RFC 9420 12.4). Every commit of ours has a path; others' may come without one."""

    proposals: tuple[ProposalOrRef, ...]
    path: UpdatePath | None

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """The next one.

        Raises: malformed.
        """
        return cls(reader.vector_of(ProposalOrRef.read), reader.optional(UpdatePath.read))

    def encode(self) -> bytes:
        """`proposals<V> | optional path`."""
        return vector_of(self.proposals) + optional(self.path.encode() if self.path else None)
