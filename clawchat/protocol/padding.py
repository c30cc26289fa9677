"""Length hiding inside the seal: `payload 0x80 0x00*` up to a step that grows with the size.

Spec: 3.5
"""

from clawchat.protocol.errors import Malformed


def pad(payload: bytes) -> bytes:
    """The payload, one marker byte and zeros."""
    # The short tail first, so that the payload is copied once.
    return payload + b"\x80".ljust(padded_length(len(payload)) - len(payload), b"\0")


def unpad(padded: bytes) -> bytes:
    """The payload; any number of zeros after the marker is accepted, because the sender chooses the step.

    Raises: malformed (no marker).
    """
    # Found and compared as a block: `rstrip` takes 2 ns a byte, which is longer than the seal and tells how much was
    # padding.
    marker = padded.rfind(b"\x80")
    if marker < 0 or padded[marker + 1 :] != bytes(len(padded) - marker - 1):
        raise Malformed("padding without its marker")
    return padded[:marker]


def padded_length(payload_length: int) -> int:
    """How long a payload of this length becomes: a multiple of 64, from 1 KiB of 1,024, from 16 KiB of 16,384."""
    needed = payload_length + 1
    if needed <= 1024:
        step = 64
    elif needed <= 16_384:
        step = 1024
    else:
        step = 16_384
    return -(-needed // step) * step
