"""Who serves: leases take over from each other, drain, and become tripwires."""

from collections.abc import Iterable

from django.conf import settings
from django.db import transaction

from clawchat.protocol.schedule import LeaseEvent, LeaseState
from rotation.models import LeaseKind, PortLease

from .homes import COMING_UP, Home
from .plan import instant, seconds
from .steps import take_step

NEWER = "A newer port was opened before this one listened."
UNWANTED = "It was no longer asked for before it listened."


def open_ports(home: Home, now: int) -> None:
    """Make the newest announced lease of each slot whose time has come the current one, and let its elders go."""
    due = [lease for lease in home.leases if lease.state == LeaseState.ANNOUNCED and seconds(lease.opens_at) <= now]
    # The newest first: its elders in the slot are let go with it, and those of a port that is open already stay shut.
    for lease in reversed(due):
        head = home.head(LeaseKind(lease.kind), lease.slot)
        if lease.state == LeaseState.ANNOUNCED and (head is None or head.pk < lease.pk):
            with transaction.atomic():
                if take_step(lease, LeaseEvent.OPEN, instant(now), **_times_from(home, lease, now)):
                    _let_go(_elders(home, lease), home, seconds(lease.opens_at), now, NEWER)


def let_go_surplus(home: Home, now: int) -> None:
    """Let go of what a newer lease has left behind, and of what the node's settings no longer ask for."""
    heads = home.of(LeaseKind.MOVING, LeaseState.OPEN)
    for head in heads:
        _let_go(_elders(home, head), home, seconds(head.opens_at), now, NEWER)
    if any(head.slot < home.node.slots for head in heads):
        moving = home.of(LeaseKind.MOVING, *COMING_UP, LeaseState.OPEN)
        _let_go([lease for lease in moving if lease.slot >= home.node.slots], home, now, now, UNWANTED)
    fixed = home.of(LeaseKind.FIXED, *COMING_UP, LeaseState.OPEN)
    _let_go([lease for lease in fixed if lease.port != home.node.fixed_port], home, now, now, UNWANTED)


def end_grace(home: Home, now: int) -> None:
    """Make tripwires of the ports whose grace is over; a fixed one is closed, somebody may want it."""
    for lease in [lease for lease in home.leases if lease.state == LeaseState.DRAINING]:
        # A grace that ends later than any can: the clock was set back since, and the port would stay open for as long.
        closes_at = min(seconds(lease.closes_at), now + home.plan.grace)
        if closes_at <= now:
            _retire(lease, now)
        elif closes_at < seconds(lease.closes_at):
            here = PortLease.objects.filter(pk=lease.pk, state=LeaseState.DRAINING)
            here.update(closes_at=instant(closes_at))
            lease.closes_at = instant(closes_at)


def _times_from(home: Home, lease: PortLease, now: int) -> dict[str, object]:
    """The lease's times when it opens now: as planned, or later by as much as it is late."""
    late = instant(home.plan.begin(seconds(lease.opens_at), now)) - lease.opens_at
    times = {name: getattr(lease, name) for name in ("opens_at", "moves_at", "closes_at")}
    return {name: at + late for name, at in times.items() if at is not None} if late else {}


def _elders(home: Home, head: PortLease) -> list[PortLease]:
    older = home.of(LeaseKind(head.kind), *COMING_UP, LeaseState.OPEN, slot=head.slot)
    return [lease for lease in older if lease.pk < head.pk]


def _let_go(leases: Iterable[PortLease], home: Home, since: int, now: int, why: str) -> None:
    at = instant(now)
    for lease in leases:
        if lease.state == LeaseState.OPEN:
            take_step(lease, LeaseEvent.DRAIN, at, closes_at=instant(home.plan.close_at(since)))
        elif lease.state == LeaseState.PLANNED:
            take_step(lease, LeaseEvent.FAIL, at, problem=why)
        else:
            take_step(lease, LeaseEvent.CLOSE, at)


def _retire(lease: PortLease, now: int) -> None:
    stays = int(settings.CLAWCHAT_TRIPWIRE_SECONDS)
    if lease.kind == LeaseKind.MOVING and stays:
        take_step(lease, LeaseEvent.ARM, instant(now), closes_at=instant(now + stays))
    else:
        take_step(lease, LeaseEvent.CLOSE, instant(now))
