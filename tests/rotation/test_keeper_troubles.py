"""The keeper: ports that never move or were never announced, and what goes wrong with sockets."""

import errno

import pytest

from clawchat.protocol.errors import Unavailable
from clawchat.protocol.schedule import LeaseState
from rotation import services
from rotation.models import LeaseKind, Node, PortLease
from tests.rotation.rows import GRACE, INTERVAL, LEAD, T


def test_two_leases_of_one_number_do_no_harm(home, tripwires):
    """After a restart the one that serves gets the socket; the other one fails, and everything else goes on."""
    home.move(T)
    home.move(T + INTERVAL - LEAD)
    home.move(T + INTERVAL)
    home.move(T + INTERVAL + GRACE)
    old, new = home.house.leases()
    PortLease.objects.filter(pk=old.pk).update(port=new.port)
    home.restart()

    home.keep()

    assert home.ports.open == {new.port: new.path}
    assert home.ports.tripwires == set()
    assert home.house.states() == ["failed", "open"]
    assert "another lease" in home.house.leases()[0].problem


def test_a_socket_that_is_lost_is_opened_again(home):
    """In the same pass: no live lease is without one."""
    home.move(T)
    (lease,) = home.house.leases()
    home.ports.done.clear()
    home.ports.lost = {lease.port}

    home.keep()

    assert home.ports.done == [("close", lease.port), ("open", lease.port)]


@pytest.mark.parametrize("trouble", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_a_machine_that_is_short_keeps_what_it_has(home, trouble):
    """A planned port waits until there is room, and no other is planned in its place."""
    home.move(T)
    home.house.tick(T + INTERVAL - LEAD)
    home.ports.trouble = trouble
    home.keep(T + INTERVAL - LEAD)
    home.house.tick(T + INTERVAL - LEAD + 1)
    home.keep(T + INTERVAL - LEAD + 1)
    assert home.house.states() == ["open", "planned"]

    home.ports.trouble = 0
    home.keep()

    assert home.house.states() == ["open", "bound"]


def test_a_short_machine_after_a_restart_lists_no_port_without_a_socket(home):
    """What clients were told of fails at once, and a port that nobody knows is planned."""
    home.move(T)
    home.restart()
    home.ports.trouble = errno.EMFILE

    home.keep(T + 1)
    home.house.tick(T + 1)

    assert home.house.states() == ["failed", "planned"]
    assert "LimitNOFILE" in home.house.leases()[0].problem


def test_trouble_with_one_lease_stops_no_other(home, monkeypatch, caplog):
    """It fails, so that another is planned; the next port opens, and the node says that it lives."""
    home.move(T)
    home.house.tick(T + INTERVAL - LEAD)
    broken = home.house.leases()[1]
    PortLease.objects.create(
        node_id=broken.node_id,
        kind=LeaseKind.DECOY,
        period=0,
        port=50_000,
        path="/" + "D" * 22,
        planned_at=broken.planned_at,
        opens_at=broken.opens_at,
        closes_at=broken.closes_at,
        moved_at=broken.moved_at,
    )
    real = home.ports.open_chat

    def open_chat(host: str, number: int, *rest: object) -> None:
        if number == broken.port:
            raise RuntimeError("a bug")
        real(host, number, *rest)

    monkeypatch.setattr(home.ports, "open_chat", open_chat)
    home.monotonic.forward(10)
    for _ in range(2):
        home.keep(T + INTERVAL - LEAD)

    assert 50_000 in home.ports.tripwires
    assert Node.objects.get().seen_at.timestamp() == T + INTERVAL - LEAD
    assert home.house.leases(LeaseState.FAILED) == [broken]
    assert caplog.text.count("could not be opened") == 1


def test_trouble_with_closing_a_port_stops_no_other(home, monkeypatch, caplog):
    """Nor with whoever hears which ports listen; a pass does all the rest, and the next one does not try again."""
    home.move(T)
    (lease,) = home.house.leases()
    services.note_failed(lease, "somebody took it away", T)
    home.house.tick()

    async def close_chat(number: int) -> None:
        raise RuntimeError("a bug")

    def hear(leases: list[PortLease]) -> None:
        raise RuntimeError("another bug")

    monkeypatch.setattr(home.ports, "close_chat", close_chat)
    home.keeper._hear_open = hear
    home.monotonic.forward(10)
    for _ in range(2):
        home.keep(T + 10)

    assert home.house.states() == ["failed", "bound"]
    assert home.hub.closed == [lease.port]
    assert Node.objects.get().seen_at.timestamp() == T + 10
    assert caplog.text.count("could not be seen to") == 1


def fixed_lease(home, port: int) -> PortLease:
    """A fixed port that has just been planned."""
    at = home.house.leases()[0].planned_at
    return PortLease.objects.create(
        node_id=home.house.node_pk,
        kind=LeaseKind.FIXED,
        period=0,
        port=port,
        path="/" + "F" * 22,
        planned_at=at,
        opens_at=at,
        closes_at=at,
        moved_at=at,
    )


def test_a_fixed_port_listens_like_any_other(home):
    """And is no tripwire, whatever its times say."""
    home.move(T)
    lease = fixed_lease(home, 44_443)

    home.keep(T + 5)

    assert home.ports.open[44_443] == lease.path
    assert home.ports.tripwires == set()
    assert home.house.leases(LeaseState.BOUND) == [lease]


def test_a_fixed_port_that_may_not_be_opened_is_explained(home, caplog):
    """One sentence with the remedy; the moving port is not concerned."""
    home.move(T)
    lease = fixed_lease(home, 443)
    home.ports.trouble = errno.EACCES

    home.keep(T + 5)

    (failed,) = home.house.leases(LeaseState.FAILED)
    assert failed == lease
    assert failed.problem.startswith("Port 443 may not be opened by this user. Give the server CAP_NET_BIND_SERVICE")
    assert "Another one" not in caplog.text
    assert home.keeper.current is not None
    assert len(home.ports.open) == 1


def test_a_decoy_is_a_tripwire_from_its_first_moment(home):
    """Nobody is told of it, so there is nobody to be served."""
    home.move(T)
    lease = fixed_lease(home, 50_000)
    PortLease.objects.filter(pk=lease.pk).update(kind=LeaseKind.DECOY)

    home.keep(T + 5)

    assert home.ports.tripwires == {50_000}


def test_a_restart_opens_tripwires_again(home, tripwires):
    """After the ports that serve."""
    home.move(T)
    home.move(T + INTERVAL - LEAD)
    home.move(T + INTERVAL)
    home.move(T + INTERVAL + GRACE)
    old, new = home.house.leases()

    home.restart()
    home.keep()

    assert home.ports.done == [("open", new.port), ("open", old.port)]
    assert home.ports.tripwires == {old.port}


def test_without_a_database_the_ports_stay(home):
    """A pass fails, nothing is closed, and the next pass goes on."""
    home.move(T)
    before = dict(home.ports.open)
    home.database.is_away = True

    with pytest.raises(Unavailable):
        home.keep()
    assert home.ports.open == before

    home.database.is_away = False
    home.keep()
    assert home.ports.open == before


def test_a_row_that_could_not_be_told_of_its_socket_is_told_later(home, monkeypatch):
    """The database goes away between the two: the port is not opened twice, and the lease goes on."""
    home.house.tick()
    (lease,) = home.house.leases()

    def away(*_: object) -> None:
        raise Unavailable("the database does not answer")

    with monkeypatch.context() as broken:
        broken.setattr(services.nodes, "note_bound", away)
        with pytest.raises(Unavailable):
            home.keep()
    assert home.house.states() == ["planned"]

    home.keep()

    assert home.ports.done == [("open", lease.port)]
    assert home.house.states() == ["bound"]
