"""Several deciders at once, each in a thread with a database connection of its own, as workers and keepers have."""

import contextlib
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from chat.models import AuditEvent
from clawchat.protocol.schedule import LeaseState
from discovery.models import Publication
from discovery.services import published_info
from rotation import services
from rotation.models import LeaseKind, Node, PortLease, Scan
from rotation.services.manual import NothingMoves, rotate_ports
from rotation.services.plan import instant
from tests.rotation.rows import GRACE, INTERVAL, LEAD, House, T

DECIDERS = 4
SLOTS, DECOYS = 2, 2
_DECOY = (LeaseState.PLANNED, LeaseState.BOUND, LeaseState.TRIPWIRE)


@pytest.fixture
def crowd(shelf, transactional_db, settings) -> House:
    """A node with two moving ports, a fixed one, decoys and tripwires; the database waits for no one thread."""
    settings.CLAWCHAT_PORTS, settings.CLAWCHAT_DECOYS, settings.CLAWCHAT_FIXED_PORT = SLOTS, DECOYS, 443
    settings.CLAWCHAT_TRIPWIRE_SECONDS = 300.0
    return House()


def at_once(*works) -> None:
    """Run each of these in a thread of its own, all starting together; an exception in one fails the test."""
    start = threading.Barrier(len(works))

    def run(work) -> None:
        try:
            start.wait(30)
            work()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as threads:
        for done in [threads.submit(run, work) for work in works]:
            done.result()


def decide(house: House, now: int) -> None:
    """Four deciders and a keeper that binds what it finds, all at the same instant."""
    house.now = now
    services.nodes.keep_alive(house.node_pk, 0, now)
    at_once(*[lambda: services.tick(now)] * DECIDERS, house.bind_some)


def settled(house: House) -> int:
    """Decide, second by second, until every port that serves is open, and once more; the instant after that.

    How many rounds it takes depends on whom the threads let go first.
    """
    serving = PortLease.objects.filter(kind__in=[LeaseKind.MOVING, LeaseKind.FIXED]).exclude(state=LeaseState.CLOSED)
    for now in range(T, T + 20):
        decide(house, now)
        if list(serving.values_list("state", flat=True)) == [LeaseState.OPEN] * (SLOTS + 1):
            decide(house, now + 1)
            return now + 2
    raise AssertionError(f"nothing settles: {list(serving)}")


def coming(kind: LeaseKind) -> Counter:
    """How many leases of each slot stand in each state."""
    leases = PortLease.objects.filter(kind=kind).exclude(state__in=[LeaseState.CLOSED, LeaseState.FAILED])
    return Counter(leases.values_list("slot", "state"))


def test_deciders_that_run_at_once_do_what_one_would(crowd):
    """One and a half intervals: each slot has one port that serves, one successor at most, and no number twice."""
    for now in range(T, T + 3 * INTERVAL // 2, 30):
        decide(crowd, now)
        decide(crowd, now + 1)

        for kind, slots in ((LeaseKind.MOVING, SLOTS), (LeaseKind.FIXED, 1)):
            there = coming(kind)
            assert all(there[slot, LeaseState.OPEN] <= 1 for slot in range(slots)), there
            for slot in range(slots):
                successors = [there[slot, state] for state in ("planned", "bound", "announced")]
                assert sum(successors) <= 1, there
        # One that has just been replaced does not listen yet.
        assert [coming(LeaseKind.DECOY)[slot, state] for slot in range(DECOYS) for state in _DECOY].count(1) == DECOYS
        assert coming(LeaseKind.DECOY).total() == DECOYS
        if now > T + 30:
            assert len(PortLease.objects.filter(kind=LeaseKind.MOVING, state=LeaseState.OPEN)) == SLOTS

    moved = PortLease.objects.filter(kind=LeaseKind.MOVING)
    numbers = Counter(moved.values_list("slot", "period"))
    assert set(numbers.values()) == {1}
    assert all(lease.opens_at < lease.moves_at < lease.closes_at for lease in moved)
    assert not PortLease.objects.filter(state=LeaseState.FAILED).exists()
    listed = PortLease.objects.filter(state__in=["bound", "announced", "open"]).exclude(kind=LeaseKind.DECOY)
    services.tick(crowd.now)
    assert {endpoint.port for endpoint in published_info().endpoints} == set(listed.values_list("port", flat=True))


def test_one_change_is_one_publication(crowd):
    """However many see it: serials rise by one for each new content."""
    now = settled(crowd)
    before = Publication.objects.count()
    decide(crowd, now)
    decide(crowd, now + 1)
    assert Publication.objects.count() == before


def test_operators_who_press_together_move_a_port_once(crowd):
    """One row is written and one event; the others find that it is moving."""
    asked = settled(crowd)
    port = PortLease.objects.filter(kind=LeaseKind.MOVING, state=LeaseState.OPEN, slot=0).get().port

    def press() -> None:
        # Raised where the port was found moving already.
        with contextlib.suppress(NothingMoves):
            rotate_ports(asked, "operator", at_once=True, port=port)

    at_once(*[press] * DECIDERS)

    assert AuditEvent.objects.filter(code="rotation_asked").count() == 1
    for now in range(asked, asked + 20):
        decide(crowd, now)
        if coming(LeaseKind.MOVING)[0, LeaseState.DRAINING]:
            break
    assert coming(LeaseKind.MOVING)[0, LeaseState.OPEN] == 1
    assert coming(LeaseKind.MOVING)[0, LeaseState.DRAINING] == 1


def test_a_scan_that_all_see_is_told_once(crowd):
    """One change of the row, one event."""
    decide(crowd, T)
    decide(crowd, T + 1)
    at = instant(T + 5)
    Scan.objects.create(
        node_id=crowd.node_pk, address="192.0.2.7", port=50_000, where="connect", count=9, first_at=at, last_at=at
    )

    decide(crowd, T + 5)

    assert AuditEvent.objects.filter(code="interval_shortened").count() == 1
    assert Node.objects.get().alert == 1


def test_deciders_whose_clocks_differ_agree(crowd):
    """Two machines, two seconds apart, through two moves: nothing opens twice, and every port closes in time."""
    for now in range(T, T + 2 * INTERVAL, 25):
        services.nodes.keep_alive(crowd.node_pk, 0, now)
        crowd.now = now
        at_once(lambda: services.tick(now), lambda: services.tick(now + 2), crowd.bind_some)
        for slot in range(SLOTS):
            assert coming(LeaseKind.MOVING)[slot, LeaseState.OPEN] <= 1
        for lease in PortLease.objects.filter(kind=LeaseKind.MOVING, state=LeaseState.DRAINING):
            assert now - lease.opens_at.timestamp() <= INTERVAL + GRACE + LEAD
    numbers = Counter(PortLease.objects.filter(kind=LeaseKind.MOVING).values_list("slot", "period"))
    assert set(numbers.values()) == {1}
