"""The keeper: ports of a fake reactor, sessions of a fake hub, a pass at a time."""

import errno
import os

import pytest
from twisted.internet.error import CannotListenError

from clawchat.protocol.schedule import LeaseState
from discovery.services import published_bytes
from rotation import keeper as keeping
from rotation import services
from rotation.deciding import Deciding
from rotation.keeper import IDLE_SECONDS, MOVING_SECONDS, Keeper
from rotation.models import LeaseKind, Node, PortLease
from tests.fakes import Clock
from tests.rotation.rows import GRACE, INTERVAL, LEAD, House, T

QUIET_SECONDS = 10
LOOPBACK = "127.0.0.1"


class FakePorts:
    """A reactor's ports: `taken` ones cannot be opened."""

    def __init__(self) -> None:
        self.open: dict[int, str] = {}
        self.taken: set[int] = set()
        # Why every port is refused; 0 while none is.
        self.trouble = 0
        self.tripwires: set[int] = set()
        self.lost: set[int] = set()
        self.connections = 0
        # Every socket that was opened or closed, in order.
        self.done: list[tuple[str, int]] = []

    def open_chat(self, host: str, number: int, path: str, tripwire: bool = False) -> None:
        number_of_error = self.trouble or (errno.EADDRINUSE if number in self.taken else 0)
        if number_of_error:
            raise CannotListenError(host, number, OSError(number_of_error, os.strerror(number_of_error)))
        assert number not in self.open
        self.open[number] = path
        self.done.append(("open", number))
        if tripwire:
            self.tripwires.add(number)

    def arm_chat(self, number: int) -> None:
        assert number in self.open
        self.tripwires.add(number)

    def is_listening(self, number: int) -> bool:
        return number not in self.lost

    async def close_chat(self, number: int) -> None:
        del self.open[number]
        self.done.append(("close", number))
        self.tripwires.discard(number)
        self.lost.discard(number)


class FakeHub:
    """A hub that notes what its sessions would be told."""

    def __init__(self) -> None:
        self.told: list[bytes] = []
        self.closed: list[int] = []

    def announce_port(self, connection_file: bytes) -> None:
        self.told.append(connection_file)

    def close_port(self, port: int) -> None:
        self.closed.append(port)


class Here:
    """Runs database functions on the spot."""

    is_away = False

    async def run(self, function, *arguments):
        if self.is_away:
            raise keeping.Unavailable("the database does not answer")
        return function(*arguments)


class Home:
    """A keeper with all that surrounds it. The decider runs when the test says so, and is counted when it is asked."""

    def __init__(self, house: House, monkeypatch) -> None:
        self.house, self.ports, self.hub, self.database = house, FakePorts(), FakeHub(), Here()
        self.clock, self.monotonic = Clock(T), Clock(0)
        self.asked: list[bool] = []
        monkeypatch.setattr(Deciding, "decide", self._note_that_it_was_asked)
        # Which leases listen, after each pass.
        self.heard: list[list[PortLease]] = []
        self.restart()

    def restart(self) -> None:
        """A new process: no port is open, no session is there."""
        self.ports.open.clear()
        self.ports.tripwires.clear()
        self.ports.done.clear()
        self.keeper = Keeper(
            self.house.node_pk,
            LOOPBACK,
            self.ports,
            self.hub,
            self.database,
            QUIET_SECONDS,
            self.clock,
            self.monotonic,
            self.heard.append,
        )

    def keep(self, now: float | None = None) -> float:
        """One pass of the keeper; returns the pause until the next."""
        self.clock.now = self.clock.now if now is None else now
        return run_now(self.keeper.keep_once())

    def move(self, now: float) -> None:
        """Everything that can happen at `now`: the decider and the keeper in turns."""
        for _ in range(3):
            self.house.tick(int(now))
            self.keep(now)

    def _note_that_it_was_asked(self) -> None:
        deciding = self.keeper._deciding
        self.asked.append(deciding.is_quiet_since(deciding.others_seen_at))


def run_now(work):
    """The result of a coroutine that never has to wait; without a running loop the database may be asked here."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits for something")


@pytest.fixture
def tripwires(shelf, settings) -> None:
    """Retired ports stay for an hour."""
    settings.CLAWCHAT_TRIPWIRE_SECONDS = 3600.0


@pytest.fixture
def home(house, monkeypatch) -> Home:
    """A keeper that has just started."""
    return Home(house, monkeypatch)


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


def test_without_a_database_the_ports_stay(home):
    """A pass fails, nothing is closed, and the next pass goes on."""
    home.move(T)
    before = dict(home.ports.open)
    home.database.is_away = True

    with pytest.raises(keeping.Unavailable):
        home.keep()
    assert home.ports.open == before

    home.database.is_away = False
    home.keep()
    assert home.ports.open == before


def test_who_asks_hears_which_ports_listen(home):
    """After each pass, those that could be opened; the mapper has the router let them in."""
    home.move(T)
    (lease,) = home.house.leases(LeaseState.OPEN)
    assert [heard.port for heard in home.heard[-1]] == [lease.port]

    home.ports.taken = {lease.port}
    home.restart()
    home.keep()

    assert home.heard[-1] == []
