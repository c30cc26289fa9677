"""Retired ports and decoys: rows of ports that nobody is told of."""

import pytest

from clawchat.protocol.schedule import LeaseState
from discovery.services import published_info
from rotation import services
from rotation.models import LeaseKind, Node, PortLease, Scan
from rotation.services.plan import instant
from rotation.services.tripwires import MOST_RETIRED
from tests.rotation.rows import GRACE, INTERVAL, LEAD, House, T

TRIPWIRE = 3600


@pytest.fixture
def wired(shelf, settings) -> House:
    """A node that keeps its retired ports for an hour and has no decoys."""
    settings.CLAWCHAT_TRIPWIRE_SECONDS = float(TRIPWIRE)
    house = House()
    house.settle()
    return house


@pytest.fixture
def decoyed(shelf, settings) -> House:
    """A node with three decoys."""
    settings.CLAWCHAT_DECOYS = 3
    house = House()
    house.settle()
    return house


def decoys(*states: LeaseState) -> list[PortLease]:
    """Decoys in these states, by slot."""
    return list(PortLease.objects.filter(kind=LeaseKind.DECOY, state__in=states or LeaseState).order_by("slot", "pk"))


def move(house: House) -> int:
    """Let the port move once; returns when its grace ends."""
    (head,) = house.leases(LeaseState.OPEN)
    moves_at = int(head.moves_at.timestamp())
    house.settle(moves_at - LEAD)
    house.settle(moves_at)
    return moves_at + GRACE


def test_a_retired_port_becomes_a_tripwire_and_then_closes(wired):
    """At the end of its grace, for an hour."""
    over = move(wired)
    wired.tick(over - 1)
    assert wired.states() == ["draining", "open"]

    wired.tick(over)
    assert wired.states()[0] == "tripwire"
    assert wired.leases()[0].closes_at == instant(over + TRIPWIRE)
    assert wired.leases()[0].port not in {endpoint.port for endpoint in published_info().endpoints}

    wired.settle(over + TRIPWIRE - 1)
    assert wired.leases()[0].state == LeaseState.TRIPWIRE
    wired.settle(over + TRIPWIRE)
    assert wired.leases()[0].state == LeaseState.CLOSED


def test_a_node_keeps_the_newest_retired_ports(wired, settings):
    """Sixteen; what is older is closed, however long it might have stayed."""
    settings.CLAWCHAT_TRIPWIRE_SECONDS = 1e6
    for _ in range(MOST_RETIRED + 3):
        wired.tick(move(wired))

    retired = wired.leases(LeaseState.TRIPWIRE)
    assert len(retired) == MOST_RETIRED
    assert [lease.state for lease in wired.leases() if lease.pk < retired[0].pk] == ["closed"] * 3


def test_a_tripwire_that_cannot_be_opened_again_is_no_harm(wired):
    """After a restart somebody else may sit on it; nothing is planned in its place."""
    wired.tick(move(wired))
    services.note_failed(wired.leases(LeaseState.TRIPWIRE)[0], "Port 50000 cannot be opened.", wired.now)

    wired.settle()

    assert wired.states() == ["failed", "open"]


def test_decoys_are_armed_and_never_listed(decoyed):
    """Planned, bound, armed: the file has the moving port alone."""
    assert [lease.state for lease in decoys()] == [LeaseState.TRIPWIRE] * 3
    assert {lease.slot for lease in decoys()} == {0, 1, 2}
    (open_port,) = decoyed.leases(LeaseState.OPEN)
    assert [endpoint.port for endpoint in published_info().endpoints] == [open_port.port]


def test_decoys_are_replaced_one_after_the_other(decoyed):
    """Each lives one interval at most; there are always three."""
    first = {lease.pk for lease in decoys()}
    for now in range(T, T + 3 * INTERVAL, 20):
        decoyed.settle(now)
        assert len(decoys(LeaseState.TRIPWIRE)) == 3
        assert all(now - lease.opens_at.timestamp() < INTERVAL for lease in decoys(LeaseState.TRIPWIRE))

    assert not first & {lease.pk for lease in decoys(LeaseState.TRIPWIRE)}
    assert len(decoys(LeaseState.CLOSED)) >= 6


def test_a_scan_closes_no_decoy(decoyed):
    """The port that is left after a scan would be the one that people are on."""
    before = [lease.pk for lease in decoys(LeaseState.TRIPWIRE)]
    at = instant(T + 10)
    Scan.objects.create(
        node_id=decoyed.node_pk, address="192.0.2.7", port=before[0], count=1000, first_at=at, last_at=at
    )

    decoyed.settle(T + 10)

    assert Node.objects.get().alert > 0
    assert [lease.pk for lease in decoys(LeaseState.TRIPWIRE)] == before


def test_fewer_decoys_close_the_others(decoyed, settings):
    """Once the node has started with the new setting."""
    settings.CLAWCHAT_DECOYS = 1
    services.arrive("alpha", "alpha.example.org", T + 5)
    decoyed.settle(T + 5)

    assert [lease.state for lease in decoys()] == ["tripwire", "closed", "closed"]


def test_of_two_decoys_in_a_slot_the_newer_stays(decoyed):
    """Two passes that cross may plan two."""
    twin = decoys()[0]
    twin.pk, twin.period, twin.port = None, 7, 50_000
    twin.save()

    decoyed.tick(T + 1)

    assert len(decoys(LeaseState.TRIPWIRE)) == 3
    assert PortLease.objects.get(period=7).state == LeaseState.TRIPWIRE


def test_decoys_that_all_fail_do_not_hold_up_the_port(shelf, settings):
    """Each kind has failures of its own."""
    settings.CLAWCHAT_DECOYS = 3
    house = House()
    for _ in range(10):
        house.tick()
        for lease in decoys(LeaseState.PLANNED):
            services.note_failed(lease, "No port can be opened.", T)
    house.settle()

    assert len(decoys()) == len(decoys(LeaseState.FAILED)) <= 12
    assert len(house.leases(LeaseState.OPEN)) == 1


def test_a_clock_that_is_set_back_does_not_keep_tripwires(wired, settings):
    """They would stay for a week more; decoys are replaced."""
    settings.CLAWCHAT_DECOYS = 2
    services.arrive("alpha", "alpha.example.org", wired.now)
    over = move(wired)
    wired.settle(over)
    before = {lease.pk for lease in decoys(LeaseState.TRIPWIRE)}

    wired.settle(over - 604_800)

    assert not PortLease.objects.filter(kind=LeaseKind.MOVING, state=LeaseState.TRIPWIRE).exists()
    now = {lease.pk for lease in decoys(LeaseState.TRIPWIRE)}
    assert len(now) == 2 and not now & before


def test_retired_ports_keep_nobody_from_planning(wired):
    """An open port that cannot be had again after a crash is replaced at once, whatever tripwires its slot has."""
    wired.tick(move(wired))
    [serving] = wired.leases(LeaseState.OPEN)
    assert services.note_failed(serving, "Somebody else has it.", wired.now)

    wired.settle(wired.now + 1)

    [successor] = wired.leases(LeaseState.OPEN)
    assert wired.leases(LeaseState.TRIPWIRE)
    assert successor.pk > serving.pk
