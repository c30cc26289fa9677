"""Signals: what members of a room tell each other in passing, sealed under a key of the room's epoch.

Any member could forge one, and any may be lost: they inform, nothing depends on them.
Spec: 4.12
"""

from dataclasses import dataclass
from typing import Any

from clawchat.protocol.bodies import SealedSignal
from clawchat.protocol.encoding import encode_cbor, parse_cbor
from clawchat.protocol.errors import Malformed, UsageError
from clawchat.protocol.key_schedule import PREFIXES
from clawchat.protocol.keys import SignalKey
from clawchat.protocol.limits import SIGNAL_MAP_MAX_BYTES, SIGNAL_STEP_BYTES
from clawchat.protocol.padding import pad, unpad
from clawchat.protocol.primitives import NONCE_BYTES, aead_key, aead_open, aead_seal, random_bytes

_TYPING, _READ = "typing", "read"


@dataclass(frozen=True, slots=True)
class Typing:
    """The sender is writing. It holds for 6 s, is repeated every 4 s, and ends with the sender's next message."""

    def to_members(self) -> dict[str, Any]:
        """The map that is sealed."""
        return {"type": _TYPING}


@dataclass(frozen=True, slots=True)
class Read:
    """The sender has seen the room's log up to the row `seq`."""

    seq: int

    def to_members(self) -> dict[str, Any]:
        """The map that is sealed."""
        return {"type": _READ, "seq": self.seq}


def seal_signal(key: SignalKey, room_id: bytes, sender: bytes, epoch: int, signal: Typing | Read) -> SealedSignal:
    """The signal as it travels; `key` is that of the epoch, `sender` the id of the device.

    Sizes: room_id and sender 16 bytes; what is sealed is a multiple of 64 bytes and a tag.
    Raises: usage (sizes, an epoch or place that is no u64).
    """
    return _seal_signal(key, room_id, sender, epoch, signal.to_members(), random_bytes(NONCE_BYTES))


def open_signal(key: SignalKey, room_id: bytes, sealed: SealedSignal) -> Typing | Read | None:
    """What it says; None for a signal of a type that this program does not know. Whether `key` is that of its epoch is
    for the caller to see.

    Raises: unauthentic; malformed (padding, size, a map of another shape). Whoever gets one drops it silently.
    """
    padded = aead_open(aead_key(bytes(key)), sealed.nonce, sealed.sealed, _associated_data(room_id, sealed.sender))
    plaintext = unpad(padded)
    if len(padded) % SIGNAL_STEP_BYTES or len(plaintext) > SIGNAL_MAP_MAX_BYTES:
        raise Malformed(f"signal of {len(plaintext)} bytes, padded to {len(padded)}")
    members = parse_cbor(plaintext)
    if not isinstance(members, dict) or not isinstance(members.get("type"), str):
        raise Malformed("signal without a type")
    if members["type"] == _TYPING:
        return Typing()
    if members["type"] == _READ:
        if type(members.get("seq")) is not int:
            raise Malformed("read mark without its place")
        return Read(members["seq"])
    return None


def _seal_signal(
    key: SignalKey, room_id: bytes, sender: bytes, epoch: int, members: dict[str, Any], nonce: bytes
) -> SealedSignal:
    if len(room_id) != 16 or len(sender) != 16:
        raise UsageError("a signal takes a room and a device of 16 bytes each")
    plaintext = encode_cbor(members)
    if len(plaintext) > SIGNAL_MAP_MAX_BYTES:
        raise UsageError(f"signal of {len(plaintext)} bytes, at most {SIGNAL_MAP_MAX_BYTES}")
    sealed = aead_seal(aead_key(bytes(key)), nonce, pad(plaintext), _associated_data(room_id, sender))
    return SealedSignal(sender, epoch, nonce, sealed)


def _associated_data(room_id: bytes, sender: bytes) -> bytes:
    return PREFIXES["signal"] + room_id + sender
