"""Data frames: the specification's 8.1 layout, sealed for one direction of one epoch.

Spec: 3.5
"""

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import Self

from clawchat.protocol.encoding import u8, u32
from clawchat.protocol.errors import (
    Malformed,
    OutOfOrder,
    TooLarge,
    UnknownType,
    UnsupportedVersion,
    UsageError,
)
from clawchat.protocol.limits import FRAME_MIN_BYTES, FRAME_OVERHEAD, HARD_LIMIT_FRAMES, INTEGER_MAX
from clawchat.protocol.padding import pad, padded_length, unpad
from clawchat.protocol.primitives import AeadKey, aead_key, aead_open, aead_seal, constant_time_equal

FRAME_VERSION = 1
_COUNTER = Struct(">Q")
_HEADER = Struct(">B16sQB")
_IV = slice(26, 38)


class MessageType(IntEnum):
    """What a frame carries; 1 to 8 are the specification's."""

    CHAT = 0x01
    FILE = 0x02
    PRESENCE = 0x03
    KEY_ROTATION = 0x04
    PORT_ROTATION = 0x05
    ERROR = 0x06
    PING = 0x07
    PONG = 0x08
    AUTH_OK = 0x10
    CLOSE_NOTIFY = 0x11
    REQUEST = 0x12
    ACK = 0x13


# A dictionary answers in a sixth of the time that the enumeration's own look-up takes.
_MESSAGE_TYPES = {int(each): each for each in MessageType}


class Direction(IntEnum):
    """Which way a frame goes; part of its associated data, so a reflected frame does not open."""

    CLIENT_TO_SERVER = 0
    SERVER_TO_CLIENT = 1


@dataclass(frozen=True, slots=True)
class Frame:
    """An opened frame. The timestamp is informative; order is the server's sequence number."""

    type: MessageType
    message_id: bytes
    timestamp_ms: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """What stands in clear before the ciphertext; not to be believed before the frame has opened."""

    message_id: bytes
    timestamp_ms: int
    type: int
    iv: bytes

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The header of a frame.

        Raises: malformed (under 55 bytes); unsupported_version.
        """
        if len(data) < FRAME_MIN_BYTES:
            raise Malformed(f"frame of {len(data)} bytes, at least {FRAME_MIN_BYTES}")
        if data[0] != FRAME_VERSION:
            raise UnsupportedVersion(f"frame version {data[0]}, expected {FRAME_VERSION}")
        return cls(data[1:17], int.from_bytes(data[17:25], "big"), data[25], data[_IV])

    def encode(self) -> bytes:
        """The 38 bytes before the ciphertext.

        +---------+------------+--------------+------+----+
        | version | message_id | timestamp_ms | type | IV |
        +---------+------------+--------------+------+----+

        offset  bytes  meaning
        0       1      version, 1
        1       16     message id
        17      8      milliseconds since 1970
        25      1      message type
        26      12     direction's IV XOR counter
        38             ciphertext, then 16 bytes of tag
        """
        if len(self.message_id) != 16 or not 0 <= self.timestamp_ms <= INTEGER_MAX:
            raise UsageError("message id of 16 bytes, time in 0..2**53-1")
        return _HEADER.pack(FRAME_VERSION, self.message_id, self.timestamp_ms, self.type) + self.iv


class FrameKeys:
    """One direction of one epoch: everything a frame needs but its counter. Kept for the epoch's life."""

    __slots__ = ("_iv", "_key", "_prefix")

    def __init__(self, key: bytes, iv: bytes, session_id: bytes, direction: Direction, epoch: int) -> None:
        self._key: AeadKey = aead_key(key)
        self._iv = int.from_bytes(iv, "big")
        self._prefix = b"CCF1" + session_id + u8(direction) + u32(epoch)

    def iv(self, counter: int) -> bytes:
        """The nonce of this counter; two counters never share one."""
        return (self._iv ^ counter).to_bytes(12, "big")

    def seal(self, counter: int, clear: bytes, plaintext: bytes) -> bytes:
        """Ciphertext and tag; clear is the header with its IV."""
        return aead_seal(self._key, clear[_IV], plaintext, self._prefix + _COUNTER.pack(counter) + clear)

    def open(self, counter: int, data: bytes) -> bytes:
        """The plaintext of a frame whose IV was compared before."""
        return aead_open(self._key, data[_IV], data[38:], self._prefix + _COUNTER.pack(counter) + data[:38])


def seal_frame(keys: FrameKeys, counter: int, frame: Frame, max_frame_bytes: int) -> bytes:
    """Seal one data frame for the peer.

    Sizes: the result is 54 bytes of header, IV and tag plus the padded payload.
    Nonce: the direction's IV XOR the counter, so it never repeats while the counter does not; the session refuses to
    reuse one.
    Raises: too_large; usage (counter outside 0..2**31-1, message id size).
    Spec: 3.5
    """
    if not 0 <= counter < HARD_LIMIT_FRAMES:
        raise UsageError(f"frame counter {counter}")
    size = FRAME_OVERHEAD + padded_length(len(frame.payload))
    if size > max_frame_bytes:
        raise TooLarge(f"frame of {size} bytes, at most {max_frame_bytes}")
    clear = FrameHeader(frame.message_id, frame.timestamp_ms, frame.type, keys.iv(counter)).encode()
    return clear + keys.seal(counter, clear, pad(frame.payload))


def open_frame(keys: FrameKeys, counter: int, data: bytes, max_frame_bytes: int) -> Frame:
    """Open the frame that must come next from the peer.

    Raises: malformed (too short, padding, timestamp); too_large; unsupported_version; out_of_order (another counter's
    IV); unauthentic; unknown_type (authentic, but not a type of ours). After any of them the connection is closed.
    Spec: 3.5
    """
    if len(data) > max_frame_bytes:
        raise TooLarge(f"frame of {len(data)} bytes, at most {max_frame_bytes}")
    header = FrameHeader.parse(data)
    if not constant_time_equal(keys.iv(counter), header.iv):
        raise OutOfOrder("a replay, a gap or another epoch")
    payload = unpad(keys.open(counter, data))
    # Only now: a header changed on the way is unauthentic, whatever it says.
    if header.timestamp_ms > INTEGER_MAX:
        raise Malformed("timestamp above 2**53-1")
    message_type = _MESSAGE_TYPES.get(header.type)
    if message_type is None:
        raise UnknownType(f"message type {header.type:#04x}")
    return Frame(message_type, header.message_id, header.timestamp_ms, payload)
