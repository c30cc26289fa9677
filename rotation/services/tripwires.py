"""Ports that nobody is told of any more, or ever was: whoever touches one has shown himself."""

from collections.abc import Iterable

from django.conf import settings

from clawchat.protocol.schedule import LeaseEvent, LeaseState
from rotation.models import LeaseKind, PortLease

from .homes import Home
from .plan import instant, rotation_plan, seconds
from .steps import take_step

# Retired ports that a node keeps at most; the oldest are closed first.
MOST_RETIRED = 16
# By how much the clocks of two deciders may differ before one takes the other's tripwire for one from the future.
_SKEW_SECONDS = 60
UNWANTED = "It was no longer asked for before it listened."


def tend_tripwires(home: Home, now: int) -> None:
    """Arm decoys that listen, and close tripwires whose time is over or that are too many."""
    for decoy in home.of(LeaseKind.DECOY, LeaseState.BOUND):
        take_step(decoy, LeaseEvent.ARM, instant(now))
    retired = home.of(LeaseKind.MOVING, LeaseState.TRIPWIRE)
    _close([lease for lease in retired if _is_over(lease, now, int(settings.CLAWCHAT_TRIPWIRE_SECONDS))], now)
    _close(home.of(LeaseKind.MOVING, LeaseState.TRIPWIRE)[:-MOST_RETIRED], now)
    decoys = home.of(LeaseKind.DECOY, LeaseState.PLANNED, LeaseState.TRIPWIRE)
    newest = {decoy.slot: decoy.pk for decoy in decoys}
    for decoy in decoys:
        wanted = decoy.slot < home.node.decoys and newest[decoy.slot] == decoy.pk
        # The whole interval, also while scanners have shortened it: what closed right after a scan was a decoy.
        if not wanted or _is_over(decoy, now, rotation_plan().interval):
            _close([decoy], now)


def _is_over(lease: PortLease, now: int, longest: int) -> bool:
    """Whether its time is over; one that would end later than any can has seen the clock set back."""
    return not now < seconds(lease.closes_at) <= now + longest + _SKEW_SECONDS


def _close(leases: Iterable[PortLease], now: int) -> None:
    for lease in leases:
        if lease.state == LeaseState.PLANNED:
            take_step(lease, LeaseEvent.FAIL, instant(now), problem=UNWANTED)
        else:
            take_step(lease, LeaseEvent.CLOSE, instant(now))
