"""The clear header of an MLS message: all of it that a server reads.

Spec: 3.13
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from clawchat.protocol.encoding import Reader, u8, u16, u32, u64
from clawchat.protocol.errors import Malformed, UsageError

MLS_VERSION = 1
PRIVATE_MESSAGE = 2
_MEMBER_FORM = 1
_MEMBER_BYTES = 33


class ContentType(IntEnum):
    """What is encrypted in a PrivateMessage (RFC 9420 6)."""

    APPLICATION = 1
    PROPOSAL = 2
    COMMIT = 3


@dataclass(frozen=True, slots=True)
class MessageHeader:
    """A PrivateMessage without its ciphertext."""

    wire_format: int
    group_id: bytes
    epoch: int
    content_type: ContentType
    authenticated_data: bytes

    @property
    def message_id(self) -> bytes:
        """The sender's id for this message.

        Raises: malformed (authenticated data of another form).
        """
        data = self.authenticated_data
        if len(data) != _MEMBER_BYTES or data[0] != _MEMBER_FORM:
            raise Malformed("authenticated data is not a member's")
        return data[17:]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The header of a whole MLS message.

        Raises: malformed (anything but a PrivateMessage of version 1 in its one encoding, to the last byte).
        """
        reader = Reader(data)
        version, wire_format = reader.u16(), reader.u16()
        if version != MLS_VERSION or wire_format != PRIVATE_MESSAGE:
            raise Malformed(f"MLS version {version}, wire format {wire_format}")
        group_id, epoch, content_type = _parse_vector(reader), reader.u64(), reader.u8()
        authenticated_data = _parse_vector(reader)
        _parse_vector(reader)
        _parse_vector(reader)
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
        + _encode_vector(group_id)
        + u64(epoch)
        + u8(content_type)
        + _encode_vector(authenticated_data)
        + _encode_vector(encrypted_sender_data)
        + _encode_vector(ciphertext)
    )


def member_authenticated_data(room_id: bytes, message_id: bytes) -> bytes:
    """What a member's message authenticates: `u8 1 || room_id || message_id`, 33 bytes.

    Spec: 4.4
    """
    if len(room_id) != 16 or len(message_id) != 16:
        raise UsageError("room id and message id have 16 bytes each")
    return u8(_MEMBER_FORM) + room_id + message_id


def _encode_vector(data: bytes) -> bytes:
    """RFC 9420 2.1.2: the length in one, two or four bytes, its size in the first two bits."""
    length = len(data)
    if length < 1 << 6:
        return u8(length) + data
    if length < 1 << 14:
        return u16(length | 1 << 14) + data
    if length < 1 << 30:
        return u32(length | 2 << 30) + data
    raise UsageError(f"MLS vector of {length} bytes")


def _parse_vector(reader: Reader) -> bytes:
    first = reader.u8()
    size = first >> 6
    if size == 3:
        raise Malformed("MLS vector length")
    length = first & 0x3F
    for byte in reader.take((1 << size) - 1):
        length = length << 8 | byte
    if size and length < (1 << 6, 1 << 14)[size - 1]:
        raise Malformed("MLS vector length is not the shortest")
    return reader.take(length)
