"""While scanners are about, ports move more often."""

import pytest

from chat.models import AuditEvent
from clawchat.protocol.schedule import WATCH_SECONDS, LeaseState
from discovery.services import published_info
from rotation.models import Node, Scan
from rotation.services.plan import instant
from tests.rotation.rows import GRACE, INTERVAL, LEAD, House, T

# The fixture's interval is ten minutes: half of it, and the shortest that lead and grace leave.
HALF, SHORTEST = INTERVAL // 2, LEAD + GRACE + 1


def scan(house: House, now: int, count: int) -> Scan:
    """A scanner touches a port of the node."""
    at = instant(now)
    return Scan.objects.create(
        node_id=house.node_pk, address="192.0.2.7", port=50_000, where="connect", count=count, first_at=at, last_at=at
    )


def codes() -> list[str]:
    """What the audit log says of the interval."""
    return list(AuditEvent.objects.filter(code__startswith="interval_").order_by("pk").values_list("code", flat=True))


@pytest.fixture
def scanned(house) -> House:
    """A node whose port is open, and has just been touched three times."""
    house.settle()
    scan(house, T + 10, 3)
    house.settle(T + 10)
    return house


def test_touches_bring_the_next_move_forward(scanned):
    """Half the interval instead of the whole, and clients read of it."""
    (head,) = scanned.leases()
    assert head.moves_at == instant(T + HALF)
    assert head.closes_at == instant(T + HALF + GRACE)
    assert published_info().next_rotation == T + HALF


def test_many_touches_shorten_to_the_bound(house):
    """Never below lead and grace."""
    house.settle()
    scan(house, T + 1, 1_000_000)
    house.settle(T + 1)
    assert house.leases()[0].moves_at == instant(T + SHORTEST)

    house.settle(T + SHORTEST - LEAD)
    house.settle(T + SHORTEST)
    assert house.leases()[1].moves_at == instant(T + 2 * SHORTEST)


def test_a_port_that_is_old_already_moves_after_the_lead(house):
    """There is always the time to announce the next one."""
    house.settle()
    late = T + INTERVAL - LEAD - 30
    scan(house, late, 3)

    house.settle(late)
    assert house.leases()[0].moves_at == instant(late + LEAD)
    house.settle(late + 5)
    assert house.leases()[0].moves_at == instant(late + LEAD)


def test_it_goes_back_to_normal(scanned):
    """Ten minutes without a touch; ports that are planned from then on live a whole interval."""
    quiet = T + 10 + WATCH_SECONDS
    for now in range(T + 20, quiet + INTERVAL, 20):
        scanned.settle(now)

    (head,) = scanned.leases(LeaseState.OPEN)
    assert (head.moves_at - head.opens_at).total_seconds() == INTERVAL
    assert Node.objects.get().alert == 0


def test_the_operator_is_told_of_begin_and_end_once(scanned):
    """Not at each pass and not at each further touch."""
    for now in range(T + 11, T + 100):
        if now < T + 30:
            scan(scanned, now, 5)
        scanned.tick(now)
    assert codes() == ["interval_shortened"]

    for now in range(T + 100, T + 30 + WATCH_SECONDS + 100, 10):
        scanned.tick(now)
    assert codes() == ["interval_shortened", "interval_normal"]
    begin, end = AuditEvent.objects.filter(code__startswith="interval_").order_by("pk")
    assert (begin.subject, begin.details) == ("alpha", {"touches": 3, "seconds": HALF})
    assert end.details == {"seconds": INTERVAL}


def test_two_touches_are_nothing(house):
    """A stumble is no scan."""
    house.settle()
    scan(house, T + 10, 2)
    house.settle(T + 10)

    assert house.leases()[0].moves_at == instant(T + INTERVAL)
    assert codes() == []


def test_each_node_is_watched_by_itself(house):
    """Who scans one does not make the other move."""
    other = House("beta")
    house.settle()
    other.settle()
    scan(other, T + 10, 3)

    house.settle(T + 10)

    assert house.leases()[0].moves_at == instant(T + INTERVAL)
    assert other.leases()[0].moves_at == instant(T + HALF)


def test_touches_from_the_future_are_not_believed(house):
    """The clock was set back since: for an hour nobody would know when they end."""
    house.settle()
    scan(house, T + 3600, 100)
    house.settle(T + 10)

    assert Node.objects.get().alert == 0


def test_the_next_port_has_the_shorter_interval_with_its_share_of_jitter(shelf, settings):
    """The jitter is cut with the interval."""
    settings.CLAWCHAT_ROTATION = {**settings.CLAWCHAT_ROTATION, "jitter": 200.0}
    house = House()
    house.settle()
    for now in range(T, T + 6 * INTERVAL, 20):
        scan(house, now, 1)
        house.settle(now)

    lengths = [(lease.moves_at - lease.opens_at).total_seconds() for lease in house.leases()[2:]]
    assert len(lengths) > 6
    assert all(SHORTEST - 100 <= length <= HALF for length in lengths)
