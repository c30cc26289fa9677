"""A node whose keeper is played by the test, and mirrors that can be down."""

from chat.services.identity import current_kid
from clawchat.protocol.schedule import LeaseState
from discovery.mirrors import MirrorDriver, MirrorError
from rotation import services
from rotation.models import PortLease

# The begin of a period of ten minutes.
T = 1_900_000_200
INTERVAL, LEAD, GRACE = 600, 60, 120


class Shelf(MirrorDriver):
    """A mirror in memory. While `is_down`, it takes nothing."""

    is_local = True
    is_down = False
    held: dict[str, bytes] = {}

    def put(self, name: str, data: bytes) -> None:
        if self.is_down:
            raise MirrorError("It is down.")
        self.held[name] = data

    def get(self, name: str) -> bytes:
        return self.held.get(name, b"")

    def public_locations(self) -> tuple[str, ...]:
        return ("https://shelf.example.org/connection.json",)

    def check(self) -> str:
        return ""


class House:
    """One node at one moment. `tick` moves the clock and runs the decider once."""

    def __init__(self, name: str = "alpha", now: int = T) -> None:
        self.now = now
        self.node_pk = services.arrive(name, f"{name}.example.org", now)

    def tick(self, now: int | None = None) -> None:
        """One pass of the decider at `now`."""
        self.now = self.now if now is None else now
        services.nodes.keep_alive(self.node_pk, 0, self.now, current_kid().hex())
        services.tick(self.now)

    def bind(self) -> None:
        """What the keeper does with planned ports."""
        for lease in self.leases(LeaseState.PLANNED):
            assert services.note_bound(lease, self.now)

    def bind_some(self) -> None:
        """The same while deciders run: what they have let go meanwhile is left alone."""
        for lease in self.leases(LeaseState.PLANNED):
            services.note_bound(lease, self.now)

    def settle(self, now: int | None = None) -> None:
        """Decide, bind, decide: all that can happen at `now`."""
        self.tick(now)
        self.bind()
        self.tick()

    def leases(self, *states: LeaseState) -> list[PortLease]:
        """This node's leases in these states, in all when none is named; the oldest first."""
        leases = PortLease.objects.filter(node=self.node_pk).order_by("pk")
        return list(leases.filter(state__in=states) if states else leases)

    def states(self) -> list[str]:
        """Where the node's leases stand, the oldest first."""
        return [str(lease.state) for lease in self.leases()]
