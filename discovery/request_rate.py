"""How often one address may ask: a bucket for each, in the memory of this process."""

from collections import OrderedDict
from ipaddress import ip_address

MAX_ADDRESSES = 10_000


class RequestRate:
    """Token buckets by address.

    Units: `per_minute` requests a minute are refilled evenly, up to `burst`; `now` is seconds of a monotonic clock.
    Sizes: at most 10,000 addresses are remembered; the one that asked longest ago is forgotten first.
    """

    def __init__(self, per_minute: float, burst: int) -> None:
        self._refill_per_second = per_minute / 60
        self._burst = burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, address: str, now: float) -> bool:
        """Whether this request fits; it is counted when it does. Loopback always fits."""
        if _is_loopback(address):
            return True
        tokens, since = self._buckets.pop(address, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - since) * self._refill_per_second)
        fits = tokens >= 1
        self._buckets[address] = (tokens - 1 if fits else tokens, now)
        if len(self._buckets) > MAX_ADDRESSES:
            self._buckets.popitem(last=False)
        return fits


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
