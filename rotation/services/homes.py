"""What one pass of the decider knows of each node: its row, its live leases, and the plan in force for it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from chat.services.identity import current_kid
from clawchat.protocol.schedule import LeaseState, RotationPlan
from rotation.models import LeaseKind, Node, PortLease

COMING_UP = (LeaseState.PLANNED, LeaseState.BOUND, LeaseState.ANNOUNCED)


@dataclass
class Home:
    """One node with its live leases, the oldest first; steps that this pass takes show in them at once."""

    node: Node
    plan: RotationPlan
    leases: list[PortLease]
    # Hex: the discovery secret in force.
    kid: str

    def of(self, kind: LeaseKind, *states: LeaseState, slot: int | None = None) -> list[PortLease]:
        """The leases of this kind in these states, of one slot or of all; the oldest first."""
        return [
            lease
            for lease in self.leases
            if lease.kind == kind and lease.state in states and slot in (None, lease.slot)
        ]

    def head(self, kind: LeaseKind, slot: int) -> PortLease | None:
        """The lease that serves in this slot."""
        return next(reversed(self.of(kind, LeaseState.OPEN, slot=slot)), None)

    def successor(self, kind: LeaseKind, slot: int) -> PortLease | None:
        """The lease that will serve next in this slot."""
        head = self.head(kind, slot)
        coming = [lease for lease in self.of(kind, *COMING_UP, slot=slot) if head is None or lease.pk > head.pk]
        return coming[-1] if coming else None


def homes_of(nodes: Iterable[Node], plan: RotationPlan) -> list[Home]:
    """These nodes as they stand now, with all their leases read in one query."""
    kid = current_kid().hex()
    homes = {node.pk: Home(node, plan.watched(node.alert), [], kid) for node in nodes}
    for lease in PortLease.objects.live().filter(node__in=homes).order_by("pk"):
        lease.node = homes[lease.node_id].node
        homes[lease.node_id].leases.append(lease)
    return list(homes.values())


def listed(homes: Sequence[Home]) -> list[PortLease]:
    """The leases that clients are told of, the one that serves before the one that will."""
    leases = [lease for home in homes for lease in home.leases if lease.is_listed]
    return sorted(leases, key=lambda lease: (lease.opens_at, lease.pk))


def running_nodes(at: datetime) -> list[Node]:
    """The nodes whose process lives."""
    return list(Node.objects.running(at).order_by("pk"))
