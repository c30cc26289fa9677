"""What the checks of vectors share."""

from collections.abc import Callable
from itertools import count

from clawchat.protocol.errors import ClawChatError

unhex = bytes.fromhex


class Mismatch(ClawChatError):
    """Something is not as the vector says."""

    code = "mismatch"


def same(name: str, ours: object, theirs: object) -> None:
    """Nothing, when both are the same; bytes are compared with hex.

    Raises: mismatch.
    """
    if (ours.hex() if isinstance(ours, bytes) and isinstance(theirs, str) else ours) != theirs:
        raise Mismatch(f"{name} differs")


def counted() -> Callable[[int], bytes]:
    """Bytes that count instead of dice, so that a run repeats."""
    numbers = count(1)
    return lambda size: next(numbers).to_bytes(size, "big")
