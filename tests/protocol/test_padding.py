"""Padding: hides lengths, and comes off in one way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawchat.protocol.errors import Malformed
from clawchat.protocol.padding import pad, padded_length, unpad


@given(st.binary(max_size=3000))
def test_padding_comes_off(payload):
    """Whatever the payload ends in."""
    padded = pad(payload)

    assert unpad(padded) == payload
    assert len(padded) == padded_length(len(payload))


@given(st.binary(max_size=50), st.integers(0, 200))
def test_receivers_do_not_check_the_step(payload, zeros):
    """Any number of zeros comes off."""
    assert unpad(payload + b"\x80" + bytes(zeros)) == payload


@pytest.mark.parametrize(
    ("length", "padded"),
    [
        *((0, 64), (63, 64), (64, 128), (1022, 1024), (1023, 1024), (1024, 2048), (2047, 2048), (2048, 3072)),
        *((16_383, 16_384), (16_384, 32_768), (32_767, 32_768), (32_768, 49_152), (262_143, 262_144)),
    ],
)
def test_steps_grow_with_the_size(length, padded):
    """64, 1,024, then 16,384 bytes."""
    assert padded_length(length) == padded


@given(st.integers(0, 300_000))
def test_payload_always_fits(length):
    """There is room for the marker, and less than a step is wasted."""
    padded = padded_length(length)
    step = 64 if padded <= 1024 else 1024 if padded <= 16_384 else 16_384

    assert length < padded <= length + step
    assert padded % step == 0


@pytest.mark.parametrize(
    "padded", [b"", b"\0", bytes(64), b"hello", b"hello\0\0", b"hello\x81\0", b"\x80\1", b"\x80\0\1"]
)
def test_padding_without_its_marker_is_refused(padded):
    """What was never padded does not come off."""
    with pytest.raises(Malformed):
        unpad(padded)


@pytest.mark.parametrize("after", sorted(set(range(1, 256)) - {0x80}))
def test_nothing_but_zeros_may_follow_the_marker(after):
    """Any other byte there is a payload's, or somebody's own."""
    with pytest.raises(Malformed):
        unpad(b"hello\x80\0" + bytes([after]))
