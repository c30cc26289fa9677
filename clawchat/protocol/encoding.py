"""Integers, base64, JSON, CBOR and TLVs: one strict form each, both ways.

Spec: 3
"""

import base64
import binascii
import json
from collections.abc import Callable
from typing import Any, NoReturn

import cbor2

from clawchat.protocol.errors import Malformed, TooLarge, UsageError
from clawchat.protocol.limits import INTEGER_MAX, MAX_DEPTH


def u8(value: int) -> bytes:
    """One byte."""
    return _integer(value, 1)


def u16(value: int) -> bytes:
    """Two bytes, big endian."""
    return _integer(value, 2)


def u32(value: int) -> bytes:
    """Four bytes, big endian."""
    return _integer(value, 4)


def u64(value: int) -> bytes:
    """Eight bytes, big endian, up to what a JavaScript number holds."""
    if value > INTEGER_MAX:
        raise UsageError(f"{value} is above 2**53-1")
    return _integer(value, 8)


def v16(data: bytes) -> bytes:
    """The data behind its two-byte length."""
    return u16(len(data)) + data


class Reader:
    """Takes a message apart from the front; whatever is missing or left over is malformed."""

    __slots__ = ("_data", "_offset")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._offset = 0

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        end = self._offset + count
        if end > len(self._data):
            raise Malformed(f"expected {count} bytes more, got {len(self._data) - self._offset}")
        taken = self._data[self._offset : end]
        self._offset = end
        return taken

    def u8(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def u16(self) -> int:
        """The next two bytes as an integer."""
        return int.from_bytes(self.take(2), "big")

    def u32(self) -> int:
        """The next four bytes as an integer."""
        return int.from_bytes(self.take(4), "big")

    def u64(self) -> int:
        """The next eight bytes as an integer; above 2**53-1 it is refused, because the browser could not tell it."""
        value = int.from_bytes(self.take(8), "big")
        if value > INTEGER_MAX:
            raise Malformed("integer above 2**53-1")
        return value

    def v16(self) -> bytes:
        """The next vector with a two-byte length."""
        return self.take(self.u16())

    def rest(self) -> bytes:
        """Everything that is left; there may be nothing."""
        return self.take(len(self._data) - self._offset)

    @property
    def offset(self) -> int:
        """How many bytes were taken."""
        return self._offset

    def end(self) -> None:
        """Refuse anything that is left over."""
        if self._offset != len(self._data):
            raise Malformed(f"{len(self._data) - self._offset} bytes too many")


def parse_text(data: bytes) -> str:
    """The UTF-8 text in these bytes; invalid sequences and a byte order mark are refused."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("not UTF-8") from None
    if text.startswith("\ufeff"):
        raise Malformed("byte order mark")
    return text


def encode_base64(data: bytes) -> str:
    """RFC 4648 section 4, with padding."""
    return base64.b64encode(data).decode("ascii")


def parse_base64(text: str) -> bytes:
    """The bytes of canonical base64; every other spelling of them is refused, so that a text has one meaning."""
    return _canonical_base64(text, lambda raw: base64.b64decode(raw, validate=True), encode_base64)


def encode_base64url(data: bytes) -> str:
    """RFC 4648 section 5, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def parse_base64url(text: str) -> bytes:
    """The bytes of canonical base64url without padding; every other spelling is refused."""

    def decode(raw: bytes) -> bytes:
        return base64.b64decode(raw + b"=" * (-len(raw) % 4), altchars=b"-_", validate=True)

    return _canonical_base64(text, decode, encode_base64url)


def encode_json(value: object) -> bytes:
    """The value as compact UTF-8 JSON."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")
    except (TypeError, ValueError) as error:
        raise UsageError("not a JSON value") from error


def parse_json(data: bytes, max_bytes: int) -> Any:
    """The JSON value in these bytes.

    Refused: more than max_bytes (too_large); duplicate members, integers outside 0..2**53-1, numbers that are not
    finite, unpaired surrogates, nesting over 8 (malformed).
    """
    if len(data) > max_bytes:
        raise TooLarge(f"{len(data)} bytes of JSON, at most {max_bytes}")
    text = parse_text(data)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique_members,
            parse_int=_json_integer,
            parse_float=_json_float,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError):
        raise Malformed("not strict JSON") from None
    _check_json(value, 0)
    return value


def encode_cbor(value: object) -> bytes:
    """The value as deterministic CBOR.

    Raises: usage (a type, number or depth that the protocol does not carry).
    """
    try:
        _check_cbor(value, 0)
    except Malformed as error:
        raise UsageError(str(error)) from None
    return cbor2.dumps(value, canonical=True)


def parse_cbor(data: bytes, max_items: int | None = None) -> Any:
    """The value of deterministic CBOR: text keys, no tags, no floats, integers in 0..2**53-1, nesting up to 8.

    No text begins with a byte order mark. Keys and values are items. More than max_items are malformed before any of
    them is made: a megabyte of small ones would keep a server busy for a good part of a second.
    """
    if max_items is not None:
        _check_item_count(data, max_items)
    try:
        value = cbor2.loads(
            data,
            semantic_decoders=_NO_TAGS,
            max_depth=MAX_DEPTH,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
        )
    except (cbor2.CBORError, ValueError, RecursionError):
        raise Malformed("not CBOR of the protocol's kind") from None
    _check_cbor(value, 0)
    # The library reads long forms of small numbers, unsorted keys and trailing bytes; written anew they differ.
    if cbor2.dumps(value, canonical=True) != data:
        raise Malformed("CBOR is not deterministic")
    return value


def encode_tlvs(values: dict[int, bytes]) -> bytes:
    """Type, length and value of each, in ascending order of type.

    Spec: 3.11
    """
    return b"".join(u16(kind) + v16(values[kind]) for kind in sorted(values))


def parse_tlvs(data: bytes) -> dict[int, bytes]:
    """The values by type; types that do not strictly ascend are refused, unknown ones are the caller's to ignore.

    Spec: 3.11
    """
    reader = Reader(data)
    values: dict[int, bytes] = {}
    previous = -1
    while reader.offset < len(data):
        kind = reader.u16()
        if kind <= previous:
            raise Malformed(f"TLV type {kind} after {previous}")
        values[kind] = reader.v16()
        previous = kind
    return values


def _integer(value: int, size: int) -> bytes:
    try:
        return value.to_bytes(size, "big")
    except OverflowError:
        raise UsageError(f"{value} does not fit {size} bytes") from None


def _canonical_base64(text: str, decode: Callable[[bytes], bytes], encode: Callable[[bytes], str]) -> bytes:
    try:
        data = decode(text.encode("ascii"))
    except (UnicodeEncodeError, binascii.Error, ValueError):
        raise Malformed("not base64") from None
    # The library lets non-zero trailing bits pass.
    if encode(data) != text:
        raise Malformed("base64 is not canonical")
    return data


def _unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate member")
    return members


def _json_integer(digits: str) -> int:
    if digits.startswith("-") or len(digits) > 16 or int(digits) > INTEGER_MAX:
        raise ValueError("integer out of range")
    return int(digits)


def _json_float(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise ValueError("number out of range")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _check_json(value: object, depth: int) -> None:
    if isinstance(value, str):
        _check_surrogates(value)
    elif isinstance(value, (dict, list)):
        if depth == MAX_DEPTH:
            raise Malformed(f"nested deeper than {MAX_DEPTH}")
        for item in value:
            _check_json(item, depth + 1)
        if isinstance(value, dict):
            for item in value.values():
                _check_json(item, depth + 1)


def _check_item_count(data: bytes, max_items: int) -> None:
    """Walk over the heads alone; whether they make sense is for the decoder to say."""
    offset = count = 0
    while offset < len(data):
        count += 1
        if count > max_items:
            raise Malformed(f"more than {max_items} CBOR items")
        major, value = data[offset] >> 5, data[offset] & 31
        offset += 1
        if 24 <= value <= 27:
            size = 1 << value - 24
            value = int.from_bytes(data[offset : offset + size], "big")
            offset += size
        if major in _CBOR_STRINGS:
            offset += value


def _check_cbor(value: object, depth: int) -> None:
    if isinstance(value, dict):
        _check_cbor_items(value.values(), depth)
        for key in value:
            if not isinstance(key, str):
                raise Malformed("CBOR key that is not text")
            _check_text(key)
    elif isinstance(value, (list, tuple)):
        _check_cbor_items(value, depth)
    elif isinstance(value, str):
        _check_text(value)
    elif value is None or isinstance(value, (bool, bytes)):
        return
    elif not isinstance(value, int) or not 0 <= value <= INTEGER_MAX:
        raise Malformed("CBOR value of a kind the protocol does not carry")


def _check_cbor_items(items: Any, depth: int) -> None:
    if depth == MAX_DEPTH:
        raise Malformed(f"nested deeper than {MAX_DEPTH}")
    for item in items:
        _check_cbor(item, depth + 1)


def _check_text(text: str) -> None:
    # Decoders of CBOR differ in whether they keep a byte order mark; so nobody gets to send one.
    if text.startswith("\ufeff"):
        raise Malformed("byte order mark")
    _check_surrogates(text)


def _check_surrogates(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise Malformed("unpaired surrogate") from None


class _NoTags(dict[int, Any]):
    """Has a decoder for every tag, which refuses: left alone the library would build dates, sets and patterns."""

    def __missing__(self, tag: int) -> Callable[..., NoReturn]:
        return _refuse_tag


def _refuse_tag(*arguments: object) -> NoReturn:
    raise ValueError("tag")


_NO_TAGS = _NoTags()
# The major types whose heads are followed by that many bytes: byte strings and texts.
_CBOR_STRINGS = (2, 3)
