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
        if self.wait(now, count):
            return False
        self._left -= count
        return True

    def wait(self, now: float, count: float = 1) -> float:
        """Seconds until there is enough, 0 when there is; nothing is taken. For more than it ever holds: infinity."""
        if now > self._since:
            self._left = min(self._burst, self._left + (now - self._since) * self._rate)
            self._since = now
        if self._left >= count:
            return 0.0
        if count > self._burst or not self._rate:
            return float("inf")
        return (count - self._left) / self._rate

    def limit(self, rate: float, burst: float, now: float) -> None:
        """From now on so much; what was used stays used, and one that was lowered holds no more than it may."""
        self.wait(now, 0)
        self._left = min(burst, self._left + max(0.0, burst - self._burst))
        self._rate, self._burst = rate, burst


class Buckets:
    """A bucket for each key, of the same rate and burst.

    The one used longest ago goes when there are too many: it has long been full again, unless so many keys are in use
    at once that no memory would hold them.
    """

    def __init__(self, rate: float, burst: float, most: int = 20_000) -> None:
        self.rate, self.burst, self._most = rate, burst, most
        self._buckets: OrderedDict[Hashable, Bucket] = OrderedDict()

    def limit(self, rate: float, burst: float, now: float) -> None:
        """Take over other limits. Each bucket keeps what was used of it."""
        if (rate, burst) == (self.rate, self.burst):
            return
        self.rate, self.burst = rate, burst
        for bucket in self._buckets.values():
            bucket.limit(rate, burst, now)

    def take(self, key: Hashable, now: float, count: float = 1) -> bool:
        """Whether the key's bucket had enough."""
        return self._of(key, now).take(now, count)

    def wait(self, key: Hashable, now: float, count: float = 1) -> float:
        """Seconds until the key's bucket has enough, 0 when it has."""
        return self._of(key, now).wait(now, count)

    def _of(self, key: Hashable, now: float) -> Bucket:
        bucket = self._buckets.get(key)
        if bucket is not None:
            self._buckets.move_to_end(key)
            return bucket
        bucket = self._buckets[key] = Bucket(self.rate, self.burst, now)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return bucket
