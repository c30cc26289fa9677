"""Vectors of variable size as MLS writes them, for the few parts of its messages that are read here.

Spec: RFC 9420 2.1.2
"""

from clawchat.protocol.encoding import Reader, u8, u16, u32
from clawchat.protocol.errors import Malformed, UsageError


def encode_vector(data: bytes) -> bytes:
    """The length in one, two or four bytes, its size in the first two bits; then the data."""
    length = len(data)
    if length < 1 << 6:
        return u8(length) + data
    if length < 1 << 14:
        return u16(length | 1 << 14) + data
    if length < 1 << 30:
        return u32(length | 2 << 30) + data
    raise UsageError(f"MLS vector of {length} bytes")


def parse_vector(reader: Reader) -> bytes:
    """The next vector.

    Raises: malformed (a length that is not in its shortest form, or beyond the end).
    """
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
