"""Scans: touches that no client of ours would make, kept as rows for ten minutes each, and what follows from them."""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Sum

from chat.addresses import network_of
from chat.services import audit, bans
from chat.strangers import Touch
from rotation.models import Scan

from .plan import instant

WINDOW = timedelta(minutes=10)
KEPT = timedelta(days=7)
# Rows of a node within ten minutes; what a crowd does beyond that is counted without its addresses.
MOST_ROWS = 5_000


@transaction.atomic
def note_touches(node_pk: int, touches: Mapping[Touch, int], known: Collection[str], now: float) -> bool:
    """Write down what was touched how often, tell the operator of tripwires, ban whoever has become a nuisance.

    `known` are addresses at which this process has let members in. True when somebody was banned.
    """
    at = instant(now)
    before = _touches_by_network(at)
    for touch, count in touches.items():
        _count(node_pk, touch, count, at)
    _record(touches)
    touched = Counter()
    for touch, count in touches.items():
        touched[network_of(touch.address)] += count
    after = {network: before.get(network, 0) + count for network, count in touched.items() if network}
    return bans.judge(before, after, known)


def prune_scans(now: float) -> int:
    """How many rows were removed because they are a week old."""
    return Scan.objects.filter(last_at__lt=instant(now) - KEPT).delete()[0]


def _touches_by_network(at: datetime) -> dict[str, int]:
    """How often each network has touched ports, of whatever node, within the last ten minutes."""
    rows = Scan.objects.filter(first_at__gt=at - WINDOW).exclude(address="").values_list("address")
    counts: Counter[str] = Counter()
    for address, count in rows.annotate(Sum("count")):
        counts[network_of(address)] += count
    return counts


def _count(node_pk: int, touch: Touch, count: int, at: datetime) -> None:
    same = Scan.objects.filter(
        node=node_pk, address=touch.address, port=touch.port, tripwire=touch.tripwire, first_at__gt=at - WINDOW
    )
    if same.update(count=F("count") + count, last_at=at, where=touch.where):
        return
    if touch.address and Scan.objects.filter(node=node_pk, first_at__gt=at - WINDOW).count() >= MOST_ROWS:
        _count(node_pk, touch._replace(address=""), count, at)
        return
    Scan.objects.create(node_id=node_pk, first_at=at, last_at=at, count=count, **touch._asdict())


def _record(touches: Mapping[Touch, int]) -> None:
    """One audit event for each address that touched tripwires; touches of live ports are counted as strangers."""
    ports: dict[str, Counter[int]] = {}
    for touch, count in touches.items():
        if touch.tripwire:
            ports.setdefault(touch.address, Counter())[touch.port] += count
    for address, counts in ports.items():
        audit.record("scan", address=address, ports=sorted(counts), count=counts.total())
