"""The decider: what is due now, derived from the rows and the clock. Run it as often as you like, from anywhere."""

import base64
import logging
import secrets
from collections.abc import Sequence
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import F

from chat.services import audit
from chat.services.policy import current_policy
from clawchat.protocol.connection_file import Endpoint
from clawchat.protocol.schedule import LeaseEvent, LeaseState, RotationPlan
from discovery import services as discovery
from discovery.services.carrying import carry_everywhere
from rotation.models import Node, PortLease

from .plan import instant, rotation_plan

logger = logging.getLogger(__name__)

# The ports that IANA leaves to whoever needs one.
FIRST_PORT, PORT_COUNT = 49_152, 16_384
PATH_BYTES = 16
# Ports that could not be opened within a minute before planning waits for the minute to pass.
MOST_FAILURES, FAILURE_MEMORY = 10, timedelta(minutes=1)
# How long closed and failed leases are kept for whoever asks.
KEPT = timedelta(days=7)


def tick(now: int, *, visit_all_mirrors: bool = False) -> None:
    """Take every step that is due: plan, announce, open, drain, close. Idempotent; two at once do no harm.

    With `visit_all_mirrors` it puts the file on every mirror itself and waits for the slowest; otherwise tasks do.
    Units: seconds since 1970.
    """
    plan = rotation_plan()
    nodes = list(Node.objects.running(instant(now)))
    for node in nodes:
        _plan_ports(node, plan, now)
        _open_ports(node, plan, now)
        _close_ports(node, plan, now)
    _announce(nodes, plan, now, visit_all_mirrors)
    for node in nodes:
        _open_ports(node, plan, now)
        _alert_if_late(node, plan, now)
    Node.objects.filter(pk__in=[node.pk for node in nodes]).update(ticks=F("ticks") + 1)


# Planning


def _plan_ports(node: Node, plan: RotationPlan, now: int) -> None:
    for period in plan.periods_due(now):
        if not _is_covered(node, plan, period, now) and not _fails_too_often(node, now):
            _plan_port(node, plan, period, now)


def _is_covered(node: Node, plan: RotationPlan, period: int, now: int) -> bool:
    """Whether a lease serves that period. One from the far future does not: the clock was set back since."""
    begin, end = instant(plan.period_start(period)), instant(now + plan.interval)
    return PortLease.objects.coming().filter(node=node, opens_at__gte=begin, opens_at__lte=end).exists()


def _fails_too_often(node: Node, now: int) -> bool:
    since = instant(now) - FAILURE_MEMORY
    recent = PortLease.objects.filter(node=node, state=LeaseState.FAILED, planned_at__gt=since)
    return recent.count() >= MOST_FAILURES


def _plan_port(node: Node, plan: RotationPlan, period: int, now: int) -> None:
    at = instant(now)
    taken = set(PortLease.objects.live().filter(node=node).values_list("port", flat=True))
    try:
        with transaction.atomic():
            PortLease.objects.create(
                node=node,
                period=period,
                port=_draw_port(taken),
                path=_draw_path(),
                planned_at=at,
                opens_at=instant(plan.period_start(period)),
                closes_at=instant(plan.close_at(period)),
                moved_at=at,
            )
    except IntegrityError:
        # Another pass was faster.
        return
    PortLease.objects.filter(state__in=[LeaseState.CLOSED, LeaseState.FAILED], moved_at__lt=at - KEPT).delete()


def _draw_port(taken: set[int]) -> int:
    while (port := FIRST_PORT + secrets.randbelow(PORT_COUNT)) in taken:
        pass
    return port


def _draw_path() -> str:
    """Spec: 3.9"""
    return "/" + base64.urlsafe_b64encode(secrets.token_bytes(PATH_BYTES)).decode().rstrip("=")


# Announcing


def _announce(nodes: Sequence[Node], plan: RotationPlan, now: int, visit_all_mirrors: bool) -> None:
    """See to it that the published file lists what it should, and move on the leases that it lists safely."""
    leases = list(PortLease.objects.listed().filter(node__in=nodes).select_related("node"))
    if not leases:
        return
    next_move = plan.period_end(plan.period_of(now))
    info = discovery.compose([_endpoint(lease) for lease in leases], now, next_move, plan.grace)
    publication = discovery.publish(info, now)
    if visit_all_mirrors:
        carry_everywhere(publication, now)
    if discovery.publication_is_safe(publication):
        for lease in leases:
            if lease.state == LeaseState.BOUND:
                lease.move(LeaseEvent.ANNOUNCE, instant(now))


def _endpoint(lease: PortLease) -> Endpoint:
    return Endpoint(
        host=lease.node.host,
        port=lease.port,
        path=lease.path,
        tls=False,
        valid_from=int(lease.opens_at.timestamp()),
        valid_until=int(lease.closes_at.timestamp()),
        load=round(lease.node.connections / current_policy().max_devices, 2),
    )


def _alert_if_late(node: Node, plan: RotationPlan, now: int) -> None:
    """Tell the operator, once for each lease, that no mirror takes the file and the old port has to serve on."""
    at = instant(now)
    due_since = instant(now - plan.lead)
    late = PortLease.objects.filter(node=node, state=LeaseState.BOUND, late_since=None)
    for lease in late.filter(opens_at__lte=at, planned_at__lte=due_since):
        with transaction.atomic():
            if PortLease.objects.filter(pk=lease.pk, late_since=None).update(late_since=at):
                audit.record("port_late", subject=node.name, port=lease.port)
                logger.warning("no mirror takes the connection file: port %d waits, the old one serves on", lease.port)


# Opening and closing


def _open_ports(node: Node, plan: RotationPlan, now: int) -> None:
    """Make the newest announced lease whose time has come the current one, and let its elders go."""
    at = instant(now)
    announced = PortLease.objects.filter(node=node, state=LeaseState.ANNOUNCED, opens_at__lte=at)
    newest = announced.order_by("-pk").first()
    if newest is None:
        return
    with transaction.atomic():
        if newest.move(LeaseEvent.OPEN, at):
            for elder in PortLease.objects.coming().filter(node=node, pk__lt=newest.pk):
                _let_go(elder, newest, plan, now)


def _let_go(elder: PortLease, newest: PortLease, plan: RotationPlan, now: int) -> None:
    at = instant(now)
    if elder.state == LeaseState.OPEN:
        elder.move(LeaseEvent.DRAIN, at, closes_at=instant(_grace_begin(newest, plan, now) + plan.grace))
    elif elder.state == LeaseState.PLANNED:
        elder.move(LeaseEvent.FAIL, at, problem="A newer port was opened before this one listened.")
    else:
        elder.move(LeaseEvent.CLOSE, at)


def _grace_begin(newest: PortLease, plan: RotationPlan, now: int) -> int:
    """T, or now when the move comes so late that clients would be left with half the grace."""
    begin = int(newest.opens_at.timestamp())
    return begin if now - begin <= plan.grace // 2 else now


def _close_ports(node: Node, plan: RotationPlan, now: int) -> None:
    at = instant(now)
    draining = PortLease.objects.filter(node=node, state=LeaseState.DRAINING)
    # A grace that ends later than any does: the clock was set back since, and the port would stay open for as long.
    draining.filter(closes_at__gt=instant(now + plan.interval)).update(closes_at=instant(now + plan.grace))
    for lease in draining.filter(closes_at__lte=at):
        lease.move(LeaseEvent.CLOSE, at)
