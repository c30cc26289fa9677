"""The presentation language of RFC 9420 2.1: integers, optional values, and vectors behind a variable-size length.

One form each: a length that could be shorter, an optional octet but 0 and 1, and anything missing or left over are
malformed, so what was read encodes back to the same bytes.
"""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from clawchat.protocol import encoding
from clawchat.protocol.encoding import u8, u16, u32, u64
from clawchat.protocol.errors import Malformed, UsageError

__all__ = ["Reader", "optional", "u8", "u16", "u32", "u64", "vector", "vector_length", "vector_of", "wide"]

_T = TypeVar("_T")
# RFC 9420 2.1.2: the first two bits say whether the length takes one, two or four bytes.
_ONE_BYTE, _TWO_BYTES, _FOUR_BYTES = 1 << 6, 1 << 14, 1 << 30


class _Encodes(Protocol):
    def encode(self) -> bytes: ...


class Reader(encoding.Reader):
    """The protocol's reader, and MLS's vectors."""

    __slots__ = ()

    @property
    def left(self) -> int:
        """How many bytes were not taken."""
        return len(self._data) - self._offset

    def since(self, offset: int) -> bytes:
        """What was taken from `offset` on."""
        return self._data[offset : self._offset]

    def wide(self) -> int:
        """The next eight bytes as an integer of any size (JavaScript: a BigInt)."""
        return int.from_bytes(self.take(8), "big")

    def vector_length(self) -> int:
        """The length of the vector that comes next (RFC 9420 2.1.2), fewer than 2**30 bytes.

        Raises: malformed (a length that is not the shortest).
        """
        first = self.u8()
        if first < _ONE_BYTE:
            return first
        size = first >> 6
        if size == 3:
            raise Malformed("vector length of eight bytes")
        length = int.from_bytes(bytes((first & 0x3F,)) + self.take((1 << size) - 1), "big")
        if length < (_ONE_BYTE, _TWO_BYTES)[size - 1]:
            raise Malformed("vector length is not the shortest")
        return length

    def vector(self) -> bytes:
        """The next variable-size vector of bytes.

        Raises: malformed (more bytes than are there, too).
        """
        return self.take(self.vector_length())

    def vector_of(self, read: Callable[["Reader"], _T]) -> tuple[_T, ...]:
        """The items of the next vector, each read by `read`, which takes at least one byte."""
        inner = Reader(self.vector())
        items = []
        while inner.left:
            items.append(read(inner))
        return tuple(items)

    def optional(self, read: Callable[["Reader"], _T]) -> _T | None:
        """The value, or None (RFC 9420 2.1.1).

        Raises: malformed (an octet but 0 and 1).
        """
        present = self.u8()
        if present > 1:
            raise Malformed(f"optional octet {present}")
        return read(self) if present else None


def wide(value: int) -> bytes:
    """Eight bytes, big endian, of the whole range."""
    if not 0 <= value < 1 << 64:
        raise UsageError(f"{value} does not fit 8 bytes")
    return value.to_bytes(8, "big")


def vector_length(length: int) -> bytes:
    """The shortest form of a length, fewer than 2**30 bytes (RFC 9420 2.1.2)."""
    if length < _ONE_BYTE:
        return u8(length)
    if length < _TWO_BYTES:
        return u16(length | 1 << 14)
    if length < _FOUR_BYTES:
        return u32(length | 2 << 30)
    raise UsageError(f"vector of {length} bytes")


def vector(data: bytes) -> bytes:
    """The bytes behind their length."""
    return vector_length(len(data)) + data


def vector_of(items: Iterable[_Encodes | bytes]) -> bytes:
    """The items' encodings, joined, behind their length."""
    return vector(b"".join(item if isinstance(item, bytes) else item.encode() for item in items))


def optional(encoded: bytes | None) -> bytes:
    """The encoded value behind a 1, or a 0 alone."""
    return b"\0" if encoded is None else b"\1" + encoded
