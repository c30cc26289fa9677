"""What server and client tell each other under the handshake's seals, as TLVs.

Spec: 3.11
"""

from dataclasses import dataclass
from typing import Self

from clawchat.protocol.encoding import Reader, encode_tlvs, parse_text, parse_tlvs, u32, u64
from clawchat.protocol.errors import Malformed, TooLarge
from clawchat.protocol.limits import (
    CLIENT_NAME_MAX_BYTES,
    DEFAULT_MAX_FRAME_BYTES,
    FRAME_CEILING_BYTES,
    FRAME_MIN_BYTES,
    HARD_LIMIT_BYTES,
    HARD_LIMIT_FRAMES,
    HARD_LIMIT_SECONDS,
    SILENCE_SECONDS,
    SOFT_LIMIT_BYTES,
    SOFT_LIMIT_FRAMES,
    SOFT_LIMIT_SECONDS,
)

_MAX_FRAME, _SOFT_LIMITS, _HARD_LIMITS, _IDLE, _MINIMUM_CLIENT = 1, 2, 3, 4, 5
_CLIENT_NAME = 1


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """How long one epoch's keys may serve."""

    seconds: int
    volume_bytes: int
    frames: int

    def encode(self) -> bytes:
        """Twenty bytes: u32 seconds, u64 volume, u64 frames."""
        return u32(self.seconds) + u64(self.volume_bytes) + u64(self.frames)

    def at_most(self, others: Self) -> Self:
        """Of each limit the lower one."""
        return type(self)(
            min(self.seconds, others.seconds),
            min(self.volume_bytes, others.volume_bytes),
            min(self.frames, others.frames),
        )

    def reached(self, seconds: float, volume_bytes: int, frames: int) -> bool:
        """Whether any of them is."""
        return seconds >= self.seconds or volume_bytes >= self.volume_bytes or frames >= self.frames

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The limits in these twenty bytes.

        Raises: malformed.
        """
        reader = Reader(data)
        limits = cls(reader.u32(), reader.u64(), reader.u64())
        reader.end()
        return limits


@dataclass(frozen=True, slots=True)
class ServerParameters:
    """What the server asks of a client. A parameter that is not sent has the default given here."""

    max_frame_bytes: int = DEFAULT_MAX_FRAME_BYTES
    # From here on a client starts a rekey.
    soft_limits: KeyLimits = KeyLimits(SOFT_LIMIT_SECONDS, SOFT_LIMIT_BYTES, SOFT_LIMIT_FRAMES)
    # From here on either side closes.
    hard_limits: KeyLimits = KeyLimits(HARD_LIMIT_SECONDS, HARD_LIMIT_BYTES, HARD_LIMIT_FRAMES)
    idle_seconds: int = SILENCE_SECONDS
    # The oldest client version the server works with; empty when it takes all.
    minimum_client: str = ""

    def encode(self) -> bytes:
        """The TLVs of what differs from the defaults."""
        values = {
            _MAX_FRAME: u32(self.max_frame_bytes),
            _SOFT_LIMITS: self.soft_limits.encode(),
            _HARD_LIMITS: self.hard_limits.encode(),
            _IDLE: u32(self.idle_seconds),
            _MINIMUM_CLIENT: self.minimum_client.encode("utf-8"),
        }
        return encode_tlvs({kind: value for kind, value in values.items() if value != _DEFAULTS[kind]})

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The parameters in these TLVs.

        Raises: malformed (also for a frame limit outside 55 bytes to 1 MiB).
        """
        values = {**_DEFAULTS, **parse_tlvs(data)}
        max_frame_bytes = _parse_u32(values[_MAX_FRAME])
        if not FRAME_MIN_BYTES <= max_frame_bytes <= FRAME_CEILING_BYTES:
            raise Malformed(f"frames of {max_frame_bytes} bytes")
        return cls(
            max_frame_bytes,
            KeyLimits.parse(values[_SOFT_LIMITS]),
            KeyLimits.parse(values[_HARD_LIMITS]),
            _parse_u32(values[_IDLE]),
            parse_text(values[_MINIMUM_CLIENT]),
        )


def encode_client_name(client_name: str) -> bytes:
    """The client's parameters: its name and version, for people who look at the device list."""
    return encode_tlvs({_CLIENT_NAME: client_name.encode("utf-8")} if client_name else {})


def parse_client_name(data: bytes) -> str:
    """The client's name and version, empty when it gave none.

    Raises: malformed; too_large (more than 256 bytes).
    """
    name = parse_tlvs(data).get(_CLIENT_NAME, b"")
    if len(name) > CLIENT_NAME_MAX_BYTES:
        raise TooLarge(f"client name of {len(name)} bytes, at most {CLIENT_NAME_MAX_BYTES}")
    return parse_text(name)


def _parse_u32(data: bytes) -> int:
    reader = Reader(data)
    value = reader.u32()
    reader.end()
    return value


_DEFAULTS = {
    _MAX_FRAME: u32(DEFAULT_MAX_FRAME_BYTES),
    _SOFT_LIMITS: KeyLimits(SOFT_LIMIT_SECONDS, SOFT_LIMIT_BYTES, SOFT_LIMIT_FRAMES).encode(),
    _HARD_LIMITS: KeyLimits(HARD_LIMIT_SECONDS, HARD_LIMIT_BYTES, HARD_LIMIT_FRAMES).encode(),
    _IDLE: u32(SILENCE_SECONDS),
    _MINIMUM_CLIENT: b"",
}
