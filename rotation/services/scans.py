"""Scans: touches that no client of ours would make, kept as rows for ten minutes each, and what follows from them."""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

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
# Addresses with an audit event of their own at each writing: nobody deletes from that log.
MOST_NAMED = 32


@transaction.atomic
def note_touches(node_pk: int, touches: Mapping[Touch, int], known: Collection[str], now: float) -> bool:
    """Write down what was touched how often, tell the operator of tripwires, ban whoever has become a nuisance.

    `known` are addresses at which this process has let members in. True when somebody was banned.
    """
    at = instant(now)
    before = _touches_by_network(at)
    _count(node_pk, touches, at)
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


class _Place(NamedTuple):
    """What a row is about."""

    address: str
    port: int
    tripwire: bool


def _count(node_pk: int, touches: Mapping[Touch, int], at: datetime) -> None:
    """Add to the rows of the last ten minutes, or begin new ones; in few queries, because others wait to write."""
    recent = Scan.objects.filter(node=node_pk, first_at__gt=at - WINDOW)
    named = recent.filter(address__in={"", *(touch.address for touch in touches)})
    rows = {_Place(*place): pk for pk, *place in named.values_list("pk", *_Place._fields)}
    counts, wheres = _by_place(touches, rows, MOST_ROWS - recent.count())
    alike: dict[tuple[int, str], list[int]] = {}
    for place in counts.keys() & rows.keys():
        alike.setdefault((counts[place], wheres[place]), []).append(rows[place])
    for (count, where), pks in alike.items():
        Scan.objects.filter(pk__in=pks).update(count=F("count") + count, last_at=at, where=where)
    Scan.objects.bulk_create(
        Scan(node_id=node_pk, first_at=at, last_at=at, count=count, where=wheres[place], **place._asdict())
        for place, count in counts.items()
        if place not in rows
    )


def _by_place(
    touches: Mapping[Touch, int], rows: Collection[_Place], room: int
) -> tuple[Counter[_Place], dict[_Place, str]]:
    """How often each place was touched and where the last one was stopped; without addresses when there is no room."""
    counts: Counter[_Place] = Counter()
    wheres: dict[_Place, str] = {}
    for touch, count in touches.items():
        place = _Place(touch.address, touch.port, touch.tripwire)
        if place not in rows and place not in counts:
            if room <= 0:
                place = place._replace(address="")
            room -= 1
        counts[place] += count
        wheres[place] = touch.where
    return counts, wheres


def _record(touches: Mapping[Touch, int]) -> None:
    """One audit event for each address that touched tripwires, one for all that are too many; touches of live ports are
    counted as strangers."""
    totals: Counter[str] = Counter()
    for touch, count in touches.items():
        totals[touch.address] += count if touch.tripwire else 0
    named = {address for address, _ in totals.most_common(MOST_NAMED)}
    ports: dict[str, Counter[int]] = {}
    for touch, count in touches.items():
        if touch.tripwire:
            address = touch.address if touch.address in named else ""
            ports.setdefault(address, Counter())[touch.port] += count
    for address, counts in ports.items():
        audit.record("scan", address=address, ports=sorted(counts), count=counts.total())
