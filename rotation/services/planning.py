"""Which ports there will be: drawn at random, written down before anybody listens on them."""

import base64
import secrets
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Max

from clawchat.protocol.schedule import LeaseState
from rotation.models import LeaseKind, PortLease

from .homes import COMING_UP, Home
from .plan import draw_share, instant, seconds

# The ports that IANA leaves to whoever needs one.
FIRST_PORT, PORT_COUNT = 49_152, 16_384
PATH_BYTES = 16
# Ports that could not be opened within a minute before planning waits for the minute to pass. A fixed one has no other.
MOST_FAILURES, MOST_FIXED_FAILURES, FAILURE_MEMORY = 10, 1, timedelta(minutes=1)
# How long closed and failed leases are kept for whoever asks.
KEPT = timedelta(days=7)
# A port that never moves has an end in the file all the same.
FIXED_SECONDS = 10 * 365 * 86_400


def plan_ports(home: Home, now: int) -> None:
    """Plan what is due on this node: the next port of each slot, the fixed one, decoys."""
    began = bool(home.of(LeaseKind.MOVING, LeaseState.OPEN))
    for slot in range(home.node.slots):
        _plan_moving(home, slot, began, now)
    if home.node.fixed_port and not home.of(LeaseKind.FIXED, *COMING_UP, LeaseState.OPEN):
        _plan(home, LeaseKind.FIXED, 0, now, None, now + FIXED_SECONDS, port=home.node.fixed_port)
    _plan_decoys(home, now)


def bring_forward(home: Home, now: int) -> None:
    """Let ports move earlier where scanners are about or the clock was set back, and their successors open then."""
    for head in home.of(LeaseKind.MOVING, LeaseState.OPEN):
        moves_at = home.plan.latest_move(seconds(head.opens_at), seconds(head.moves_at), now, draw_share())
        if moves_at < seconds(head.moves_at):
            move_earlier(head, moves_at, home.plan.close_at(moves_at))
    for kind, slot in [*((LeaseKind.MOVING, slot) for slot in range(home.node.slots)), (LeaseKind.FIXED, 0)]:
        head, successor = home.head(kind, slot), home.successor(kind, slot)
        due = max(seconds(head.moves_at), now) if head and head.moves_at else now
        if successor and seconds(successor.opens_at) > due:
            _open_earlier(successor, timedelta(seconds=seconds(successor.opens_at) - due))


def move_earlier(head: PortLease, moves_at: int, closes_at: int) -> bool:
    """Let an open port move at that instant; False when somebody else has changed its row meanwhile."""
    here = PortLease.objects.filter(pk=head.pk, state=LeaseState.OPEN, moves_at=head.moves_at)
    return _write(here, head, moves_at=instant(moves_at), closes_at=instant(closes_at))


def _open_earlier(successor: PortLease, by: timedelta) -> bool:
    here = PortLease.objects.filter(pk=successor.pk, state__in=COMING_UP, opens_at=successor.opens_at)
    times = {name: getattr(successor, name) for name in ("opens_at", "moves_at", "closes_at")}
    return _write(here, successor, **{name: at - by for name, at in times.items() if at is not None})


def _write(here, lease: PortLease, **times: datetime) -> bool:
    if here.update(**times) != 1:
        return False
    for name, value in times.items():
        setattr(lease, name, value)
    return True


def _plan_moving(home: Home, slot: int, began: bool, now: int) -> None:
    if home.successor(LeaseKind.MOVING, slot):
        return
    head, plan = home.head(LeaseKind.MOVING, slot), home.plan
    if head is None:
        opens_at = now
        moves_at = plan.move_after(now, draw_share()) if began else _first_move(home, slot, home.node.slots, now)
    elif now >= plan.plan_at(seconds(head.moves_at)):
        opens_at = max(seconds(head.moves_at), now)
        # Ports that move together, by chance or by hand, move one after the other the next time.
        together = [peer.pk for peer in home.of(LeaseKind.MOVING, LeaseState.OPEN) if _is_close(peer, head, plan.lead)]
        moves_at = plan.first_move(opens_at, together.index(head.pk), len(together), draw_share())
    else:
        return
    _plan(home, LeaseKind.MOVING, slot, opens_at, moves_at, plan.close_at(moves_at), planned_at=now, head=head)


def _is_close(peer: PortLease, head: PortLease, lead: int) -> bool:
    return abs((peer.moves_at - head.moves_at).total_seconds()) <= lead


def _plan_decoys(home: Home, now: int) -> None:
    there = home.of(LeaseKind.DECOY, LeaseState.PLANNED, LeaseState.BOUND, LeaseState.TRIPWIRE)
    taken = {lease.slot for lease in there}
    for slot in range(home.node.decoys):
        if slot not in taken:
            ends_at = (
                home.plan.move_after(now, draw_share()) if there else _first_move(home, slot, home.node.decoys, now)
            )
            _plan(home, LeaseKind.DECOY, slot, now, None, ends_at)


def _first_move(home: Home, slot: int, slots: int, now: int) -> int:
    return home.plan.first_move(now, slot, slots, draw_share())


def _plan(
    home: Home,
    kind: LeaseKind,
    slot: int,
    opens_at: int,
    moves_at: int | None,
    closes_at: int,
    *,
    planned_at: int | None = None,
    head: PortLease | None = None,
    port: int | None = None,
) -> None:
    """Write a lease, unless ports of this kind fail again and again or another pass was faster."""
    at = instant(opens_at if planned_at is None else planned_at)
    period = _next_period(home, kind, slot, head)
    if period is None or _fails_too_often(home, kind, at):
        return
    try:
        with transaction.atomic():
            lease = PortLease.objects.create(
                node=home.node,
                kind=kind,
                slot=slot,
                period=period,
                port=port or _draw_port(home),
                path=_draw_path(),
                kid=home.kid,
                planned_at=at,
                opens_at=instant(opens_at),
                moves_at=None if moves_at is None else instant(moves_at),
                closes_at=instant(closes_at),
                moved_at=at,
            )
    except IntegrityError:
        return
    home.leases.append(lease)
    over = PortLease.objects.filter(state__in=[LeaseState.CLOSED, LeaseState.FAILED], moved_at__lt=at - KEPT)
    over.delete()


def _next_period(home: Home, kind: LeaseKind, slot: int, head: PortLease | None) -> int | None:
    """The number of the slot's next lease: of two passes that saw the same rows, one gets it. None when another pass
    has planned since we looked."""
    if head is not None:
        return head.period + 1
    leases = PortLease.objects.filter(node=home.node, kind=kind, slot=slot)
    last = leases.aggregate(last=Max("period"))["last"] or 0
    # Asked after the number was read, so a lease that came in between is seen here, or has the number already.
    # A retired port is a tripwire too, and keeps nobody from planning; a decoy is one all its life.
    there = leases.exclude(state=LeaseState.DRAINING).live() if kind == LeaseKind.DECOY else leases.coming()
    return None if there.exists() else last + 1


def _fails_too_often(home: Home, kind: LeaseKind, at: datetime) -> bool:
    failed = PortLease.objects.filter(node=home.node, kind=kind, state=LeaseState.FAILED)
    recent = failed.filter(planned_at__gt=at - FAILURE_MEMORY, planned_at__lte=at).count()
    if kind == LeaseKind.FIXED:
        # It is tried every minute, for as long as somebody else sits on the port.
        failed.filter(planned_at__lte=at - FAILURE_MEMORY).delete()
        return recent >= MOST_FIXED_FAILURES
    return recent >= MOST_FAILURES


def _draw_port(home: Home) -> int:
    taken = {lease.port for lease in home.leases} | {home.node.fixed_port}
    while (port := FIRST_PORT + secrets.randbelow(PORT_COUNT)) in taken:
        pass
    return port


def _draw_path() -> str:
    """Spec: 3.9"""
    return "/" + base64.urlsafe_b64encode(secrets.token_bytes(PATH_BYTES)).decode().rstrip("=")
