"""What members say to each other, and how it is signed (RFC 9420 6)."""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Self, TypeAlias

from clawchat.mls import labels
from clawchat.mls.codec import Reader, u8, u16, u32, u64, vector
from clawchat.mls.commit import Commit
from clawchat.mls.key_schedule import GroupContext
from clawchat.mls.nodes import VERSION
from clawchat.mls.proposals import Proposal, read_proposal
from clawchat.mls.suite import CipherSuite, Signer
from clawchat.protocol.errors import Malformed, UsageError
from clawchat.protocol.message_header import ContentType

__all__ = [
    "AuthenticatedContent",
    "ContentType",
    "FramedContent",
    "MLSMessage",
    "Sender",
    "SenderType",
    "WireFormat",
    "encode_content",
    "read_content",
    "read_content_type",
]

Content: TypeAlias = bytes | Proposal | Commit


class WireFormat(IntEnum):
    """What an MLSMessage holds."""

    PUBLIC_MESSAGE = 1
    PRIVATE_MESSAGE = 2
    WELCOME = 3
    GROUP_INFO = 4
    KEY_PACKAGE = 5


class SenderType(IntEnum):
    """Who speaks."""

    MEMBER = 1
    EXTERNAL = 2
    NEW_MEMBER_PROPOSAL = 3
    NEW_MEMBER_COMMIT = 4


@dataclass(frozen=True, slots=True)
class Sender:
    """`index` is a member's leaf index or an external sender's place in its extension; the others have none."""

    sender_type: SenderType
    index: int | None = None

    @classmethod
    def member(cls, leaf_index: int) -> Self:
        """The member at this leaf."""
        return cls(SenderType.MEMBER, leaf_index)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Raises: malformed."""
        number = reader.u8()
        if number not in _SENDER_TYPES:
            raise Malformed(f"sender type {number}")
        sender_type = SenderType(number)
        return cls(sender_type, reader.u32() if sender_type in _INDEXED else None)

    def encode(self) -> bytes:
        """u8 sender_type | u32 index, where there is one."""
        if (self.index is None) is (self.sender_type in _INDEXED):
            raise UsageError("members and external senders have an index, the others none")
        return u8(self.sender_type) + (b"" if self.index is None else u32(self.index))


@dataclass(frozen=True, slots=True)
class FramedContent:
    """RFC 9420 6. `content`: bytes of the application, a proposal or a commit, as content_type says."""

    group_id: bytes
    epoch: int
    sender: Sender
    authenticated_data: bytes
    content_type: ContentType
    content: Content

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Raises: malformed."""
        group_id, epoch, sender = reader.vector(), reader.u64(), Sender.read(reader)
        authenticated_data, content_type = reader.vector(), read_content_type(reader)
        return cls(group_id, epoch, sender, authenticated_data, content_type, read_content(reader, content_type))

    def encode(self) -> bytes:
        """group_id<V> | u64 epoch | sender | authenticated_data<V> | u8 content_type | content."""
        return (
            vector(self.group_id)
            + u64(self.epoch)
            + self.sender.encode()
            + vector(self.authenticated_data)
            + u8(self.content_type)
            + encode_content(self.content)
        )


def read_content_type(reader: Reader) -> ContentType:
    """Raises: malformed (a type that does not exist)."""
    number = reader.u8()
    if number not in _CONTENT_TYPES:
        raise Malformed(f"content type {number}")
    return ContentType(number)


def read_content(reader: Reader, content_type: ContentType) -> Content:
    """The content of this type.

    Raises: malformed.
    """
    if content_type is ContentType.APPLICATION:
        return reader.vector()
    return read_proposal(reader) if content_type is ContentType.PROPOSAL else Commit.read(reader)


def encode_content(content: Content) -> bytes:
    """application_data<V>, or the proposal, or the commit."""
    return vector(content) if isinstance(content, bytes) else content.encode()


@dataclass(frozen=True, slots=True)
class AuthenticatedContent:
    """A framed content with its signature and, for a commit, its confirmation tag (RFC 9420 6.1)."""

    wire_format: WireFormat
    content: FramedContent
    signature: bytes
    confirmation_tag: bytes | None = None

    @classmethod
    def sign(
        cls,
        suite: CipherSuite,
        signer: Signer,
        wire_format: WireFormat,
        content: FramedContent,
        context: GroupContext,
    ) -> Self:
        """Signed for this epoch; a commit wants its tag yet (`with_tag`), which the signature does not cover."""
        unsigned = cls(wire_format, content, b"")
        return replace(
            unsigned, signature=suite.sign_with_label(signer, labels.FRAMED_CONTENT_TBS, unsigned.tbs(context))
        )

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Raises: malformed."""
        wire_format = reader.u16()
        if wire_format not in _FRAMED:
            raise Malformed(f"wire format {wire_format}")
        content = FramedContent.read(reader)
        return cls.read_auth(reader, WireFormat(wire_format), content)

    @classmethod
    def read_auth(cls, reader: Reader, wire_format: WireFormat, content: FramedContent) -> Self:
        """The content with the FramedContentAuthData that comes next.

        Raises: malformed.
        """
        signature = reader.vector()
        tag = reader.vector() if content.content_type is ContentType.COMMIT else None
        return cls(wire_format, content, signature, tag)

    def with_tag(self, confirmation_tag: bytes) -> Self:
        """The same commit with its confirmation tag."""
        return replace(self, confirmation_tag=confirmation_tag)

    def verify(self, suite: CipherSuite, signature_key: bytes, context: GroupContext) -> None:
        """Nothing, when this key signed it for this epoch.

        Raises: unauthentic.
        """
        suite.verify_with_label(signature_key, labels.FRAMED_CONTENT_TBS, self.tbs(context), self.signature)

    def tbs(self, context: GroupContext) -> bytes:
        """FramedContentTBS: u16 version | u16 wire_format | content | the context, when a member or joiner speaks."""
        content = u16(VERSION) + u16(self.wire_format) + self.content.encode()
        return content + (context.encode() if self.content.sender.sender_type in _IN_CONTEXT else b"")

    def auth(self) -> bytes:
        """FramedContentAuthData: signature<V> | confirmation_tag<V> of a commit."""
        if (self.confirmation_tag is None) is (self.content.content_type is ContentType.COMMIT):
            raise UsageError("a commit has a confirmation tag, nothing else has one")
        return vector(self.signature) + (b"" if self.confirmation_tag is None else vector(self.confirmation_tag))

    def encode(self) -> bytes:
        """u16 wire_format | content | auth."""
        return u16(self.wire_format) + self.content.encode() + self.auth()

    def confirmed_input(self) -> bytes:
        """ConfirmedTranscriptHashInput: u16 wire_format | content | signature<V> (RFC 9420 8.2)."""
        return u16(self.wire_format) + self.content.encode() + vector(self.signature)

    def ref(self, suite: CipherSuite) -> bytes:
        """The ProposalRef of a proposal (RFC 9420 5.2), Nh bytes."""
        return suite.ref_hash(labels.PROPOSAL_REFERENCE, self.encode())


@dataclass(frozen=True, slots=True)
class MLSMessage:
    """The envelope of everything: `body` is the encoding of what the wire format says (RFC 9420 6)."""

    wire_format: WireFormat
    body: bytes

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Raises: malformed (a version but 1, a wire format that does not exist)."""
        reader = Reader(data)
        version, wire_format = reader.u16(), reader.u16()
        if version != VERSION or wire_format not in _WIRE_FORMATS:
            raise Malformed(f"MLS version {version}, wire format {wire_format}")
        return cls(WireFormat(wire_format), reader.rest())

    def encode(self) -> bytes:
        """u16 version | u16 wire_format | body."""
        return u16(VERSION) + u16(self.wire_format) + self.body


_SENDER_TYPES: frozenset[int] = frozenset(SenderType)
_INDEXED = frozenset({SenderType.MEMBER, SenderType.EXTERNAL})
_IN_CONTEXT = frozenset({SenderType.MEMBER, SenderType.NEW_MEMBER_COMMIT})
_CONTENT_TYPES: frozenset[int] = frozenset(ContentType)
_WIRE_FORMATS: frozenset[int] = frozenset(WireFormat)
_FRAMED = frozenset({WireFormat.PUBLIC_MESSAGE, WireFormat.PRIVATE_MESSAGE})
