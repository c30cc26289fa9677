"""The clear header of an MLS message: all of it that a server reads.

Spec: 3.13
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from clawchat.protocol._vectors import encode_vector, parse_vector
from clawchat.protocol.authenticated_data import AuthenticatedData
from clawchat.protocol.encoding import Reader, u8, u16, u64
from clawchat.protocol.errors import Malformed
from clawchat.protocol.external_commit import PUBLIC_MESSAGE, ExternalCommit

MLS_VERSION = 1
PRIVATE_MESSAGE = 2


class ContentType(IntEnum):
    """What is encrypted in a PrivateMessage (RFC 9420 6)."""

    APPLICATION = 1
    PROPOSAL = 2
    COMMIT = 3


@dataclass(frozen=True, slots=True)
class MessageHeader:
    """A PrivateMessage without its ciphertext, or what comes before the commit in an external commit."""

    wire_format: int
    group_id: bytes
    epoch: int
    content_type: ContentType
    authenticated_data: bytes

    @property
    def message_id(self) -> bytes:
        """The sender's id for this message.

        Raises: malformed (authenticated data of no form of 4.4).
        """
        return AuthenticatedData.parse(self.authenticated_data).message_id

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The header of a whole MLS message.

        Raises: malformed (anything but a PrivateMessage or an external commit of version 1 in its one encoding, to the
        last byte).
        """
        reader = Reader(data)
        version, wire_format = reader.u16(), reader.u16()
        if wire_format == PUBLIC_MESSAGE:
            commit = ExternalCommit.parse(data)
            return cls(wire_format, commit.group_id, commit.epoch, ContentType.COMMIT, commit.authenticated_data)
        if version != MLS_VERSION or wire_format != PRIVATE_MESSAGE:
            raise Malformed(f"MLS version {version}, wire format {wire_format}")
        group_id, epoch, content_type = parse_vector(reader), reader.u64(), reader.u8()
        authenticated_data = parse_vector(reader)
        parse_vector(reader)
        parse_vector(reader)
        reader.end()
        if content_type not in set(ContentType):
            raise Malformed(f"MLS content type {content_type}")
        return cls(wire_format, group_id, epoch, ContentType(content_type), authenticated_data)


def encode_private_message(
    group_id: bytes,
    epoch: int,
    content_type: ContentType,
    authenticated_data: bytes,
    encrypted_sender_data: bytes,
    ciphertext: bytes,
) -> bytes:
    """A PrivateMessage around parts that are already encrypted.

    u16 version | u16 wire_format | group_id<V> | u64 epoch | u8 content_type
    | authenticated_data<V> | encrypted_sender_data<V> | ciphertext<V>
    """
    return (
        u16(MLS_VERSION)
        + u16(PRIVATE_MESSAGE)
        + encode_vector(group_id)
        + u64(epoch)
        + u8(content_type)
        + encode_vector(authenticated_data)
        + encode_vector(encrypted_sender_data)
        + encode_vector(ciphertext)
    )
