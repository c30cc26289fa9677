"""Encodings: one spelling each, and nothing but a PeerError for every other."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawchat.protocol import encoding
from clawchat.protocol.encoding import (
    Reader,
    encode_base64,
    encode_base64url,
    encode_cbor,
    encode_json,
    encode_tlvs,
    parse_base64,
    parse_base64url,
    parse_cbor,
    parse_json,
    parse_text,
    parse_tlvs,
    v16,
)
from clawchat.protocol.errors import Malformed, PeerError, TooLarge, UsageError

NUMBERS = st.integers(0, 2**53 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).filter(lambda text: text[:1] != "\ufeff")
CBOR = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=10,
)


@pytest.mark.parametrize(("name", "size"), [("u8", 1), ("u16", 2), ("u32", 4)])
def test_integer_fits_its_bytes(name, size):
    """Big endian, the whole range and nothing else."""
    write = getattr(encoding, name)

    assert write(1) == bytes(size - 1) + b"\1"
    assert getattr(Reader(write(256**size - 1)), name)() == 256**size - 1
    for value in (-1, 256**size):
        with pytest.raises(UsageError):
            write(value)


def test_u64_holds_what_javascript_holds():
    """Values above 2^53-1 are neither written nor read."""
    assert Reader(encoding.u64(2**53 - 1)).u64() == 2**53 - 1
    with pytest.raises(UsageError):
        encoding.u64(2**53)
    with pytest.raises(Malformed):
        Reader((2**53).to_bytes(8, "big")).u64()


def test_reader_takes_a_message_apart():
    """Each reading method takes its bytes and no more."""
    reader = Reader(b"\1\0\2\0\0\0\3" + bytes(7) + b"\4" + v16(b"abc") + b"rest")

    assert [reader.u8(), reader.u16(), reader.u32(), reader.u64(), reader.v16()] == [1, 2, 3, 4, b"abc"]
    assert reader.offset == 20
    assert reader.rest() == b"rest"
    assert reader.rest() == b""
    reader.end()


@pytest.mark.parametrize("read", ["u8", "u16", "u32", "u64", "v16", "end"])
def test_reader_refuses_missing_and_left_over(read):
    """Nothing is made up, nothing is overlooked, and a refusal takes nothing."""
    reader = Reader(b"\0\5x") if read == "end" else Reader(b"")
    with pytest.raises(Malformed):
        getattr(reader, read)()

    assert reader.offset == 0


def test_vector_longer_than_its_length_field_is_ours_to_avoid():
    """65,536 bytes do not fit."""
    assert len(v16(bytes(65_535))) == 65_537
    with pytest.raises(UsageError):
        v16(bytes(65_536))


@given(st.binary(max_size=80))
def test_base64_round_trip(data):
    """Both alphabets give the bytes back."""
    assert parse_base64(encode_base64(data)) == data
    assert parse_base64url(encode_base64url(data)) == data


def test_base64url_loses_its_padding_alone():
    """Whatever letter stands before it."""
    assert [encode_base64url(data) for data in (b"\0\0\x17", b"\x05", b"\0\x05", b"")] == ["AAAX", "BQ", "AAU", ""]


@pytest.mark.parametrize(
    "text", ["QQ", "QQ=", "QR==", "QUI", "QUJ=", "QQ==\n", " QQ==", "Q Q=", "-_==", "QQ==QQ==", "=", "ä", "QQ=="[::-1]]
)
def test_base64_has_one_spelling(text):
    """Padding, alphabet, whitespace and trailing bits are all judged."""
    with pytest.raises(Malformed):
        parse_base64(text)


@pytest.mark.parametrize("text", ["QQ==", "QR", "Q", "+/", "QQ\n", "Q Q", "QUJ", "ü", "QQQQQ"])
def test_base64url_has_one_spelling(text):
    """The same without padding."""
    with pytest.raises(Malformed):
        parse_base64url(text)


@pytest.mark.parametrize(
    "data", [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xef\xbb\xbfx", b"a\xe2\x82"]
)
def test_text_is_utf8_without_mark(data):
    """Invalid sequences and byte order marks are refused."""
    with pytest.raises(Malformed):
        parse_text(data)


def test_text_keeps_what_is_inside():
    """A mark is refused at the front only; it is a character elsewhere."""
    assert parse_text("a\ufeffb€".encode()) == "a\ufeffb€"


def test_json_round_trip():
    """What we write, we read."""
    value = {"a": [1, 0.5, True, None, "ü"], "b": {"c": 2**53 - 1}}

    assert parse_json(encode_json(value), 1000) == value


@pytest.mark.parametrize(
    "text",
    [
        *(
            '{"a":1,"a":1}',
            '{"a":1,"\\u0061":2}',
            "[-1]",
            "[-0]",
            "[9007199254740992]",
            "[1e400]",
            "[NaN]",
            "[Infinity]",
        ),
        *('["\\ud800"]', '{"\\udfff":1}', "[1,]", "{'a':1}", "[01]", "[.5]", "[1.]", '["\t"]', "", "[", "nul", "[]x"),
        *("[" * 9 + "]" * 9, "[" * 100_000, '{"a":' * 9 + "1" + "}" * 9, "[" + "9" * 5000 + "]", "/**/1", "\ufeff[]"),
    ],
)
def test_json_is_strict(text):
    """Whatever two readers could understand differently is refused."""
    with pytest.raises(Malformed):
        parse_json(text.encode("utf-8", "surrogatepass"), 1_000_000)


def test_json_has_a_size():
    """Size is judged before anything is parsed; the limit itself is allowed."""
    assert parse_json(b"[        ]", 10) == []
    with pytest.raises(TooLarge):
        parse_json(b"[          ", 10)


def test_json_may_nest_eight_deep():
    """The limit itself is allowed, and counts the same in lists, members and both."""
    assert parse_json(b"[" * 8 + b"]" * 8, 100) == [[[[[[[[]]]]]]]]
    for text in ('{"a":' * 8 + "1" + "}" * 8, '[{"a":' * 4 + "1" + "}]" * 4):
        assert encode_json(parse_json(text.encode(), 100)) == text.encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", {1, 2}])
def test_json_of_anything_else_is_ours_to_avoid(value):
    """What JSON does not have is not written."""
    with pytest.raises(UsageError):
        encode_json(value)


@given(st.dictionaries(TEXTS, CBOR, max_size=4))
def test_cbor_round_trip(value):
    """Every value of the protocol's kind comes back, in one spelling."""
    data = encode_cbor(value)

    assert parse_cbor(data) == value
    assert encode_cbor(parse_cbor(data)) == data


@given(st.binary(max_size=60))
def test_any_bytes_are_cbor_of_one_spelling_or_refused(data):
    """Whatever is accepted would be written just so."""
    try:
        value = parse_cbor(data)
    except PeerError as error:
        assert error.code == "malformed"
    else:
        assert encode_cbor(value) == data


@pytest.mark.parametrize(
    "value",
    [
        *(-1, 2**53, 0.5, {1: 2}, {b"a": 1}, {1, 2}, [[[[[[[[[]]]]]]]]], object()),
        *("\ud800", {"\ud800": 1}, "\ufeff", "\ufeffa", ["\ufeffa"], {"\ufeff": 1}),
    ],
)
def test_cbor_of_anything_else_is_ours_to_avoid(value):
    """What the protocol does not carry is not written."""
    with pytest.raises(UsageError):
        encode_cbor(value)


@pytest.mark.parametrize(
    "data",
    [
        *("20", "f93e00", "f90000", "fb3ff0000000000000", "f7", "1b0020000000000000", "a1f401", "a1416101", "63efbbbf"),
        *("a2616201616102", "a2616101616102", "1801", "5801ff", "9fff", "5f4161ff", "818181818181818180", "0000", ""),
    ],
)
def test_cbor_of_another_kind_or_spelling_is_refused(data):
    """Signs, floats, other keys and too much depth; long heads, open lengths, unsorted and double keys."""
    with pytest.raises(Malformed):
        parse_cbor(bytes.fromhex(data))


def test_json_is_written_in_utf_8():
    """What is signed and padded is as long as it looks."""
    assert encode_json({"ä": "✓"}) == '{"ä":"✓"}'.encode()


@pytest.mark.parametrize(
    ("value", "items"),
    [
        ({}, 1),
        ({"a": 1}, 3),
        ("x" * 24, 1),
        (b"\0" * 255, 1),
        (2**31, 1),
        ({"a": [b"xyz" * 100, "text" * 20_000, 2**40, [], True]}, 8),
    ],
)
def test_cbor_of_more_items_than_allowed_is_refused(value, items):
    """Keys, values and containers count, bytes and letters do not."""
    assert parse_cbor(encode_cbor(value), items) == value
    with pytest.raises(Malformed, match="items"):
        parse_cbor(encode_cbor(value), items - 1)


@given(st.binary(max_size=60) | CBOR.map(encode_cbor))
def test_counting_items_changes_no_verdict(data):
    """Whatever the bytes are: where there is room enough for all of them, the answer is the same."""

    def verdict(*limits):
        try:
            return parse_cbor(data, *limits)
        except Malformed:
            return Malformed

    assert verdict(len(data)) == verdict()


@pytest.mark.parametrize("tag", range(64))
def test_cbor_tags_are_never_acted_on(tag):
    """No tag makes the library build anything: not dates, sets, patterns or shared values."""
    head = bytes([0xC0 | tag]) if tag < 24 else bytes([0xD8, tag])
    for content in (b"\x61a", b"\x41a", b"\x01", b"\x80", b"\x82\x01\x02"):
        with pytest.raises(Malformed):
            parse_cbor(b"\xa1\x61x" + head + content)


def test_cbor_tags_meet_our_refusal_before_the_librarys_decoder(monkeypatch):
    """A date, a number, a pattern and a set are refused before anything is made of them."""
    met = []

    def refuse(*arguments):
        met.append(arguments)
        raise ValueError("tag")

    monkeypatch.setattr(encoding, "_refuse_tag", refuse)
    for data in (b"\xc1\x01", b"\xc2\x41\x01", b"\xd8\x23\x61(", b"\xd9\x01\x02\x80"):
        with pytest.raises(Malformed):
            parse_cbor(data)

    assert len(met) == 4


@given(st.dictionaries(st.integers(0, 65_535), st.binary(max_size=30), max_size=6))
def test_tlvs_round_trip(values):
    """In ascending order whatever the order given."""
    data = encode_tlvs(values)

    assert parse_tlvs(data) == values
    assert list(parse_tlvs(data)) == sorted(values)


@given(st.binary(max_size=60))
def test_any_bytes_are_tlvs_of_one_spelling_or_refused(data):
    """Whatever is accepted would be written just so."""
    try:
        assert encode_tlvs(parse_tlvs(data)) == data
    except PeerError as error:
        assert error.code == "malformed"


@given(st.text(max_size=40))
def test_any_text_is_json_or_refused(text):
    """The strict reader takes nothing that the library's would not."""
    try:
        value = parse_json(text.encode("utf-8", "surrogatepass"), 1000)
    except PeerError:
        return
    assert value == json.loads(text)
