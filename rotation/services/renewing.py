"""After a lock-out: no port that the device may know of goes on serving, or is about to."""

from clawchat.protocol.schedule import LeaseEvent, LeaseState
from rotation.models import LeaseKind, PortLease

from .homes import COMING_UP, Home
from .plan import instant, seconds
from .planning import move_earlier
from .steps import take_step


def replace_known_ports(home: Home, now: int) -> None:
    """Let every moving port that was planned under a former discovery secret give way at once.

    Open ones move now, and serve on until the next one does. Units: seconds since 1970.
    Spec: 3.10
    """
    for lease in home.of(LeaseKind.MOVING, *COMING_UP, LeaseState.OPEN):
        if lease.kid == home.kid:
            continue
        if lease.state == LeaseState.PLANNED:
            _take_over(lease, home.kid)
        elif lease.state != LeaseState.OPEN:
            take_step(lease, LeaseEvent.CLOSE, instant(now))
        elif seconds(lease.moves_at) > now:
            move_earlier(lease, now, home.plan.close_at(now))


def _take_over(lease: PortLease, kid: str) -> None:
    """Nobody was told of a port that is only planned: it may stay."""
    if PortLease.objects.filter(pk=lease.pk, state=LeaseState.PLANNED).update(kid=kid):
        lease.kid = kid
