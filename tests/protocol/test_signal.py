"""Signals: what is sealed opens again, every time under another nonce, and nothing else does."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawchat.protocol.bodies import SealedSignal
from clawchat.protocol.encoding import encode_cbor
from clawchat.protocol.errors import Malformed, Unauthentic, UsageError
from clawchat.protocol.keys import SignalKey
from clawchat.protocol.primitives import aead_key, aead_seal
from clawchat.protocol.signal import Read, Typing, open_signal, seal_signal

KEY, ROOM, SENDER, NONCE = SignalKey(b"k" * 32), b"r" * 16, b"s" * 16, b"n" * 12
SIGNALS = st.just(Typing()) | st.builds(Read, st.integers(0, 2**53 - 1))


def sealed_bytes(padded: bytes) -> SealedSignal:
    """What somebody with the key of the epoch may send: any bytes, sealed as they are."""
    return SealedSignal(
        SENDER, 7, NONCE, aead_seal(aead_key(bytes(KEY)), NONCE, padded, b"clawchat/1 signal\0" + ROOM + SENDER)
    )


def padded(plaintext: bytes, length: int) -> bytes:
    """The bytes, a marker and as many zeros as lead to that length."""
    return (plaintext + b"\x80").ljust(length, b"\0")


def of_length(length: int) -> bytes:
    """A map of a type that nobody knows yet, so many bytes long."""
    fill = length - len(encode_cbor({"more": b"", "type": "dance"}))
    return encode_cbor({"more": bytes(fill - (fill > 24)), "type": "dance"})


@given(SIGNALS, st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16), st.integers(0, 2**53 - 1))
def test_what_is_sealed_opens_again(signal, room_id, sender, epoch):
    """Either kind, from any device of any room and epoch, through its bytes."""
    sealed = seal_signal(KEY, room_id, sender, epoch, signal)

    assert (sealed.sender, sealed.epoch, len(sealed.sealed)) == (sender, epoch, 64 + 16)
    assert open_signal(KEY, room_id, SealedSignal.parse(sealed.encode())) == signal


def test_no_nonce_comes_twice():
    """The key is that of all members for the whole epoch, so only chance keeps them apart."""
    nonces = {seal_signal(KEY, ROOM, SENDER, 7, Typing()).nonce for _ in range(100)}

    assert len(nonces) == 100


def test_a_signal_belongs_to_its_key_room_and_sender():
    """Another of any opens nothing; the epoch is for the caller to see."""
    sealed = seal_signal(KEY, ROOM, SENDER, 7, Read(3))
    others = [
        (SignalKey(bytes(32)), ROOM, sealed),
        (KEY, SENDER, sealed),
        (KEY, ROOM, replace(sealed, sender=ROOM)),
        (KEY, ROOM, replace(sealed, nonce=NONCE)),
    ]
    for key, room_id, changed in others:
        with pytest.raises(Unauthentic):
            open_signal(key, room_id, changed)

    assert open_signal(KEY, ROOM, replace(sealed, epoch=8)) == Read(3)


@pytest.mark.parametrize(
    ("room_id", "sender", "epoch", "signal"),
    [
        (ROOM[:15], SENDER, 7, Typing()),
        (ROOM + b"r", SENDER, 7, Typing()),
        (ROOM, SENDER[:15], 7, Typing()),
        (ROOM, SENDER + b"s", 7, Typing()),
        (ROOM, SENDER, -1, Typing()),
        (ROOM, SENDER, 2**64, Typing()),
        (ROOM, SENDER, 7, Read(-1)),
        (ROOM, SENDER, 7, Read(2**53)),
    ],
)
def test_what_nobody_would_take_is_not_sent(room_id, sender, epoch, signal):
    """A mistake of ours, found before it leaves."""
    with pytest.raises(UsageError):
        seal_signal(KEY, room_id, sender, epoch, signal).encode()


@pytest.mark.parametrize("more", [0, 64])
@pytest.mark.parametrize("length", [23, 63, 64, 255, 256])
def test_the_longest_map_is_opened(length, more):
    """In any padding that is a multiple of 64 bytes; who does not know its type hears nothing."""
    plaintext = of_length(length)
    needed = -(-(length + 1) // 64) * 64

    assert open_signal(KEY, ROOM, sealed_bytes(padded(plaintext, needed + more))) is None


@pytest.mark.parametrize(
    "padded",
    [
        padded(of_length(257), 320),
        padded(of_length(62), 63),
        padded(of_length(62), 65),
        of_length(62) + bytes(2),
        padded(b"", 64),
        padded(encode_cbor({"type": b"typing"}), 64),
        padded(encode_cbor({"kind": "typing"}), 64),
        padded(encode_cbor(["typing"]), 64),
        padded(encode_cbor("type"), 64),
        padded(encode_cbor({"type": "read"}), 64),
        padded(encode_cbor({"type": "read", "seq": True}), 64),
        padded(encode_cbor({"type": "read", "seq": "3"}), 64),
    ],
    ids=[
        "map too long",
        "padding less",
        "padding more",
        "no marker",
        "nothing",
        "type of bytes",
        "no type",
        "a list",
        "a text",
        "no place",
        "place true",
        "place in words",
    ],
)
def test_a_map_of_another_shape_is_malformed(padded):
    """A member made it, and nobody else; whoever gets it drops it."""
    with pytest.raises(Malformed):
        open_signal(KEY, ROOM, sealed_bytes(padded))
