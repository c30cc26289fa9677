"""What a server process reads and writes about itself: its node, and what became of its leases."""

from dataclasses import dataclass

from django.db.models import Q

from clawchat.protocol.schedule import LeaseEvent, LeaseState
from rotation.models import Node, PortLease

from .plan import instant


@dataclass(frozen=True)
class NodeWork:
    """What a node's keeper goes by: its leases that are planned or should listen, and how often the decider has run."""

    leases: tuple[PortLease, ...]
    ticks: int


def arrive(name: str, host: str, now: float) -> int:
    """The primary key of the node with this name, now running and dialled as `host`."""
    at = instant(now)
    facts = {"host": host, "started_at": at, "seen_at": at, "stopped_at": None, "connections": 0}
    node, _ = Node.objects.update_or_create(name=name, defaults=facts)
    return node.pk


def depart(node_pk: int, now: float) -> None:
    """Say that the node's process ends. Its leases stay, for its next start."""
    Node.objects.filter(pk=node_pk).update(stopped_at=instant(now), connections=0)


def keep_alive(node_pk: int, connections: int, now: float) -> None:
    """Say that the node's process lives, with so many sockets on its chat ports."""
    Node.objects.filter(pk=node_pk).update(seen_at=instant(now), stopped_at=None, connections=connections)


def work_of(node_pk: int, now: float) -> NodeWork:
    """What the node's keeper should see to at `now`; a draining port whose time is over is left out."""
    at = instant(now)
    over = Q(state=LeaseState.DRAINING, closes_at__lte=at)
    leases = PortLease.objects.live().filter(node=node_pk).exclude(over).order_by("pk")
    ticks = Node.objects.values_list("ticks", flat=True).get(pk=node_pk)
    return NodeWork(tuple(leases), ticks)


def note_bound(lease: PortLease, now: float) -> bool:
    """Write down that a planned port listens; False when its row has moved on meanwhile."""
    return lease.move(LeaseEvent.BIND, instant(now))


def note_failed(lease: PortLease, problem: str, now: float) -> bool:
    """Write down that a port cannot listen; another will be planned."""
    return lease.move(LeaseEvent.FAIL, instant(now), problem=problem[:300])
