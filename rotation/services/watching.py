"""Scanners: while they are about, ports move more often."""

import logging
from collections.abc import Iterable

from django.db import transaction
from django.db.models import Sum

from chat.services import audit
from clawchat.protocol.schedule import WATCH_SECONDS, RotationPlan, watch_level
from rotation.models import Node, Scan

from .plan import instant

logger = logging.getLogger(__name__)

# A touch that clocks put this far into the future is counted all the same.
_AHEAD_SECONDS = 60


def watch(nodes: Iterable[Node], plan: RotationPlan, now: int) -> None:
    """Set how far the interval of each node is shortened, by the touches of the last minutes."""
    touches = touches_of(now)
    for node in nodes:
        level = watch_level(touches.get(node.pk, 0))
        if level != node.alert:
            _change(node, level, touches.get(node.pk, 0), plan)


def touches_of(now: int) -> dict[int, int]:
    """How often scanners have touched the ports of each node in the last minutes."""
    recent = Scan.objects.filter(last_at__gt=instant(now - WATCH_SECONDS), last_at__lte=instant(now + _AHEAD_SECONDS))
    return dict(recent.values_list("node").annotate(Sum("count")))


def _change(node: Node, level: int, touches: int, plan: RotationPlan) -> None:
    """Write it down; the operator is told when it begins and when it ends, not at each step between."""
    interval = plan.watched(level).interval
    with transaction.atomic():
        if not Node.objects.filter(pk=node.pk, alert=node.alert).update(alert=level):
            return
        if not node.alert:
            audit.record("interval_shortened", subject=node.name, touches=touches, seconds=interval)
        elif not level:
            audit.record("interval_normal", subject=node.name, seconds=interval)
    logger.info("ports move every %d s: %d touches by scanners lately", interval, touches)
    node.alert = level
