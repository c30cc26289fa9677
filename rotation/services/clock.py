"""Whether the clock can be believed: against the monotonic clock, the database's, the devices', other nodes' and our
own past."""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from statistics import median

from django.db import connection
from django.utils import timezone

from chat.models import Connection
from clawchat.protocol.limits import CLOCK_SKEW_SECONDS
from discovery.models import Publication
from rotation.models import Node

logger = logging.getLogger(__name__)

# Devices whose clocks are asked, as their proofs told: so many, that came so lately. Phones and laptops are less exact.
FEWEST_DEVICES, DEVICES_SINCE, DEVICES_TOLERANCE_SECONDS = 3, timedelta(days=1), 30
# Of so many of the newest files, none is from the future; a few hours' worth, so that a clock put right is believed.
FILES_ASKED = 20
# A clock that is kept by NTP is never so far off, and no pass takes so long.
TOLERANCE_SECONDS = 5
REMEDY = (
    "Let NTP keep it (timedatectl set-ntp true, or chronyc makestep) and restart the server. "
    f"Clients turn away from a server whose clock is more than {CLOCK_SKEW_SECONDS // 60} minutes off."
)


def _steady() -> float:
    """Seconds that nobody can set, and that go on while the machine sleeps where the system has such a clock."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class JumpMeter:
    """How far the wall clock has jumped since this was made."""

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = _steady) -> None:
        self._wall, self._steady = wall, steady
        self._offset = wall() - steady()
        self._told = 0

    def jump(self) -> int:
        """By how many seconds, forward or back; each new jump is logged once. 0 while it runs evenly."""
        jump = round(self._wall() - self._steady() - self._offset)
        if abs(jump) <= TOLERANCE_SECONDS:
            jump = 0
        if abs(jump - self._told) > TOLERANCE_SECONDS:
            step = jump - self._told
            logger.warning("The clock of this machine was set %s by %d s. %s", _way(step), abs(step), REMEDY)
            self._told = jump
        return jump


def clock_problems() -> list[str]:
    """One sentence for each sign that a clock is wrong, without the remedy; none while all is well."""
    now = timezone.now()
    late = now + timedelta(seconds=TOLERANCE_SECONDS)
    signs = []
    if (ahead := _database_ahead()) is not None and abs(ahead) > TOLERANCE_SECONDS:
        signs.append(f"The database server's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} ours.")
    last = max(Publication.objects.order_by("-serial").values_list("created_at", flat=True)[:FILES_ASKED], default=now)
    if last > late:
        signs.append(
            f"A connection file was made {_length(last - now)} from now: the clock was ahead then, or is behind now."
        )
    devices = _devices_ahead(now)
    if devices is not None and abs(devices) > DEVICES_TOLERANCE_SECONDS:
        signs.append(f"Most devices' clocks are {abs(devices)} s {'ahead of' if devices > 0 else 'behind'} ours.")
    for node in Node.objects.filter(stopped_at=None).order_by("pk"):
        if node.seen_at > late:
            signs.append(f"Node {node.name} was last seen {_length(node.seen_at - now)} from now.")
        if node.clock_jump and node.is_running(now):
            signs.append(
                f"The clock of node {node.name} was set {_way(node.clock_jump)} by {abs(node.clock_jump)} s "
                "while its server ran."
            )
    return signs


def _database_ahead() -> float | None:
    """By how many seconds the database server's clock is ahead of ours; None for SQLite, which has none of its own."""
    if connection.vendor != "postgresql":
        return None
    before = time.time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        theirs = float(cursor.fetchone()[0])
    # The answer was made somewhere between question and now.
    after = time.time()
    return min(theirs - before, 0.0) if theirs < before else max(theirs - after, 0.0)


def _devices_ahead(now: datetime) -> int | None:
    """By how many seconds the clocks of devices that came within a day are ahead of ours: their median, so that no one
    device can tell us the time; None while they are too few."""
    recent = Connection.objects.filter(opened_at__gt=now - DEVICES_SINCE, opened_at__lte=now).order_by("opened_at")
    latest = dict(recent.values_list("device", "clock_ahead"))
    return round(median(latest.values())) if len(latest) >= FEWEST_DEVICES else None


def _way(jump: int) -> str:
    return "forward" if jump > 0 else "back"


def _length(span: timedelta) -> str:
    return f"{span.total_seconds():.0f} s"
