"""The clear header of an MLS message, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawchat.protocol.authenticated_data import member_data
from clawchat.protocol.errors import Malformed, PeerError, UsageError
from clawchat.protocol.message_header import (
    ContentType,
    MessageHeader,
    encode_private_message,
)

ROOM, MESSAGE = bytes(range(16)), bytes(range(16, 32))
DATA = member_data(ROOM, MESSAGE)
VECTORS = st.binary(max_size=200)


def message(kind=ContentType.APPLICATION, data=DATA, ciphertext=b"sealed"):
    return encode_private_message(ROOM, 3, kind, data, b"sender", ciphertext)


@given(VECTORS, st.integers(0, 2**53 - 1), st.sampled_from(ContentType), VECTORS, VECTORS, st.integers(0, 20_000))
def test_header_round_trip(group, epoch, kind, data, sender, size):
    """Vectors of every length of length."""
    header = MessageHeader.parse(encode_private_message(group, epoch, kind, data, sender, bytes(size)))

    assert header == MessageHeader(2, group, epoch, kind, data)


@pytest.mark.parametrize(("size", "head"), [(0, 1), (63, 1), (64, 2), (16_383, 2), (16_384, 4)])
def test_lengths_take_their_shortest_form(size, head):
    """One byte, two or four."""
    assert len(message(ciphertext=bytes(size))) - len(message(ciphertext=b"")) == size + head - 1


def test_message_id_is_the_senders():
    """It stands at the end of the authenticated data."""
    assert MessageHeader.parse(message()).message_id == MESSAGE
    assert DATA == b"\1" + ROOM + MESSAGE


@pytest.mark.parametrize("data", [b"", DATA[:-1], DATA + b"\0", b"\2" + DATA[1:], b"\0" + DATA[1:]])
def test_message_id_of_another_form_is_refused(data):
    """The header itself parses; it just is no member's."""
    header = MessageHeader.parse(message(data=data))
    with pytest.raises(Malformed):
        _ = header.message_id


def test_every_truncation_is_refused():
    """And every byte too many."""
    data = message()
    for length in range(len(data)):
        with pytest.raises(Malformed):
            MessageHeader.parse(data[:length])
    with pytest.raises(Malformed):
        MessageHeader.parse(data + b"\0")


@pytest.mark.parametrize(
    "head", [b"\0\0\0\2", b"\0\2\0\2", b"\0\1\0\1", b"\0\1\0\3", b"\0\1\0\4", b"\0\1\0\5", b"\xff" * 4]
)
def test_other_messages_are_refused(head):
    """Only PrivateMessage of version 1 belongs in a room."""
    with pytest.raises(Malformed):
        MessageHeader.parse(head + message()[4:])


@pytest.mark.parametrize("kind", [0, 4, 255])
def test_other_content_is_refused(kind):
    """There are three content types."""
    with pytest.raises(Malformed):
        MessageHeader.parse(message(kind=kind))


@given(st.binary(max_size=120))
def test_any_bytes_are_a_header_or_malformed(data):
    """Nothing else is raised, with and without a good beginning."""
    for candidate in (data, message()[:4] + data, message()[:30] + data):
        try:
            MessageHeader.parse(candidate)
        except PeerError as error:
            assert error.code == "malformed"


@pytest.mark.parametrize(("room", "message_id"), [(15, 16), (16, 15), (17, 16), (0, 0)])
def test_ids_of_other_sizes_are_ours_to_avoid(room, message_id):
    """Both have 16 bytes."""
    with pytest.raises(UsageError):
        member_data(bytes(room), bytes(message_id))


class Endless(bytes):
    """Says that it has 2^30 bytes."""

    def __len__(self):
        return 1 << 30


def test_vector_that_no_length_holds_is_ours_to_avoid():
    """RFC 9420 stops at 30 bits."""
    with pytest.raises(UsageError):
        message(ciphertext=Endless())
