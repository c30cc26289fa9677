"""When the port moves: the life of a lease as a table, and the arithmetic of periods.

The defaults are the specification's 7.1: every hour, announced two minutes before, five minutes of grace.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from clawchat.protocol.errors import UsageError

DEFAULT_INTERVAL_SECONDS = 3600
DEFAULT_LEAD_SECONDS = 120
DEFAULT_GRACE_SECONDS = 300


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
    # Its period begins.
    OPEN = "open"
    # The next lease's period begins.
    DRAIN = "drain"
    # Grace is over: it only tells late clients to look again.
    ARM = "arm"
    # It is given up.
    CLOSE = "close"


TRANSITIONS: Mapping[tuple[LeaseState, LeaseEvent], LeaseState] = MappingProxyType(
    {
        (LeaseState.PLANNED, LeaseEvent.BIND): LeaseState.BOUND,
        (LeaseState.PLANNED, LeaseEvent.FAIL): LeaseState.FAILED,
        (LeaseState.BOUND, LeaseEvent.ANNOUNCE): LeaseState.ANNOUNCED,
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
    """How often the port moves, how long before it is announced, how long after it still serves.

    Time is cut into periods of `interval`, counted from 1970; one lease serves one period.
    Units: seconds.
    """

    interval: int = DEFAULT_INTERVAL_SECONDS
    lead: int = DEFAULT_LEAD_SECONDS
    grace: int = DEFAULT_GRACE_SECONDS

    def __post_init__(self) -> None:
        if not (0 < self.lead < self.interval and 0 < self.grace < self.interval):
            raise UsageError("lead and grace are shorter than the interval, and none is zero")

    @property
    def max_age(self) -> int:
        """How long a port serves at most from the start of its period."""
        return self.interval + self.grace

    def period_of(self, now: int) -> int:
        """The period this instant is in."""
        return now // self.interval

    def period_start(self, period: int) -> int:
        """The instant its lease opens, and the one before begins to drain."""
        return period * self.interval

    def period_end(self, period: int) -> int:
        """The instant its lease begins to drain, and the next one opens."""
        return (period + 1) * self.interval

    def plan_at(self, period: int) -> int:
        """The instant its port is chosen, bound and announced."""
        return self.period_start(period) - self.lead

    def close_at(self, period: int) -> int:
        """The instant its port stops serving."""
        return self.period_end(period) + self.grace

    def periods_due(self, now: int) -> tuple[int, ...]:
        """The periods that need a lease now: the present one, and from its announcement on the next one."""
        present = self.period_of(now)
        return (present, present + 1) if now >= self.plan_at(present + 1) else (present,)


def _check_table() -> None:
    ends = {LeaseState.CLOSED, LeaseState.FAILED}
    leaves = {state for state, _ in TRANSITIONS}
    enters = set(TRANSITIONS.values())
    if leaves != set(LeaseState) - ends or enters != set(LeaseState) - {LeaseState.PLANNED}:
        raise UsageError("the table of lease states has a gap")


_check_table()
