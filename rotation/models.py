"""Server processes and the ports they lease. A row says what should be; the keeper makes it so."""

from datetime import datetime, timedelta
from typing import Any

from django.db import models

from clawchat.protocol.schedule import LeaseEvent, LeaseState, next_state

# A server process says that it lives every two seconds; who has been silent for so long is gone.
SILENT_AFTER = timedelta(seconds=12)
# Seen further in the future than clocks may differ: the clock was set back since, and nobody knows how it fares.
AHEAD = timedelta(seconds=60)

# A lease that serves, or will: no other may be planned in its place.
COMING = (LeaseState.PLANNED, LeaseState.BOUND, LeaseState.ANNOUNCED, LeaseState.OPEN)
# Its port should listen.
LISTENING = (LeaseState.BOUND, LeaseState.ANNOUNCED, LeaseState.OPEN, LeaseState.DRAINING, LeaseState.TRIPWIRE)
# Clients are told of it.
LISTED = (LeaseState.BOUND, LeaseState.ANNOUNCED, LeaseState.OPEN)
LIVE = (LeaseState.PLANNED, *LISTENING)


class Reachable(models.TextChoices):
    """Whether a node's ports answer from outside."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class LeaseKind(models.TextChoices):
    """What a leased port is for."""

    # It serves, moves, and becomes a tripwire when it has served.
    MOVING = "moving"
    # It serves and never moves, for networks that block high ports.
    FIXED = "fixed"
    # It is never announced: whoever touches it is a scanner.
    DECOY = "decoy"


class NodeQuerySet(models.QuerySet["Node"]):
    """Nodes, by whether somebody is at home."""

    def running(self, at: datetime) -> "NodeQuerySet":
        """Those whose process has said within the last seconds that it lives, and has not said goodbye."""
        return self.filter(stopped_at=None, seen_at__gt=at - SILENT_AFTER, seen_at__lte=at + AHEAD)


class Node(models.Model):
    """A place that runs a server process; it keeps its name, and so its leases, over restarts."""

    name = models.CharField(max_length=32, unique=True)
    # What clients dial to reach its ports.
    host = models.CharField(max_length=255)
    # Where it stands, in the operator's word; clients that name the same region prefer it.
    region = models.CharField(max_length=32, blank=True)
    # Whether clients reach its ports by TLS, its own or a proxy's.
    tls = models.BooleanField(default=False)
    # Which discovery secret its process goes by, as its 16 hex digits; empty when it does not run.
    kid = models.CharField(max_length=16, blank=True)
    # What its settings ask for: how many moving ports and how many decoys, and the port that never moves (0 for none).
    slots = models.PositiveSmallIntegerField(default=1)
    decoys = models.PositiveSmallIntegerField(default=0)
    fixed_port = models.PositiveIntegerField(default=0)
    # Whether its ports answer from outside, as far as it can tell, why it thinks so, and since when.
    reachable = models.CharField(max_length=8, choices=Reachable.choices, default=Reachable.UNKNOWN)
    reachable_because = models.CharField(max_length=300, blank=True)
    reachable_at = models.DateTimeField(null=True)
    # What the router or somebody outside says our address is; empty while nobody was asked.
    external_address = models.CharField(max_length=45, blank=True)
    # Sockets on its chat ports when it was last seen.
    connections = models.PositiveIntegerField(default=0)
    # Grows with every pass of the decider, so the keeper can tell on a clock of its own that it is at work.
    ticks = models.PositiveBigIntegerField(default=0)
    # How many times its interval is halved because scanners are about.
    alert = models.PositiveSmallIntegerField(default=0)
    # By how many seconds its wall clock has jumped since its process started, seen against the monotonic clock.
    clock_jump = models.IntegerField(default=0)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    # Null while its process runs, and after a crash.
    stopped_at = models.DateTimeField(null=True)

    objects = NodeQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.host} ({self.name})"

    def is_running(self, at: datetime) -> bool:
        """Whether its process lives."""
        return self.stopped_at is None and at - SILENT_AFTER < self.seen_at <= at + AHEAD


class PortLeaseQuerySet(models.QuerySet["PortLease"]):
    """Leases, by where they stand."""

    def coming(self) -> "PortLeaseQuerySet":
        """Those that serve or will."""
        return self.filter(state__in=COMING)

    def listening(self) -> "PortLeaseQuerySet":
        """Those whose port should be open."""
        return self.filter(state__in=LISTENING)

    def live(self) -> "PortLeaseQuerySet":
        """All that are neither closed nor failed."""
        return self.filter(state__in=LIVE)


class PortLease(models.Model):
    """A port with its path, on one node."""

    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="leases")
    kind = models.CharField(max_length=8, choices=LeaseKind.choices, default=LeaseKind.MOVING)
    # Which of the node's ports of its kind, counted from 0: each moves at times of its own.
    slot = models.PositiveSmallIntegerField(default=0)
    # The how-manieth lease of its slot.
    period = models.BigIntegerField()
    port = models.PositiveIntegerField()
    # With its slash. Who knows it can knock, so the admin does not show it.
    path = models.CharField(max_length=23)
    # Hex: the discovery secret that was in force when it was planned; under another one it has to go (3.10).
    kid = models.CharField(max_length=16, blank=True)
    state = models.CharField(
        max_length=16, choices=[(state.value, state.value) for state in LeaseState], default=LeaseState.PLANNED
    )
    planned_at = models.DateTimeField()
    # T: it becomes the current one, once it is announced.
    opens_at = models.DateTimeField()
    # When the next lease of its slot opens; null for a port that never moves.
    moves_at = models.DateTimeField(null=True)
    # End of grace. Later than planned when the next port came late.
    closes_at = models.DateTimeField()
    # When it came into its state.
    moved_at = models.DateTimeField()
    # Since when it is late because no mirror took the file; null when it was on time.
    late_since = models.DateTimeField(null=True)
    # How the router lets it in, and until when; empty and null when it does not, or need not.
    mapping = models.CharField(max_length=100, blank=True)
    mapped_until = models.DateTimeField(null=True)
    # One sentence on why it failed; empty when it did not.
    problem = models.CharField(max_length=300, blank=True)

    objects = PortLeaseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["node", "kind", "slot", "period"],
                condition=models.Q(state__in=COMING),
                name="one_coming_lease_per_period",
            )
        ]
        indexes = [models.Index(fields=["state"])]

    def __str__(self) -> str:
        return f"port {self.port}"

    @property
    def is_listed(self) -> bool:
        """Whether clients are told of it."""
        return self.state in LISTED and self.kind != LeaseKind.DECOY

    def move(self, event: LeaseEvent, at: datetime, **changes: Any) -> bool:
        """Take the step that `event` means, with these changes; False when somebody else has moved the row meanwhile.

        Raises: usage (an event that cannot happen in this state).
        """
        changes |= {"state": next_state(LeaseState(self.state), event), "moved_at": at}
        if PortLease.objects.filter(pk=self.pk, state=self.state).update(**changes) != 1:
            return False
        for name, value in changes.items():
            setattr(self, name, value)
        return True


class Scan(models.Model):
    """Touches of one address on one port that no client of ours would make, within ten minutes."""

    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="scans")
    address = models.CharField(max_length=45)
    port = models.PositiveIntegerField()
    # Whether the port was a tripwire, and where the last one was stopped: connect, request, gate, deadline.
    tripwire = models.BooleanField(default=False)
    where = models.CharField(max_length=16)
    count = models.PositiveIntegerField(default=0)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["last_at"]), models.Index(fields=["address", "last_at"])]

    def __str__(self) -> str:
        return f"{self.count} on port {self.port}"


class Burn(models.Model):
    """Everything a thief may hold made worthless at once, and how long that took."""

    # An operator's name, or "operator" at the command line; and what made him do it.
    made_by = models.CharField(max_length=150)
    why = models.CharField(max_length=128, blank=True)
    # A drill does all of it, too; the word only says why.
    drill = models.BooleanField(default=False)
    started_at = models.DateTimeField()
    # When each was done everywhere; null until then: the new discovery secret is in force on every node, every port
    # from before takes nobody any more, every session has new keys or ended, a mirror has the file and the list.
    secret_at = models.DateTimeField(null=True)
    ports_at = models.DateTimeField(null=True)
    sessions_at = models.DateTimeField(null=True)
    mirrors_at = models.DateTimeField(null=True)
    # The last of these.
    safe_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(models.Value(1), condition=models.Q(safe_at=None), name="rotation_one_burn_at_once")
        ]

    def __str__(self) -> str:
        return f"burn of {self.started_at:%Y-%m-%d %H:%M}"
