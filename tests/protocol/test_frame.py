"""Frames: what is sealed comes out once, in its place, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawchat.protocol.errors import (
    Malformed,
    OutOfOrder,
    PeerError,
    TooLarge,
    Unauthentic,
    UnknownType,
    UnsupportedVersion,
    UsageError,
)
from clawchat.protocol.frame import Direction, Frame, FrameHeader, FrameKeys, MessageType, open_frame, seal_frame
from clawchat.protocol.limits import FRAME_MIN_BYTES, FRAME_OVERHEAD
from clawchat.protocol.padding import pad
from tests.protocol.pairs import MESSAGE_ID, NOW_MS, SESSION_ID, changed_bytes

LIMIT = 262_144
KEYS = FrameKeys(bytes(32), bytes(range(12)), SESSION_ID, Direction.CLIENT_TO_SERVER, 0)
HELLO = Frame(MessageType.CHAT, MESSAGE_ID, NOW_MS, b"hello")
FIELDS = [
    ("version", 0),
    ("message_id", 1),
    ("timestamp_ms", 17),
    ("type", 25),
    ("iv", 26),
    ("ciphertext", 38),
    ("tag", -16),
]
EXPECTED = {"version": UnsupportedVersion, "iv": OutOfOrder}


@given(
    st.sampled_from(MessageType),
    st.binary(min_size=16, max_size=16),
    st.integers(0, 2**53 - 1),
    st.binary(max_size=2000),
    st.integers(0, 2**31 - 1),
)
def test_frame_round_trip(kind, message_id, timestamp_ms, payload, counter):
    """Every frame opens to itself."""
    frame = Frame(kind, message_id, timestamp_ms, payload)

    assert open_frame(KEYS, counter, seal_frame(KEYS, counter, frame, LIMIT), LIMIT) == frame


def test_frame_has_the_specifications_layout():
    """Version, id, time, type, IV, then ciphertext and tag; nothing after the tag."""
    data = seal_frame(KEYS, 5, HELLO, LIMIT)

    assert data[:1] + data[1:17] + data[17:25] + data[25:26] == b"\1" + MESSAGE_ID + NOW_MS.to_bytes(8, "big") + b"\1"
    assert int.from_bytes(data[26:38], "big") == int.from_bytes(bytes(range(12)), "big") ^ 5
    assert len(data) == FRAME_OVERHEAD + 64


def test_no_two_counters_share_a_nonce():
    """The IV is a bijection of the counter."""
    counters = [0, 1, 2, 2**31 - 1, 2**32, 2**63]

    assert len({KEYS.iv(counter) for counter in counters}) == len(counters)


@pytest.mark.parametrize(("field", "at"), FIELDS)
def test_changed_field_is_refused(field, at):
    """Each field has its code; all but version and IV are simply unauthentic."""
    data = bytearray(seal_frame(KEYS, 0, HELLO, LIMIT))
    data[at] ^= 0x80
    with pytest.raises(EXPECTED.get(field, Unauthentic)):
        open_frame(KEYS, 0, bytes(data), LIMIT)


def test_every_changed_byte_is_refused():
    """No byte of a frame is free."""
    for at, wrong in changed_bytes(seal_frame(KEYS, 0, HELLO, LIMIT)):
        expected = UnsupportedVersion if at == 0 else OutOfOrder if 26 <= at < 38 else Unauthentic
        with pytest.raises(expected):
            open_frame(KEYS, 0, wrong, LIMIT)


def test_every_truncation_is_refused():
    """Cut anywhere it does not open."""
    data = seal_frame(KEYS, 0, HELLO, LIMIT)
    for length in range(len(data)):
        with pytest.raises(Malformed if length < FRAME_MIN_BYTES else Unauthentic):
            open_frame(KEYS, 0, data[:length], LIMIT)


@pytest.mark.parametrize("more", [b"\0", bytes(15), b"x"])
def test_outer_padding_is_refused(more):
    """The specification's unauthenticated padding is always empty here."""
    with pytest.raises(Unauthentic):
        open_frame(KEYS, 0, seal_frame(KEYS, 0, HELLO, LIMIT) + more, LIMIT)


@pytest.mark.parametrize(
    "keys",
    [
        FrameKeys(bytes([1]) * 32, bytes(range(12)), SESSION_ID, Direction.CLIENT_TO_SERVER, 0),
        FrameKeys(bytes(32), bytes(range(12)), bytes(16), Direction.CLIENT_TO_SERVER, 0),
        FrameKeys(bytes(32), bytes(range(12)), SESSION_ID, Direction.SERVER_TO_CLIENT, 0),
        FrameKeys(bytes(32), bytes(range(12)), SESSION_ID, Direction.CLIENT_TO_SERVER, 1),
    ],
    ids=["key", "session", "direction", "epoch"],
)
def test_frame_opens_in_its_place_only(keys):
    """Another key, session, direction or epoch does not open it, were everything else the same."""
    with pytest.raises(Unauthentic):
        open_frame(keys, 0, seal_frame(KEYS, 0, HELLO, LIMIT), LIMIT)


@pytest.mark.parametrize(("sealed_at", "opened_at"), [(0, 1), (1, 0), (0, 2**31 - 1)])
def test_frame_opens_at_its_counter_only(sealed_at, opened_at):
    """Replays and gaps show in the IV."""
    with pytest.raises(OutOfOrder):
        open_frame(KEYS, opened_at, seal_frame(KEYS, sealed_at, HELLO, LIMIT), LIMIT)


@pytest.mark.parametrize("kind", [0x00, 0x09, 0x0F, 0x14, 0xFF])
def test_unknown_type_is_told_after_the_seal(kind):
    """Only an authentic frame may have a type of the future."""
    sealed = seal_frame(KEYS, 0, Frame(kind, MESSAGE_ID, NOW_MS, b""), LIMIT)
    with pytest.raises(UnknownType):
        open_frame(KEYS, 0, sealed, LIMIT)


def test_time_is_judged_after_the_seal():
    """An authentic time above 2^53-1 is malformed."""
    clear = b"\1" + MESSAGE_ID + (2**53).to_bytes(8, "big") + b"\1" + KEYS.iv(0)
    with pytest.raises(Malformed):
        open_frame(KEYS, 0, clear + KEYS.seal(0, clear, pad(b"")), LIMIT)


def test_padding_is_judged_after_the_seal():
    """An authentic frame without a marker is malformed."""
    clear = FrameHeader(MESSAGE_ID, NOW_MS, 1, KEYS.iv(0)).encode()
    with pytest.raises(Malformed):
        open_frame(KEYS, 0, clear + KEYS.seal(0, clear, bytes(64)), LIMIT)


def test_size_is_kept_on_both_sides():
    """One byte over the limit is neither sealed nor opened."""
    data = seal_frame(KEYS, 0, HELLO, 118)

    assert len(data) == 118
    with pytest.raises(TooLarge):
        seal_frame(KEYS, 0, HELLO, 117)
    with pytest.raises(TooLarge):
        open_frame(KEYS, 0, data, 117)


@pytest.mark.parametrize("counter", [-1, 2**31])
def test_counter_outside_its_range_is_ours_to_avoid(counter):
    """A nonce that could repeat is never used."""
    with pytest.raises(UsageError):
        seal_frame(KEYS, counter, HELLO, LIMIT)


@pytest.mark.parametrize(
    ("message_id", "timestamp_ms"), [(b"", 0), (bytes(15), 0), (bytes(17), 0), (bytes(16), -1), (bytes(16), 2**53)]
)
def test_header_that_does_not_fit_is_ours_to_avoid(message_id, timestamp_ms):
    """Ids have 16 bytes, times fit a JavaScript number."""
    with pytest.raises(UsageError):
        seal_frame(KEYS, 0, Frame(MessageType.CHAT, message_id, timestamp_ms, b""), LIMIT)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_peer_error(data):
    """Nothing that was not sealed opens, and nothing else happens."""
    with pytest.raises(PeerError):
        open_frame(KEYS, 0, data, LIMIT)
