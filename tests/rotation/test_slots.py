"""Several moving ports, a fixed one, and what the file says of each."""

import pytest

from clawchat.protocol.schedule import LeaseState
from discovery.services import latest_publication, published_info
from rotation import services
from rotation.models import LeaseKind, PortLease
from rotation.services.plan import instant
from tests.rotation.rows import GRACE, INTERVAL, LEAD, House, T


@pytest.fixture
def trio(shelf, settings) -> House:
    """A node with three moving ports, all open."""
    settings.CLAWCHAT_PORTS = 3
    house = House()
    house.settle()
    return house


def heads(house: House) -> list[PortLease]:
    """The moving ports that serve, by slot."""
    return sorted(house.leases(LeaseState.OPEN), key=lambda lease: lease.slot)


def endpoints() -> dict[int, object]:
    """What the published file says, by port."""
    return {endpoint.port: endpoint for endpoint in published_info().endpoints}


def test_slots_open_together_and_move_one_after_the_other(trio):
    """A third of the interval apart, so that never everybody moves at once."""
    assert [lease.slot for lease in heads(trio)] == [0, 1, 2]
    assert [lease.moves_at for lease in heads(trio)] == [instant(T + INTERVAL * part // 3) for part in (1, 2, 3)]
    assert set(endpoints()) == {lease.port for lease in trio.leases()}
    assert published_info().next_rotation == T + INTERVAL // 3


def test_a_slot_moves_alone(trio):
    """The others stay where they are, and each keeps its own times from then on."""
    first, *others = heads(trio)
    trio.settle(T + INTERVAL // 3 - LEAD)
    assert {port: endpoint.retiring for port, endpoint in endpoints().items()} == {
        first.port: True,
        trio.leases()[-1].port: False,
        **{lease.port: False for lease in others},
    }

    trio.tick(T + INTERVAL // 3)

    assert [lease.pk for lease in heads(trio)[1:]] == [lease.pk for lease in others]
    assert heads(trio)[0].moves_at == instant(T + INTERVAL // 3 + INTERVAL)
    assert trio.leases()[0].state == LeaseState.DRAINING
    assert published_info().next_rotation == T + INTERVAL * 2 // 3


def test_over_hours_every_slot_always_has_a_port(trio):
    """Four intervals, a pass every quarter of a lead: three ports serve, and none is older than it may be."""
    for now in range(T, T + 4 * INTERVAL, LEAD // 4):
        trio.settle(now)
        assert [lease.slot for lease in heads(trio)] == [0, 1, 2]
        for lease in trio.leases(LeaseState.OPEN, LeaseState.DRAINING):
            assert now - lease.opens_at.timestamp() < INTERVAL + GRACE


def test_with_jitter_nobody_can_tell_when_a_port_moves(shelf, settings):
    """Up to the jitter earlier than the interval, each time drawn anew."""
    settings.CLAWCHAT_ROTATION = {**settings.CLAWCHAT_ROTATION, "jitter": 100.0}
    house = House()
    house.settle()
    for _ in range(12):
        moves_at = int(heads(house)[0].moves_at.timestamp())
        house.settle(moves_at - LEAD)
        house.settle(moves_at)

    lengths = {(lease.moves_at - lease.opens_at).total_seconds() for lease in house.leases()}
    assert len(lengths) > 3
    assert all(INTERVAL - 100 <= length <= INTERVAL for length in lengths)


def test_a_node_that_is_given_fewer_ports_lets_the_others_go(trio, settings):
    """With their grace, once the node has started with the new setting."""
    settings.CLAWCHAT_PORTS = 1
    services.arrive("alpha", "alpha.example.org", T + 10)

    trio.settle(T + 10)

    assert trio.states() == ["open", "draining", "draining"]
    assert len(endpoints()) == 1
    trio.settle(T + 10 + GRACE)
    assert trio.states() == ["open", "closed", "closed"]


def test_a_stray_lease_that_is_older_than_the_open_one_is_let_go(house):
    """Two passes may cross; whatever they leave behind is gone with the next."""
    house.settle()
    house.settle(T + INTERVAL - LEAD)
    house.settle(T + INTERVAL)
    PortLease.objects.filter(state=LeaseState.DRAINING).update(state=LeaseState.ANNOUNCED)
    house.tick(T + INTERVAL + 1)
    assert house.states() == ["closed", "open"]

    PortLease.objects.filter(state=LeaseState.CLOSED).update(state=LeaseState.OPEN, closes_at=instant(T + INTERVAL))
    house.tick(T + INTERVAL + 2)
    assert house.states() == ["draining", "open"]


# The fixed port


@pytest.fixture
def fixed(shelf, settings) -> House:
    """A node with a fixed port beside the moving one."""
    settings.CLAWCHAT_FIXED_PORT = 443
    house = House()
    house.settle()
    return house


def test_a_fixed_port_stays(fixed):
    """It opens once, the file says that it is fixed, and hours later it is the same lease."""
    (lease,) = PortLease.objects.filter(kind=LeaseKind.FIXED)
    assert (lease.state, lease.port, lease.moves_at) == (LeaseState.OPEN, 443, None)
    assert endpoints()[443].fixed and not endpoints()[443].retiring
    assert [endpoint.fixed for endpoint in endpoints().values()].count(True) == 1

    for hours in range(1, 6):
        fixed.settle(T + hours * INTERVAL)

    assert PortLease.objects.filter(kind=LeaseKind.FIXED, state=LeaseState.OPEN).get().pk == lease.pk
    assert published_info().next_rotation <= fixed.now + INTERVAL


def test_a_fixed_port_that_is_taken_is_tried_each_minute(shelf, settings):
    """It does not hold up the moving one, and its failures do not heap up."""
    settings.CLAWCHAT_FIXED_PORT = 443
    house = House()
    for now in range(T, T + 300, 5):
        house.tick(now)
        for lease in house.leases(LeaseState.PLANNED):
            if lease.kind == LeaseKind.FIXED:
                services.note_failed(lease, "Port 443 cannot be opened.", now)
        house.bind()
    house.tick()

    assert len(PortLease.objects.filter(kind=LeaseKind.FIXED, state=LeaseState.FAILED)) <= 2
    assert [lease.state for lease in PortLease.objects.filter(kind=LeaseKind.MOVING)] == [LeaseState.OPEN]


@pytest.mark.parametrize("port", [0, 8443])
def test_a_fixed_port_that_is_no_longer_wanted_drains(fixed, settings, port):
    """And is closed, not made a tripwire: somebody may want it."""
    settings.CLAWCHAT_FIXED_PORT, settings.CLAWCHAT_TRIPWIRE_SECONDS = port, 3600.0
    services.arrive("alpha", "alpha.example.org", T + 10)
    fixed.settle(T + 10)
    assert PortLease.objects.get(port=443).state == LeaseState.DRAINING
    assert 443 not in endpoints()
    assert (8443 in endpoints()) == (port == 8443)

    fixed.settle(T + 10 + GRACE)
    assert PortLease.objects.get(port=443).state == LeaseState.CLOSED


def test_a_clock_that_is_set_back_does_not_hold_up_a_fixed_port(shelf, settings):
    """It was to open a week from now, by the clock of then."""
    settings.CLAWCHAT_FIXED_PORT = 443
    house = House()
    house.tick(T + 604_800)
    house.settle(T)

    assert PortLease.objects.get(port=443).state == LeaseState.OPEN


# What the file says


def test_a_port_is_retiring_while_its_successor_is_listed(house):
    """Clients move then; as long as the successor does not listen, they stay."""
    house.settle()
    house.tick(T + INTERVAL - LEAD)
    assert [endpoint.retiring for endpoint in endpoints().values()] == [False]

    house.bind()
    house.tick()

    old, new = house.leases()
    assert endpoints()[old.port].retiring and not endpoints()[new.port].retiring


def test_region_and_tls_are_the_nodes_own(shelf, settings):
    """They are written when a server process starts with these settings, whoever decides later."""
    settings.CLAWCHAT_REGION, settings.CLAWCHAT_ENDPOINT_TLS = "eu", True
    house = House()
    settings.CLAWCHAT_REGION, settings.CLAWCHAT_ENDPOINT_TLS = "us", False
    house.settle()

    (endpoint,) = published_info().endpoints
    assert (endpoint.region, endpoint.tls) == ("eu", True)


def test_load_alone_is_no_news(house):
    """Sockets come and go; a file is not published for that."""
    house.settle()
    serial = latest_publication().serial

    services.nodes.keep_alive(house.node_pk, 40, T)
    services.tick(T)

    assert latest_publication().serial == serial


def test_more_ports_than_the_file_holds_leave_out_those_that_retire(shelf, settings, monkeypatch):
    """Whoever is on one of them moves on, as it was about to."""
    monkeypatch.setattr(services.announcing, "MAX_ENDPOINTS", 4)
    settings.CLAWCHAT_PORTS = 3
    house = House()
    house.settle()
    PortLease.objects.update(moves_at=instant(T + INTERVAL))

    house.settle(T + INTERVAL - LEAD)

    assert len(endpoints()) == 4
    assert len(house.leases(LeaseState.ANNOUNCED)) == 3
    assert sum(endpoint.retiring for endpoint in endpoints().values()) == 1
