"""Encodings of RFC 9420 2.1: one spelling each, and nothing but malformed for every other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawchat.mls import codec
from clawchat.mls.codec import Reader, optional, u16, vector, vector_length, vector_of, wide
from clawchat.protocol.errors import Malformed, UsageError


@pytest.mark.parametrize(
    ("length", "encoded"),
    [
        (0, "00"),
        (37, "25"),
        (63, "3f"),
        (64, "4040"),
        (15_293, "7bbd"),
        (16_383, "7fff"),
        (16_384, "80004000"),
        (494_878_333, "9d7f3e7d"),
        (2**30 - 1, "bfffffff"),
    ],
)
def test_a_length_has_one_form(length, encoded):
    """The shortest of one, two or four bytes, up to 2**30 - 1 (RFC 9420 2.1.2)."""
    assert vector_length(length).hex() == encoded
    reader = Reader(bytes.fromhex(encoded))
    assert reader.vector_length() == length
    reader.end()


@pytest.mark.parametrize("encoded", ["4000", "403f", "80000000", "80003fff", "c000000000000040", "ff"])
def test_a_longer_form_of_a_length_is_refused(encoded):
    """A length that a shorter form holds, and the form of eight bytes."""
    with pytest.raises(Malformed, match="vector length"):
        Reader(bytes.fromhex(encoded) + bytes(100)).vector()


def test_a_length_of_2_30_cannot_be_written():
    """The four-byte form has thirty bits."""
    with pytest.raises(UsageError):
        vector_length(2**30)


@pytest.mark.parametrize("encoded", ["", "01", "40", "4040", "800040", "80004000", "bfffffff00"])
def test_what_is_missing_is_refused(encoded):
    """A length announces more than there is: nothing is taken."""
    with pytest.raises(Malformed):
        Reader(bytes.fromhex(encoded)).vector()


@pytest.mark.parametrize("size", [0, 1, 63, 64, 16_383, 16_384, 70_000])
def test_a_vector_comes_back(size):
    """Its bytes, and nothing beside them."""
    data = bytes(range(256)) * 300
    reader = Reader(vector(data[:size]) + b"next")

    assert reader.vector() == data[:size]
    assert reader.left == 4
    assert reader.rest() == b"next"


def test_a_vector_of_items():
    """Each item is read to the end of the vector, and not into what follows."""
    encoded = vector_of(u16(number) for number in (7, 8, 65_535))

    assert encoded.hex() == "060007" + "0008" + "ffff"
    reader = Reader(encoded + b"\1")
    assert reader.vector_of(Reader.u16) == (7, 8, 65_535)
    assert reader.left == 1
    assert Reader(b"\0").vector_of(Reader.u16) == ()


def test_a_vector_of_things_asks_them_for_their_bytes():
    """Bytes stand as they are, everything else encodes itself."""

    class Thing:
        def encode(self):
            return b"thing"

    assert vector_of([b"\1", Thing()]) == b"\6\1thing"


def test_half_an_item_is_refused():
    """A vector that ends inside an item."""
    with pytest.raises(Malformed):
        Reader(b"\3\0\1\0").vector_of(Reader.u16)


def test_optional_is_there_or_not():
    """An octet of 1 or 0 (RFC 9420 2.1.1)."""
    assert optional(None) == b"\0"
    assert optional(b"ab") == b"\1ab"
    assert Reader(b"\0").optional(Reader.u8) is None
    assert Reader(b"\1\7").optional(Reader.u8) == 7


@pytest.mark.parametrize("octet", [2, 3, 128, 255])
def test_another_octet_for_optional_is_refused(octet):
    """It would be a second spelling."""
    with pytest.raises(Malformed):
        Reader(bytes([octet, 7])).optional(Reader.u8)


def test_wide_integers_have_the_whole_range():
    """Dates of key packages reach to 2**64 - 1; epochs stop where JavaScript does."""
    assert Reader(b"\xff" * 8).wide() == 2**64 - 1
    assert wide(2**64 - 1) == b"\xff" * 8
    assert wide(1) == bytes(7) + b"\1"
    for value in (-1, 2**64):
        with pytest.raises(UsageError):
            wide(value)
    with pytest.raises(Malformed):
        Reader(b"\xff" * 8).u64()


def test_since_tells_what_was_taken():
    """From an offset to where the reader stands."""
    reader = Reader(b"abcdef")
    reader.take(1)
    start = reader.offset
    reader.take(3)

    assert reader.since(start) == b"bcd"


@given(st.binary(max_size=80))
def test_what_reads_encodes_back(data):
    """Whatever a reader takes for a vector, it is the one spelling of it."""
    reader = Reader(data)
    try:
        taken = reader.vector()
    except Malformed:
        return

    assert vector(taken) == data[: reader.offset]


def test_everything_is_exported():
    """The codec re-exports the protocol's integers, so that one import is enough."""
    assert all(hasattr(codec, name) for name in codec.__all__)
