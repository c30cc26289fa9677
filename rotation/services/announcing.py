"""Telling clients: the published file lists what it should, and a port is announced once readers can find that file."""

import logging
from collections.abc import Sequence

from django.db import transaction

from chat.services import audit
from chat.services.policy import current_policy
from clawchat.protocol.connection_file import Endpoint
from clawchat.protocol.limits import MAX_ENDPOINTS
from clawchat.protocol.schedule import LeaseEvent, LeaseState, RotationPlan
from discovery import services as discovery
from rotation.models import LeaseKind, PortLease

from .homes import Home, listed
from .plan import instant, seconds
from .steps import take_step

logger = logging.getLogger(__name__)

# Where no worker carries the file: a mirror that hangs holds up no port.
PATIENCE_SECONDS = 5.0


def announce(homes: Sequence[Home], plan: RotationPlan, now: int, visit_all_mirrors: bool) -> None:
    """See to it that the published file lists what it should, and move on the leases that it lists safely."""
    leases = listed(homes)
    if not leases:
        return
    retiring = {lease.pk for home in homes for lease in leases if _has_successor(home, lease)}
    if len(leases) > MAX_ENDPOINTS:
        # Clients of a port that is left out move on at once, which they would soon.
        leases = sorted(leases, key=lambda lease: (lease.pk in retiring, lease.opens_at))[:MAX_ENDPOINTS]
    most = current_policy().max_devices
    endpoints = [_endpoint(lease, lease.pk in retiring, most, plan, now) for lease in leases]
    info = discovery.compose(endpoints, now, _next_move(leases, now), plan.grace)
    publication = discovery.publish(info, now, patience=PATIENCE_SECONDS if visit_all_mirrors else None)
    if all(lease.state != LeaseState.BOUND for lease in leases) or not discovery.says(publication, info):
        return
    # Where a file is renewed faster than mirrors take it, the newest one is never safe; the one before will do.
    found = {(one.url, one.valid_from) for one in discovery.readers_find(now)}
    for lease, endpoint in zip(leases, endpoints, strict=True):
        if lease.state == LeaseState.BOUND and (endpoint.url, endpoint.valid_from) in found:
            take_step(lease, LeaseEvent.ANNOUNCE, instant(now))


def alert_if_late(home: Home, now: int) -> None:
    """Tell the operator, once for each lease, that no mirror that readers ask takes the file, and the old port has to
    serve on."""
    at, due_since = instant(now), instant(now - home.plan.lead)
    for lease in home.of(LeaseKind.MOVING, LeaseState.BOUND):
        if lease.late_since is None and lease.opens_at <= at and lease.planned_at <= due_since:
            with transaction.atomic():
                if PortLease.objects.filter(pk=lease.pk, late_since=None).update(late_since=at):
                    audit.record("port_late", subject=home.node.name, port=lease.port)
                    logger.warning(
                        "no mirror that members can reach takes the connection file: port %d waits, the old one serves "
                        "on",
                        lease.port,
                    )


def _has_successor(home: Home, lease: PortLease) -> bool:
    if lease.node_id != home.node.pk or lease.kind != LeaseKind.MOVING:
        return False
    successor = home.successor(LeaseKind.MOVING, lease.slot)
    return lease.state == LeaseState.OPEN and successor is not None and successor.is_listed


def _next_move(leases: Sequence[PortLease], now: int) -> int:
    """When the next port moves, of those that serve or, before any does, will."""
    moving = [lease for lease in leases if lease.moves_at is not None]
    serving = [lease for lease in moving if lease.state == LeaseState.OPEN] or moving
    return min((seconds(lease.moves_at) for lease in serving), default=seconds(leases[0].opens_at))


def _endpoint(lease: PortLease, retiring: bool, max_devices: int, plan: RotationPlan, now: int) -> Endpoint:
    closes_at = seconds(lease.closes_at)
    return Endpoint(
        host=lease.node.host,
        port=lease.port,
        path=lease.path,
        tls=lease.node.tls,
        valid_from=seconds(lease.opens_at),
        valid_until=plan.prolonged(closes_at, now) if lease.state == LeaseState.OPEN else closes_at,
        load=round(lease.node.connections / max_devices, 2),
        region=lease.node.region,
        retiring=retiring,
        fixed=lease.kind == LeaseKind.FIXED,
    )
