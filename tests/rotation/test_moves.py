"""The decider: what becomes of ports as time passes, mirrors fail and clocks are set."""

from datetime import timedelta

import pytest

from chat.models import AuditEvent
from clawchat.protocol.errors import UsageError
from clawchat.protocol.schedule import LeaseEvent, LeaseState
from discovery.models import PublicationResult
from discovery.services import latest_publication, published_info
from rotation import services
from rotation.models import Node, PortLease
from rotation.services.homes import homes_of
from rotation.services.plan import instant
from rotation.services.planning import plan_ports
from tests.rotation.rows import GRACE, INTERVAL, LEAD, House, T


def listed_ports() -> list[int]:
    """The ports in the published file, in its order."""
    return [endpoint.port for endpoint in published_info().endpoints]


def test_a_start_plans_a_port(house):
    """A random port of the free range, with a path that nobody can guess; its move and the end of grace are fixed."""
    house.tick(T + 100)

    (lease,) = house.leases()
    assert lease.state == LeaseState.PLANNED
    assert 49_152 <= lease.port <= 65_535
    assert lease.path[0] == "/" and len(lease.path) == 23
    assert (lease.opens_at, lease.moves_at) == (instant(T + 100), instant(T + 100 + INTERVAL))
    assert lease.closes_at == instant(T + 100 + INTERVAL + GRACE)


def test_a_start_ends_with_an_open_port(house):
    """Once it listens and the file that lists it is safe, the first port is announced and open in one pass."""
    house.settle(T + 100)

    (lease,) = house.leases(LeaseState.OPEN)
    assert listed_ports() == [lease.port]


def test_ports_and_paths_differ(house):
    """Each is drawn anew."""
    for period in range(20):
        house.settle(T + period * INTERVAL)

    leases = house.leases()
    assert len({lease.path for lease in leases}) == len(leases) == 20
    assert len({lease.port for lease in leases}) > 15


def test_the_next_port_is_planned_at_lead(house):
    """Not a second earlier."""
    house.settle()

    house.tick(T + INTERVAL - LEAD - 1)
    assert house.states() == ["open"]

    house.tick(T + INTERVAL - LEAD)
    assert house.states() == ["open", "planned"]


def test_the_next_port_is_announced_before_it_opens(house):
    """Clients read of it, second in the file, while the present one serves."""
    house.settle()
    house.settle(T + INTERVAL - LEAD)

    present, coming = house.leases()
    assert (present.state, coming.state) == ("open", "announced")
    assert listed_ports() == [present.port, coming.port]
    assert published_info().next_rotation == T + INTERVAL


def test_ports_change_at_t(house):
    """The next one opens, the present one drains, and the file lists the new one alone."""
    house.settle()
    house.settle(T + INTERVAL - LEAD)
    house.tick(T + INTERVAL)

    old, new = house.leases()
    assert (old.state, new.state) == ("draining", "open")
    assert listed_ports() == [new.port]
    assert published_info().next_rotation == T + 2 * INTERVAL


def test_a_port_closes_when_its_grace_is_over(house):
    """At T + grace, so that none lives longer than interval + grace."""
    house.settle()
    house.settle(T + INTERVAL - LEAD)
    house.tick(T + INTERVAL + 3)

    house.tick(T + INTERVAL + GRACE - 1)
    assert house.states() == ["draining", "open"]

    house.tick(T + INTERVAL + GRACE)
    assert house.states() == ["closed", "open"]


def test_a_pass_repeated_changes_nothing(house):
    """Ten passes at once are as good as one."""
    for now in (T, T + INTERVAL - LEAD, T + INTERVAL, T + INTERVAL + GRACE):
        house.settle(now)
        states, serial = house.states(), latest_publication().serial
        for _ in range(10):
            house.tick()
        assert (house.states(), latest_publication().serial) == (states, serial)


def test_two_passes_at_once_plan_one_port(house):
    """The second finds the row that the first has made meanwhile."""
    for now in (T, T + INTERVAL - LEAD):
        seen = [homes_of(Node.objects.all(), services.rotation_plan())[0] for _ in range(3)]
        for home in seen:
            plan_ports(home, now)
        house.settle(now)

    assert house.states() == ["open", "announced"]


def test_a_row_moves_once(house):
    """Of two who take the same step, one is told that it was taken already; a step out of order is refused."""
    house.tick()
    (mine,), (theirs,) = house.leases(), house.leases()

    assert mine.move(LeaseEvent.BIND, instant(T))
    assert not theirs.move(LeaseEvent.BIND, instant(T))
    with pytest.raises(UsageError):
        theirs.move(LeaseEvent.OPEN, instant(T))


# When things go wrong


def test_a_port_that_is_taken_is_replaced_at_once(house):
    """The next pass plans another in its place."""
    house.tick()
    services.note_failed(house.leases()[0], "Port 50000 cannot be opened.", T)

    house.settle()

    assert house.states() == ["failed", "open"]


def test_an_open_port_that_cannot_be_had_again_is_replaced(house):
    """After a restart, somebody else may sit on it."""
    house.settle()
    services.note_failed(house.leases()[0], "Port 50000 cannot be opened.", T)

    house.settle(T + 10)

    assert house.states() == ["failed", "open"]
    assert listed_ports() == [house.leases()[1].port]


def test_ports_that_all_fail_are_not_tried_without_end(house):
    """Ten within a minute, then the minute has to pass."""
    for _ in range(15):
        house.tick()
        for lease in house.leases(LeaseState.PLANNED):
            services.note_failed(lease, "No port can be opened.", T)
    assert house.states() == ["failed"] * 10

    house.settle(T + 61)

    assert house.states()[-1] == "open"


def test_without_a_mirror_the_old_port_serves_on(house, shelf):
    """No file lists the next port, so nobody is sent to it; the operator is told once."""
    house.settle()
    shelf.is_down = True
    house.settle(T + INTERVAL - LEAD)
    for late in (0, 10, 200):
        house.settle(T + INTERVAL + late)

    assert house.states() == ["open", "bound"]
    assert list(AuditEvent.objects.filter(code="port_late").values_list("details", flat=True)) == [
        {"port": house.leases()[1].port}
    ]


def test_a_mirror_that_is_back_lets_the_port_move(house, shelf):
    """The late port opens at once, and clients get the whole grace to follow."""
    house.settle()
    shelf.is_down = True
    house.settle(T + INTERVAL - LEAD)
    house.settle(T + INTERVAL + 200)
    shelf.is_down = False
    back = T + INTERVAL + 500
    house.tick(back)

    old, new = house.leases()
    assert (old.state, new.state) == ("draining", "open")
    assert old.closes_at == instant(back + GRACE)


@pytest.mark.parametrize(("late", "states"), [(200, ["draining", "open"]), (INTERVAL + 1, ["open", "bound"])])
def test_a_file_that_is_safe_too_late_to_be_the_newest_counts_while_it_is_valid(house, shelf, late, states):
    """A mirror that takes longer than a file stays the newest holds up no move: readers find the port all the same."""
    house.settle()
    shelf.is_down = True
    house.settle(T + INTERVAL - LEAD)
    house.settle(T + INTERVAL)
    first = latest_publication()
    first.results.update(state=PublicationResult.State.SAFE)

    house.tick(T + INTERVAL + late)

    assert latest_publication().serial > first.serial
    assert house.states() == states


def test_a_server_that_was_away_moves_on(house):
    """Three hours later the old port is there again, the next opens at once, and the old one drains."""
    house.settle()
    back = T + 3 * 3600 + 100
    house.settle(back)

    old, new = house.leases()
    assert (old.state, new.state) == ("draining", "open")
    assert old.closes_at == instant(back + GRACE)
    assert (new.opens_at, new.moves_at) == (instant(back), instant(back + INTERVAL))


def test_a_port_that_was_planned_before_the_server_went_away_opens_late(house):
    """Nobody knows of it yet; its age counts from the opening."""
    house.settle()
    house.tick(T + INTERVAL - LEAD)
    back = T + 10 * INTERVAL

    house.settle(back)

    old, new = house.leases()
    assert (old.state, new.state) == ("draining", "open")
    assert (new.opens_at, new.moves_at) == (instant(back), instant(back + INTERVAL))
    assert new.closes_at == instant(back + INTERVAL + GRACE)


def test_a_port_that_stays_for_longer_is_listed_for_longer(house, shelf):
    """Clients would put a port last whose end is past, and each change of it would be a new file."""
    house.settle()
    until = published_info().endpoints[0].valid_until
    for lease in house.leases():
        PortLease.objects.filter(pk=lease.pk).update(moves_at=instant(T + INTERVAL))
    for late in (0, 1, 200, 590):
        house.tick(T + INTERVAL + late)
        for lease in house.leases(LeaseState.PLANNED):
            services.note_failed(lease, "No port can be opened.", house.now)

    assert published_info().endpoints[0].valid_until == until + INTERVAL
    assert published_info().endpoints[0].valid_until >= house.now + GRACE


def test_a_clock_that_is_set_back_a_little_changes_nothing(house):
    """The present port goes on serving."""
    house.settle(T + 300)

    house.settle(T - 100)

    assert house.states() == ["open"]


def test_a_clock_that_is_set_back_far_does_not_stop_the_port(house):
    """A port that would move next week moves within an interval."""
    week = 7 * 86_400
    house.settle(T + week)

    house.settle(T)
    assert [lease.moves_at for lease in house.leases()] == [instant(T + INTERVAL)]

    house.settle(T + INTERVAL)
    former, present = house.leases()
    assert (former.state, present.state) == ("draining", "open")
    assert former.closes_at == instant(T + INTERVAL + GRACE)


def test_a_clock_that_is_set_back_during_a_move_lets_the_next_port_open(house):
    """It was to open next week too; it keeps its length."""
    week = 7 * 86_400
    house.settle(T + week)
    house.settle(T + week + INTERVAL - LEAD)

    house.settle(T)

    assert house.states() == ["open", "announced"]
    coming = house.leases()[1]
    assert (coming.opens_at, coming.moves_at) == (instant(T + INTERVAL), instant(T + 2 * INTERVAL))


def test_old_rows_are_deleted(house):
    """Closed ports are kept for a week."""
    house.settle()
    PortLease.objects.create(
        node_id=house.node_pk,
        period=1,
        port=50_000,
        path="/" + "A" * 22,
        state=LeaseState.CLOSED,
        planned_at=instant(1),
        opens_at=instant(1),
        closes_at=instant(1),
        moved_at=instant(T) - timedelta(days=7),
    )

    house.tick(T + INTERVAL)

    assert "closed" not in house.states()


# Several nodes


def test_each_node_has_ports_of_its_own(house):
    """One file lists them all, each under the name that clients dial."""
    other = House("beta")
    house.tick()
    house.bind()
    other.bind()
    house.tick()

    assert house.states() == other.states() == ["open"]
    assert {endpoint.host for endpoint in published_info().endpoints} == {"alpha.example.org", "beta.example.org"}


def test_a_node_that_has_stopped_is_not_listed(house):
    """Its leases stay, for its next start; nobody is sent there meanwhile, and none is planned."""
    other = House("beta")
    house.settle()
    other.settle()
    services.depart(other.node_pk, T)

    house.settle(T + INTERVAL)

    assert other.states() == ["open"]
    assert {endpoint.host for endpoint in published_info().endpoints} == {"alpha.example.org"}


def test_a_node_that_is_silent_is_not_listed(house):
    """Killed, it says no goodbye; a few seconds later it counts as gone."""
    other = House("beta")
    house.settle()
    other.settle()

    house.settle(T + 12)

    assert {endpoint.host for endpoint in published_info().endpoints} == {"alpha.example.org"}


def test_a_node_that_was_last_seen_in_the_future_is_not_listed(house):
    """The clock was set back since: if the node lived, it would have said so by the new time."""
    other = House("beta", now=T + 7200)
    other.settle()

    house.settle(T)

    assert {endpoint.host for endpoint in published_info().endpoints} == {"alpha.example.org"}


def test_a_last_node_that_stops_leaves_the_file_as_it_is(house):
    """A file without endpoints would help nobody."""
    house.settle()
    serial = latest_publication().serial
    services.depart(house.node_pk, T)

    services.tick(T + INTERVAL)

    assert latest_publication().serial == serial


def test_the_load_of_a_node_stands_in_the_file(house):
    """Connections in parts of what the server admits; no new file is published for it."""
    house.settle()
    services.nodes.keep_alive(house.node_pk, 25, T)
    services.tick(T)
    serial = latest_publication().serial

    house.settle(T + INTERVAL - LEAD)
    assert serial < latest_publication().serial

    services.nodes.keep_alive(house.node_pk, 50, T + INTERVAL)
    services.tick(T + INTERVAL)
    assert published_info().endpoints[0].load == 0.5


def test_each_pass_is_counted(house):
    """The keeper sees by the count that a worker is at work."""
    before = Node.objects.get().ticks

    house.tick()
    house.tick()

    assert Node.objects.get().ticks == before + 2
