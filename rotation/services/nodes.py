"""What a server process reads and writes about itself: its node, and what became of its leases."""

from dataclasses import dataclass

from django.conf import settings

from chat.services import audit
from clawchat.protocol.schedule import LeaseEvent
from discovery.services import published_serial
from rotation.models import Node, PortLease

from .clock import JumpMeter
from .plan import endpoints_speak_tls, instant
from .steps import take_step

# Since this process began.
_meter = JumpMeter()


@dataclass(frozen=True)
class NodeWork:
    """What a node's keeper goes by: its leases that are planned or should listen, how often the decider has run, and
    the serial of the connection file that readers get (None before the first)."""

    leases: tuple[PortLease, ...]
    ticks: int
    published: int | None


def arrive(name: str, host: str, now: float) -> int:
    """The primary key of the node with this name, now running, dialled as `host`, with what its settings ask for."""
    at = instant(now)
    facts = {
        "host": host,
        "region": settings.CLAWCHAT_REGION,
        "tls": endpoints_speak_tls(),
        "slots": settings.CLAWCHAT_PORTS,
        "decoys": settings.CLAWCHAT_DECOYS,
        "fixed_port": settings.CLAWCHAT_FIXED_PORT,
        "clock_jump": 0,
        "started_at": at,
        "seen_at": at,
        "stopped_at": None,
        "connections": 0,
    }
    node, _ = Node.objects.update_or_create(name=name, defaults=facts)
    return node.pk


def name_of(node_pk: int) -> str:
    """The name that a node keeps over restarts."""
    return Node.objects.values_list("name", flat=True).get(pk=node_pk)


def note_certificates(node_pk: int) -> None:
    """Put into the audit log that the node's listeners have other TLS certificates."""
    audit.record("certificates_exchanged", actor="server", subject=name_of(node_pk))


def depart(node_pk: int, now: float) -> None:
    """Say that the node's process ends. Its leases stay, for its next start."""
    Node.objects.filter(pk=node_pk).update(stopped_at=instant(now), connections=0, kid="")


def keep_alive(node_pk: int, connections: int, now: float, kid: str = "") -> None:
    """Say that the node's process lives, with so many sockets on its chat ports, how its clock runs, and which
    discovery secret it goes by (its 16 hex digits)."""
    facts = {"seen_at": instant(now), "stopped_at": None, "connections": connections, "clock_jump": _meter.jump()}
    Node.objects.filter(pk=node_pk).update(kid=kid, **facts)


def work_of(node_pk: int) -> NodeWork:
    """What the node's keeper should see to."""
    leases = PortLease.objects.live().filter(node=node_pk).order_by("pk")
    ticks = Node.objects.values_list("ticks", flat=True).get(pk=node_pk)
    return NodeWork(tuple(leases), ticks, published_serial())


def note_bound(lease: PortLease, now: float) -> bool:
    """Write down that a planned port listens; False when its row has moved on meanwhile."""
    return take_step(lease, LeaseEvent.BIND, instant(now))


def note_failed(lease: PortLease, problem: str, now: float) -> bool:
    """Write down that a port cannot listen; another will be planned."""
    return take_step(lease, LeaseEvent.FAIL, instant(now), problem=problem[:300])
