"""Proposals: what a commit changes (RFC 9420 12.1), as values; proposal_list.py judges and applies them.

RFC 9420 12.1, 12.4
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Self, TypeAlias

from clawchat.mls.codec import Reader, u8, u16, u32, vector, vector_of
from clawchat.mls.key_package import KeyPackage
from clawchat.mls.nodes import Extension, LeafNode, read_extensions
from clawchat.mls.psk import PreSharedKeyID
from clawchat.protocol.errors import Malformed


class ProposalType(IntEnum):
    """RFC 9420 17.4; types that are not here are refused."""

    ADD = 1
    UPDATE = 2
    REMOVE = 3
    PSK = 4
    REINIT = 5
    EXTERNAL_INIT = 6
    GROUP_CONTEXT_EXTENSIONS = 7


@dataclass(frozen=True, slots=True)
class Add:
    """A client of this key package joins (RFC 9420 12.1.1)."""

    kind: ClassVar[ProposalType] = ProposalType.ADD
    key_package: KeyPackage

    def encode(self) -> bytes:
        """Its type and body."""
        return u16(self.kind) + self.key_package.encode()


@dataclass(frozen=True, slots=True)
class Update:
    """The sender's leaf is replaced (RFC 9420 12.1.2). Read for the sake of other groups; rooms refuse it."""

    kind: ClassVar[ProposalType] = ProposalType.UPDATE
    leaf_node: LeafNode

    def encode(self) -> bytes:
        """Its type and body."""
        return u16(self.kind) + self.leaf_node.encode()


@dataclass(frozen=True, slots=True)
class Remove:
    """The member at this leaf index leaves (RFC 9420 12.1.3)."""

    kind: ClassVar[ProposalType] = ProposalType.REMOVE
    removed: int

    def encode(self) -> bytes:
        """Its type and body."""
        return u16(self.kind) + u32(self.removed)


@dataclass(frozen=True, slots=True)
class PreSharedKey:
    """A pre-shared key enters the key schedule (RFC 9420 12.1.4). Rooms refuse it."""

    kind: ClassVar[ProposalType] = ProposalType.PSK
    psk: PreSharedKeyID

    def encode(self) -> bytes:
        """Its type and body."""
        return u16(self.kind) + self.psk.encode()


@dataclass(frozen=True, slots=True)
class ReInit:
    """The group ends and begins again with other parameters (RFC 9420 12.1.5). Rooms refuse it."""

    kind: ClassVar[ProposalType] = ProposalType.REINIT
    group_id: bytes
    version: int
    cipher_suite: int
    extensions: tuple[Extension, ...]

    def encode(self) -> bytes:
        """Its type and body."""
        head = u16(self.kind) + vector(self.group_id) + u16(self.version) + u16(self.cipher_suite)
        return head + vector_of(self.extensions)


@dataclass(frozen=True, slots=True)
class ExternalInit:
    """The init secret of an external commit comes out of this KEM output (RFC 9420 12.1.6)."""

    kind: ClassVar[ProposalType] = ProposalType.EXTERNAL_INIT
    kem_output: bytes

    def encode(self) -> bytes:
        """Its type and body."""
        return u16(self.kind) + vector(self.kem_output)


@dataclass(frozen=True, slots=True)
class GroupContextExtensions:
    """The complete new list of the group's extensions (RFC 9420 12.1.7)."""

    kind: ClassVar[ProposalType] = ProposalType.GROUP_CONTEXT_EXTENSIONS
    extensions: tuple[Extension, ...]

    def encode(self) -> bytes:
        """Its type and body."""
        return u16(self.kind) + vector_of(self.extensions)


Proposal: TypeAlias = Add | Update | Remove | PreSharedKey | ReInit | ExternalInit | GroupContextExtensions


def read_proposal(reader: Reader) -> Proposal:
    """The next proposal with its type.

    Raises: malformed (a type that is not here, too: what we cannot judge we do not adopt).
    RFC 9420 12.1
    """
    kind = reader.u16()
    if kind == ProposalType.ADD:
        return Add(KeyPackage.read(reader))
    if kind == ProposalType.UPDATE:
        return Update(LeafNode.read(reader))
    if kind == ProposalType.REMOVE:
        return Remove(reader.u32())
    return _read_rare_proposal(kind, reader)


@dataclass(frozen=True, slots=True)
class ProposalOrRef:
    """One entry of a commit: a proposal by value, or the reference of one that was sent before (RFC 9420 12.4)."""

    proposal: Proposal | None
    reference: bytes | None = None

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """The next entry.

        Raises: malformed.
        """
        kind = reader.u8()
        if kind == 1:
            return cls(read_proposal(reader))
        if kind == 2:
            return cls(None, reader.vector())
        raise Malformed(f"proposal or reference of kind {kind}")

    def encode(self) -> bytes:
        """Its kind and content."""
        if self.proposal is not None:
            return u8(1) + self.proposal.encode()
        return u8(2) + vector(self.reference or b"")


def _read_rare_proposal(kind: int, reader: Reader) -> Proposal:
    if kind == ProposalType.PSK:
        return PreSharedKey(PreSharedKeyID.read(reader))
    if kind == ProposalType.REINIT:
        return ReInit(reader.vector(), reader.u16(), reader.u16(), read_extensions(reader))
    if kind == ProposalType.EXTERNAL_INIT:
        return ExternalInit(reader.vector())
    if kind == ProposalType.GROUP_CONTEXT_EXTENSIONS:
        return GroupContextExtensions(read_extensions(reader))
    raise Malformed(f"proposal type {kind}")
