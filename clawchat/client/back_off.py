"""How long to wait before the next try: longer each time, and never at the same moment as everybody else."""

import time
from collections.abc import Callable

from clawchat.protocol.primitives import random_below

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
# Who was away for a moment only is not kept away for long: a pause is at most this share of the time lost already.
SHARE_OF_TIME_AWAY = 4
LEAST_BOUND_SECONDS = 2.0
STEPS = 1 << 20


def jitter() -> float:
    """A uniform fraction, 0 <= fraction < 1."""
    return random_below(STEPS) / STEPS


class BackOff:
    """Doubling pauses with full jitter (any length up to the current bound).

    With `urgent` the bound also grows no faster than a quarter of the time since the first pause.
    """

    def __init__(
        self,
        first_seconds: float = FIRST_PAUSE_SECONDS,
        longest_seconds: float = LONGEST_PAUSE_SECONDS,
        fraction: Callable[[], float] = jitter,
        *,
        urgent: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._first = first_seconds
        self._longest = longest_seconds
        self._fraction = fraction
        self._urgent = urgent
        self._clock = clock
        self._since: float | None = None
        self._failures = 0

    def next_pause(self) -> float:
        """Seconds to wait now; the bound of the next pause is twice as high."""
        bound = min(self._longest, self._first * float(1 << min(self._failures, 30)))
        self._failures += 1
        if self._urgent:
            now = self._clock()
            self._since = now if self._since is None else self._since
            bound = min(bound, max(LEAST_BOUND_SECONDS, (now - self._since) / SHARE_OF_TIME_AWAY))
        return bound * self._fraction()

    def reset(self) -> None:
        """It worked: the next pause is a first one again."""
        self._failures = 0
        self._since = None
