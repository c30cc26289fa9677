"""What is written down about reaching a node: which ports a router lets in, its address outside, and the verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from chat.models import Connection
from clawchat.protocol.schedule import LeaseEvent, LeaseState
from rotation.models import LISTENING, LeaseKind, Node, PortLease
from rotation.reach.addresses import is_public

from .plan import instant
from .steps import take_step

# For how long it counts that somebody came in.
REMEMBERED = timedelta(hours=1)
MOST_CONNECTIONS = 200
# How many ports in a row may be given up because the router has let in somebody else there, and for how long it counts.
MOST_GIVEN_UP, GIVEN_UP_FOR = 3, timedelta(minutes=10)
# No client has been sent to these for certain: another port can take their place.
NOT_OPEN = (LeaseState.PLANNED, LeaseState.BOUND, LeaseState.ANNOUNCED)


def node_name(node_pk: int) -> str:
    """What a router may call our ports after: the node's name."""
    return Node.objects.values_list("name", flat=True).get(pk=node_pk)


def note_mapped(lease_pk: int, how: str, until: float | None) -> None:
    """Write down that the router lets the lease's port in, and until when."""
    leases = PortLease.objects.filter(pk=lease_pk)
    leases.exclude(mapping="").update(mapping=how, mapped_until=until and instant(until))
    # What was wrong before is put right by this.
    leases.filter(mapping="").update(mapping=how, mapped_until=until and instant(until), problem="")


def note_unmapped(node_pk: int, ports: Sequence[int]) -> None:
    """Write down that the router does not let these ports in, or no more."""
    leases = PortLease.objects.filter(node=node_pk, port__in=ports).exclude(mapping="")
    leases.update(mapping="", mapped_until=None)


def note_refused(lease_pk: int, problem: str) -> None:
    """Write down why the router does not let the lease's port in."""
    PortLease.objects.filter(pk=lease_pk).update(problem=problem[:300])


def note_taken(lease_pk: int, problem: str, now: float) -> bool:
    """Write down that the router lets somebody else in by the lease's port; True when another port takes its place.

    That is so for a moving port that has not taken over yet: it is given up, and the decider plans another. One that
    serves goes on: devices may be on it. A router that has said so of several ports would say it of any; then the next
    one stays, or no port would ever move again.
    """
    lease = PortLease.objects.get(pk=lease_pk)
    if lease.kind == LeaseKind.MOVING and lease.state in NOT_OPEN and _given_up_lately(lease, now) < MOST_GIVEN_UP:
        return take_step(lease, LeaseEvent.FAIL, instant(now), problem=problem[:300])
    note_refused(lease_pk, problem)
    return False


def _given_up_lately(lease: PortLease, now: float) -> int:
    """How many ports in the lease's place have failed of late."""
    alike = PortLease.objects.filter(node=lease.node_id, kind=lease.kind, slot=lease.slot, state=LeaseState.FAILED)
    return alike.filter(moved_at__gt=instant(now) - GIVEN_UP_FOR).count()


def leftover_ports(node_pk: int) -> list[int]:
    """Ports that a router may still let in to this node although they are open no more: its process was killed."""
    leases = PortLease.objects.filter(node=node_pk).exclude(mapping="")
    listening = PortLease.objects.listening().filter(node=node_pk).values("port")
    return sorted(set(leases.exclude(port__in=listening).values_list("port", flat=True)))


def note_address(node_pk: int, address: str) -> None:
    """Write down the node's address outside."""
    Node.objects.filter(pk=node_pk).exclude(external_address=address).update(external_address=address)


def note_verdict(node_pk: int, reachable: str, because: str, now: float) -> bool:
    """Write down whether the node can be reached from outside, and why; True when that has changed."""
    node = Node.objects.filter(pk=node_pk)
    changed = node.exclude(reachable=reachable, reachable_because=because[:300])
    if changed.update(reachable=reachable, reachable_because=because[:300], reachable_at=instant(now)):
        return True
    node.update(reachable_at=instant(now))
    return False


@dataclass(frozen=True)
class Facts:
    """What rows know about reaching a node: what clients dial, how the router lets that port in and why not, and a
    port by which somebody came in from outside."""

    host: str
    port: int
    mapping: str
    problem: str
    came_in_by: int


def facts(node_pk: int) -> Facts:
    """What is known about this node; port 0 stands for none."""
    lease = current_lease(node_pk)
    return Facts(
        host=Node.objects.values_list("host", flat=True).get(pk=node_pk),
        port=lease.port if lease else 0,
        mapping=lease.mapping if lease and not _is_over(lease) else "",
        problem=lease.problem if lease else "",
        came_in_by=came_in_by(node_pk),
    )


def _is_over(lease: PortLease) -> bool:
    """Whether the time for which the router said that it lets the port in has passed."""
    return lease.mapped_until is not None and lease.mapped_until <= timezone.now()


def current_lease(node_pk: int) -> PortLease | None:
    """The moving port that clients are sent to; None while there is none."""
    leases = PortLease.objects.filter(node=node_pk, kind=LeaseKind.MOVING, state=LeaseState.OPEN)
    return leases.order_by("-pk").first()


def came_in_by(node_pk: int) -> int:
    """A port of the node that is in use, and by which a public address came in of late; 0 if there is none."""
    leases = PortLease.objects.filter(node=node_pk, state__in=LISTENING).exclude(kind=LeaseKind.DECOY)
    ports = list(leases.values_list("port", flat=True))
    recent = Connection.objects.filter(port__in=ports, opened_at__gt=timezone.now() - REMEMBERED)
    live = Connection.objects.live(timezone.now()).filter(port__in=ports)
    for connections in (live, recent):
        for address, port in connections.order_by("-pk").values_list("address", "port")[:MOST_CONNECTIONS]:
            if address and is_public(address):
                return port
    return 0


def sentence(node: Node) -> str:
    """Whether the node can be reached from outside, in one line for the operator."""
    return f"reachable from outside: {node.reachable}, because {node.reachable_because or 'nobody has looked yet'}"
