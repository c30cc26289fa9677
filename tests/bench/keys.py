"""What layer A costs the processor, both ends together, without a network."""

import itertools
import statistics
import time
from collections.abc import Callable
from typing import Any

from tests.protocol.pairs import ends, sessions
from tests.soak.soak import percentiles


def cryptography() -> dict[str, Any]:
    """A handshake, a rekey, and one frame."""
    both = ends()
    moments = itertools.count(1_000, 1_000)
    frame = [timed(lambda: both.carry(both.client, b"x" * 256)) for _ in range(1_000)]
    return {
        "handshake, both ends, ms": percentiles(timed(sessions) for _ in range(50)),
        "rekey, both ends, ms": percentiles(timed(lambda: both.rekey(next(moments))) for _ in range(50)),
        "one frame of 256 bytes, sealed and opened, ms": round(1000 * statistics.median(frame), 3),
    }


def timed(work: Callable[[], Any]) -> float:
    """Seconds that a call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
