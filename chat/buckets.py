"""Token buckets: so many at once, so many a second after that. Pure: the caller brings the clock."""

from collections import OrderedDict
from collections.abc import Hashable


class Bucket:
    """One bucket, full at first."""

    __slots__ = ("_burst", "_left", "_rate", "_since")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate, self._burst = rate, burst
        self._left, self._since = burst, now

    def take(self, now: float, count: float = 1) -> bool:
        """Whether there was enough; when not, nothing is taken. Units: seconds of one steady clock."""
        self._left = min(self._burst, self._left + (now - self._since) * self._rate)
        self._since = now
        if self._left < count:
            return False
        self._left -= count
        return True


class Buckets:
    """A bucket for each key, of the same rate and burst.

    The one used longest ago goes when there are too many: it has long been full again, unless so many keys are in use
    at once that no memory would hold them.
    """

    def __init__(self, rate: float, burst: float, most: int = 20_000) -> None:
        self._rate, self._burst, self._most = rate, burst, most
        self._buckets: OrderedDict[Hashable, Bucket] = OrderedDict()

    def take(self, key: Hashable, now: float, count: float = 1) -> bool:
        """Whether the key's bucket had enough."""
        bucket = self._buckets.pop(key, None) or Bucket(self._rate, self._burst, now)
        self._buckets[key] = bucket
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return bucket.take(now, count)
