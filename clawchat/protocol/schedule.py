"""When a port moves: the life of a lease as a table, and the arithmetic of the chain that leases make.

A lease opens when the one before it moves, and its own move is fixed when it is planned: one interval later, less a
random part of the jitter. The defaults are the specification's 7.1: every hour, announced two minutes before, five
minutes of grace.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from clawchat.protocol.errors import UsageError

DEFAULT_INTERVAL_SECONDS = 3600
DEFAULT_LEAD_SECONDS = 120
DEFAULT_GRACE_SECONDS = 300

# While scanners are about, ports move more often: this many touches in the last ten minutes halve the interval, each
# time as many times more halve it again, and it is never shorter than this part of itself.
WATCH_SECONDS = 600
WATCH_TOUCHES = 3
WATCH_FACTOR = 4
WATCH_LEVELS = 3


class LeaseState(StrEnum):
    """Where a leased port stands."""

    PLANNED = "planned"
    BOUND = "bound"
    ANNOUNCED = "announced"
    OPEN = "open"
    DRAINING = "draining"
    TRIPWIRE = "tripwire"
    CLOSED = "closed"
    FAILED = "failed"


class LeaseEvent(StrEnum):
    """What happens to a leased port."""

    # The keeper listens on it, or could not (also: not again after a restart).
    BIND = "bind"
    FAIL = "fail"
    # A file that lists it is on a mirror and was read back.
    ANNOUNCE = "announce"
    # Its time begins.
    OPEN = "open"
    # The next lease's time begins.
    DRAIN = "drain"
    # Grace is over, or it was never for clients: it only tells late clients to look again, and sees scanners.
    ARM = "arm"
    # It is given up.
    CLOSE = "close"


TRANSITIONS: Mapping[tuple[LeaseState, LeaseEvent], LeaseState] = MappingProxyType(
    {
        (LeaseState.PLANNED, LeaseEvent.BIND): LeaseState.BOUND,
        (LeaseState.PLANNED, LeaseEvent.FAIL): LeaseState.FAILED,
        (LeaseState.BOUND, LeaseEvent.ANNOUNCE): LeaseState.ANNOUNCED,
        (LeaseState.BOUND, LeaseEvent.ARM): LeaseState.TRIPWIRE,
        (LeaseState.BOUND, LeaseEvent.FAIL): LeaseState.FAILED,
        (LeaseState.BOUND, LeaseEvent.CLOSE): LeaseState.CLOSED,
        (LeaseState.ANNOUNCED, LeaseEvent.OPEN): LeaseState.OPEN,
        (LeaseState.ANNOUNCED, LeaseEvent.FAIL): LeaseState.FAILED,
        (LeaseState.ANNOUNCED, LeaseEvent.CLOSE): LeaseState.CLOSED,
        (LeaseState.OPEN, LeaseEvent.DRAIN): LeaseState.DRAINING,
        (LeaseState.OPEN, LeaseEvent.FAIL): LeaseState.FAILED,
        (LeaseState.DRAINING, LeaseEvent.ARM): LeaseState.TRIPWIRE,
        (LeaseState.DRAINING, LeaseEvent.FAIL): LeaseState.FAILED,
        (LeaseState.DRAINING, LeaseEvent.CLOSE): LeaseState.CLOSED,
        (LeaseState.TRIPWIRE, LeaseEvent.FAIL): LeaseState.FAILED,
        (LeaseState.TRIPWIRE, LeaseEvent.CLOSE): LeaseState.CLOSED,
    }
)


def next_state(state: LeaseState, event: LeaseEvent) -> LeaseState:
    """The state after this event.

    Raises: usage (an event that cannot happen in this state).
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise UsageError(f"{event} cannot happen to a lease that is {state}") from None


@dataclass(frozen=True, slots=True)
class RotationPlan:
    """How often a port moves, how long before it is announced, how long after it still serves, and how much earlier
    than the interval it may move, so that nobody can tell when.

    A `share` is a random number from 0 up, below 1. Units: seconds, instants since 1970.
    """

    interval: int = DEFAULT_INTERVAL_SECONDS
    lead: int = DEFAULT_LEAD_SECONDS
    grace: int = DEFAULT_GRACE_SECONDS
    jitter: int = 0

    def __post_init__(self) -> None:
        if not (0 < self.lead < self.interval and 0 < self.grace < self.interval):
            raise UsageError("lead and grace are shorter than the interval, and none is zero")
        if not 0 <= self.jitter < self.interval - max(self.lead, self.grace):
            raise UsageError("the jitter leaves room for lead and grace within the interval")

    @property
    def max_age(self) -> int:
        """How long a port serves at most from the instant it opens."""
        return self.interval + self.grace

    @property
    def shortest(self) -> int:
        """What the interval is never shortened below: a port is closed before the next but one is planned."""
        return min(self.interval, max(self.interval >> WATCH_LEVELS, self.lead + self.grace + 1))

    def watched(self, level: int) -> "RotationPlan":
        """The plan while scanners are about: the interval halved `level` times, the jitter with it."""
        interval = max(self.interval >> level, self.shortest)
        room = interval - max(self.lead, self.grace) - 1
        return RotationPlan(interval, self.lead, self.grace, min(self.jitter * interval // self.interval, room))

    def move_after(self, opens_at: int, share: float) -> int:
        """The instant a lease that opens then gives way to the next."""
        return opens_at + self.interval - int(share * self.jitter)

    def first_move(self, now: int, slot: int, slots: int, share: float) -> int:
        """The instant the first lease of a slot gives way: slots begin together and move one after the other."""
        return now + (self.interval - int(share * self.jitter)) * (slot + 1) // slots

    def plan_at(self, moves_at: int) -> int:
        """The instant the port that opens at `moves_at` is chosen, bound and announced."""
        return moves_at - self.lead

    def close_at(self, moves_at: int) -> int:
        """The instant a port that moves at `moves_at` stops serving."""
        return moves_at + self.grace

    def latest_move(self, opens_at: int, moves_at: int, now: int, share: float) -> int:
        """`moves_at`, or earlier where the interval has become shorter or the clock was set back since it was fixed.

        Never so early that the next port could not be announced in time.
        """
        latest = min(opens_at, now) + self.interval
        if moves_at <= latest:
            return moves_at
        return min(moves_at, max(latest - int(share * self.jitter), now + self.lead))

    def begin(self, opens_at: int, now: int) -> int:
        """The instant that a lease counts from which opens now: its own, or now when that leaves half the grace."""
        return opens_at if now - opens_at <= self.grace // 2 else now

    def prolonged(self, closes_at: int, now: int) -> int:
        """The end to name in the file for a port that serves on because the next one is late; it changes seldom."""
        late = now + self.grace - closes_at
        return closes_at if late <= 0 else closes_at + -(-late // self.interval) * self.interval


def watch_level(touches: int) -> int:
    """How many times the interval is halved after so many touches of scanners in the last WATCH_SECONDS."""
    level, needed = 0, WATCH_TOUCHES
    while touches >= needed and level < WATCH_LEVELS:
        level, needed = level + 1, needed * WATCH_FACTOR
    return level


def _check_table() -> None:
    ends = {LeaseState.CLOSED, LeaseState.FAILED}
    leaves = {state for state, _ in TRANSITIONS}
    enters = set(TRANSITIONS.values())
    if leaves != set(LeaseState) - ends or enters != set(LeaseState) - {LeaseState.PLANNED}:
        raise UsageError("the table of lease states has a gap")


_check_table()
