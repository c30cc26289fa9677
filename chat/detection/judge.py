"""Whether a minute's count is unusual."""

from collections.abc import Iterable
from typing import NamedTuple

from .base import Base

# What is counted of a device and of the whole server, and the count below which it is never unusual: somebody who
# usually says three things a minute may well paste a hundred, or send two files of the usual largest size.
DEVICE_METRICS = {"messages": 300, "requests": 600, "bytes": 96 << 20}
SERVER_METRICS = {"messages": 1000, "bytes": 256 << 20, "connections": 120, "handshakes": 60}
# However narrow the spread was, so much of the median is spread: whoever does always the same may do a bit more.
_LEAST_SPREAD = 0.1
# It must also be so many times what nine of ten minutes stay below: bursts belong to how people talk.
_TIMES_HIGH = 2


class Finding(NamedTuple):
    """A count that is unusual: how much of what, between which counts it usually is, and above what it is unusual."""

    metric: str
    count: int
    low: int
    high: int
    limit: float

    @property
    def excess(self) -> float:
        """How many times the limit it is."""
        return self.count / self.limit


def judge(metric: str, count: int, base: Base, spreads: int, least: int) -> Finding | None:
    """What is to be said of a minute with so many; None when it is usual, or nobody knows yet what is.

    Unusual is what is above `least`, above the median by more than `spreads` usual spreads, and above twice what nine
    of ten minutes stay below.
    """
    if not base.is_learnt:
        return None
    low, high = base.usual
    spread = max(base.spread, _LEAST_SPREAD * base.middle, 1.0)
    limit = max(float(least), base.middle + spreads * spread, float(_TIMES_HIGH * high))
    return Finding(metric, count, low, high, limit) if count > limit else None


def worst(findings: Iterable[Finding]) -> Finding:
    """The one that is furthest above its limit."""
    return max(findings, key=lambda finding: finding.excess)
