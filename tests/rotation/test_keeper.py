"""The keeper: ports of a fake reactor, sessions of a fake hub, a pass at a time."""

import errno

import pytest

from clawchat.protocol.schedule import LeaseState
from discovery.services import published_bytes
from rotation import services
from rotation.keeper import IDLE_SECONDS, MOVING_SECONDS
from rotation.models import Node
from tests.rotation.keeping import QUIET_SECONDS
from tests.rotation.rows import GRACE, INTERVAL, LEAD, House, T


def test_a_planned_port_is_opened(home):
    """With its path, and the row says that it listens."""
    home.house.tick()

    home.keep()

    (lease,) = home.house.leases()
    assert home.ports.open == {lease.port: lease.path}
    assert lease.state == LeaseState.BOUND


def test_a_port_that_is_taken_is_given_up(home):
    """The row says why, the decider is asked for another."""
    home.house.tick()
    (lease,) = home.house.leases()
    home.ports.taken = {lease.port}
    home.keep()
    home.asked.clear()

    home.house.tick()
    home.keep()

    failed, bound = home.house.leases()
    assert (failed.state, bound.state) == ("failed", "bound")
    assert failed.problem == f"Port {failed.port} cannot be opened: [Errno {errno.EADDRINUSE}] Address already in use."
    assert home.asked


def test_sessions_are_told_when_a_port_is_announced_and_when_it_opens(home):
    """Each time with the file as it is published then; in between, silence."""
    home.move(T)
    home.hub.told.clear()

    home.move(T + INTERVAL - LEAD)
    assert home.hub.told == [published_bytes()]

    home.move(T + INTERVAL - 1)
    assert len(home.hub.told) == 1

    home.move(T + INTERVAL)
    assert len(home.hub.told) == 2
    assert home.hub.told[1] == published_bytes() != home.hub.told[0]


def test_sessions_are_told_once_more_before_the_old_port_closes(home):
    """Who came by an older file while it drained would otherwise never hear of the move."""
    home.move(T)
    home.move(T + INTERVAL - LEAD)
    home.move(T + INTERVAL)
    told = len(home.hub.told)

    home.move(T + INTERVAL + GRACE // 2 - 1)
    assert len(home.hub.told) == told

    home.move(T + INTERVAL + GRACE // 2)
    home.move(T + INTERVAL + GRACE // 2 + 1)
    assert len(home.hub.told) == told + 1


def test_sessions_are_told_of_another_nodes_move(home):
    """Every newer file that is safe goes to our sessions, whatever has changed in it; the same file only once."""
    home.move(T)
    home.hub.told.clear()
    beta = House("beta", T + 5)
    for _ in range(2):
        beta.settle(T + 5)
        services.nodes.keep_alive(home.house.node_pk, 0, T + 5)

    home.keep(T + 5)
    home.keep(T + 6)

    assert home.hub.told == [published_bytes()]


def test_both_ports_are_open_during_grace(home, tripwires):
    """The old one still accepts; at T + grace it becomes a tripwire in its place, and who is left there is sent on."""
    home.move(T)
    home.move(T + INTERVAL - LEAD)
    home.move(T + INTERVAL)
    old, new = home.house.leases()
    assert set(home.ports.open) == {old.port, new.port}
    assert home.hub.closed == []

    home.ports.done.clear()
    home.keep(T + INTERVAL + GRACE)
    home.move(T + INTERVAL + GRACE)

    assert home.ports.done == []
    assert home.ports.tripwires == {old.port}
    assert home.hub.closed == [old.port]
    assert home.house.leases()[0].state == LeaseState.TRIPWIRE


def test_without_tripwires_the_old_port_is_closed_after_grace(home):
    """None are asked for here."""
    home.move(T)
    home.move(T + INTERVAL - LEAD)
    home.move(T + INTERVAL)
    new = home.house.leases()[1]

    home.move(T + INTERVAL + GRACE)

    assert set(home.ports.open) == {new.port}


@pytest.mark.parametrize("moment", [0, INTERVAL - LEAD, INTERVAL, INTERVAL + GRACE - 1])
def test_a_restart_opens_the_same_ports(home, moment):
    """Same numbers, same paths, before the decider has said anything; nobody is there to be told."""
    for passed in (0, INTERVAL - LEAD, INTERVAL, INTERVAL + GRACE - 1):
        if passed <= moment:
            home.move(T + passed)
    before, told = dict(home.ports.open), len(home.hub.told)

    home.restart()
    home.keep()

    assert home.ports.open == before
    assert len(home.hub.told) == told


def test_a_restart_after_grace_makes_the_old_port_a_tripwire(home, tripwires):
    """Its time is over, even if no decider has said so yet: it listens, and serves nobody."""
    home.move(T)
    home.move(T + INTERVAL - LEAD)
    home.move(T + INTERVAL)
    old, new = home.house.leases()

    home.restart()
    home.keep(T + INTERVAL + GRACE)

    assert set(home.ports.open) == {old.port, new.port}
    assert home.ports.tripwires == {old.port}


def test_a_port_that_is_gone_after_a_restart_is_replaced(home):
    """Somebody else sits on it: the row fails, the next port opens."""
    home.move(T)
    (lease,) = home.house.leases()
    home.restart()
    home.ports.taken = {lease.port}

    home.move(T + 10)

    assert home.house.states() == ["failed", "open"]


def test_a_number_drawn_again_gets_its_own_path(home):
    """The new lease of a port that just closed is not taken for the old one."""
    home.move(T)
    (old,) = home.house.leases()
    services.note_failed(old, "somebody took it away", T)
    home.house.tick()
    new = home.house.leases()[1]
    type(new).objects.filter(pk=new.pk).update(port=old.port)

    home.keep()

    assert home.ports.open == {old.port: new.path}


def test_a_lease_that_was_let_go_meanwhile_is_closed_again(home, monkeypatch):
    """The row moved on between reading and opening: the next pass closes the port."""
    home.house.tick()
    (lease,) = home.house.leases()
    real = services.nodes.note_bound

    def let_go_first(leased, now):
        services.note_failed(home.house.leases()[0], "let go", now)
        return real(leased, now)

    monkeypatch.setattr(services.nodes, "note_bound", let_go_first)
    home.keep()
    assert lease.port in home.ports.open

    home.keep()
    assert home.ports.open == {}


def test_the_keeper_looks_often_while_a_port_comes_up(home):
    """And once a second otherwise, but for the moments of a grace at which something is to be done."""
    assert home.keep() == IDLE_SECONDS
    home.house.tick()
    assert home.keep() == MOVING_SECONDS
    home.move(T)
    assert home.keep() == IDLE_SECONDS
    home.move(T + INTERVAL - LEAD)
    assert home.keep() == MOVING_SECONDS
    home.move(T + INTERVAL)
    assert home.keep() == IDLE_SECONDS
    assert home.keep(T + INTERVAL + GRACE / 2 - 0.5) == 0.5
    assert home.keep(T + INTERVAL + GRACE - 0.25) == 0.25


# The decider


def test_the_decider_is_asked_at_the_start(home):
    """Nobody has run yet, so the file goes to all mirrors from here."""
    home.keep()

    assert home.asked == [True]


def test_a_worker_that_ticks_is_left_alone(home):
    """While passes are counted, the keeper asks for none."""
    home.move(T)
    home.asked.clear()
    for _ in range(100):
        home.monotonic.forward(1)
        home.house.tick()
        home.keep()

    assert home.asked == []


def test_a_worker_that_stops_is_replaced(home):
    """After ten silent seconds of the monotonic clock, whatever the wall clock says."""
    home.move(T)
    home.asked.clear()

    home.monotonic.forward(QUIET_SECONDS - 1)
    home.keep(T - 3600)
    assert home.asked == []

    home.monotonic.forward(1)
    home.keep(T - 3600)
    assert home.asked == [True]


def test_a_node_says_that_it_lives(home):
    """Every two seconds, with the number of its sockets."""
    home.ports.connections = 7
    home.keep(T)
    home.monotonic.forward(1)
    home.keep(T + 1)
    assert Node.objects.get().seen_at.timestamp() == T

    home.monotonic.forward(1)
    home.keep(T + 2)

    assert Node.objects.get().seen_at.timestamp() == T + 2
    assert Node.objects.get().connections == 7
