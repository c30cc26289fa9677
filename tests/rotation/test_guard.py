"""The guard: how many strangers fit in, and for how long."""

from ipaddress import ip_network

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from rotation.guard import ChatGuardFactory, FrontGuardFactory, Guarded, GuardFactory, Limits
from rotation.pins import Wire
from rotation.probes import PATH
from rotation.silent import ChatPort

MALLORY, LOOPBACK = "192.0.2.66", "127.0.0.1"
SECONDS = 10


class Door(Protocol):
    """What stands behind the guard."""

    application_type = "none"
    STATE_OPEN, state = 3, 0

    def connectionMade(self) -> None:
        self.received, self.closed_with, self.lost = b"", None, False

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def close_with(self, code: int) -> None:
        self.closed_with = code

    def connectionLost(self, reason: Failure) -> None:
        self.lost = True


def build_limits(total: int = 10, strangers: int = 8, strangers_per_address: int = 3) -> Limits:
    """Small ones."""
    return Limits(total=total, strangers=strangers, strangers_per_address=strangers_per_address, seconds=SECONDS)


def note_nothing(address: str, where: str, port: int, tripwire: bool) -> None:
    """Nobody asks."""


@pytest.fixture
def clock() -> Clock:
    """A clock that the test moves."""
    return Clock()


@pytest.fixture
def chat(clock: Clock) -> GuardFactory:
    """A guarded chat port."""
    return ChatGuardFactory(Factory.forProtocol(Door), build_limits(), clock, ChatPort(50000, PATH), note_nothing)


def connect(factory: GuardFactory, address: str = MALLORY) -> tuple[Guarded, Wire]:
    """One more socket from `address`."""
    wire = Wire(peerAddress=IPv4Address("TCP", address, 1234))
    guarded = factory.buildProtocol(None)
    guarded.makeConnection(wire)
    return guarded, wire


def lose(guarded: Guarded) -> None:
    """The socket is gone."""
    guarded.connectionLost(Failure(ConnectionLost()))


def test_one_address_fits_in_so_often(chat):
    """The fourth stranger from one address is reset, somebody from elsewhere is not."""
    wires = [connect(chat)[1] for _ in range(4)]

    assert [wire.aborted for wire in wires] == [False, False, False, True]
    assert not connect(chat, "192.0.2.7")[1].aborted


def test_loopback_is_not_limited_by_address(chat):
    """A hundred clients of a test, or of a proxy on this machine, share 127.0.0.1."""
    assert not any(connect(chat, LOOPBACK)[1].aborted for _ in range(8))


def test_strangers_in_all_are_limited(chat):
    """Loopback too is bounded by the number of strangers."""
    wires = [connect(chat, LOOPBACK)[1] for _ in range(9)]

    assert [wire.aborted for wire in wires] == [False] * 8 + [True]


def test_a_crowd_of_strangers_locks_out_nobody_who_is_known(chat):
    """He has the limit of his address, and that of all sockets."""
    home, other = "198.51.100.7", "198.51.100.8"
    chat.limits.is_known = {home, other}.__contains__
    crowd = [connect(chat, f"192.0.2.{number}")[1] for number in range(10)]
    assert [wire.aborted for wire in crowd] == [False] * 8 + [True] * 2

    assert [connect(chat, address)[1].aborted for address in (home, other, home)] == [False, False, True]
    assert chat.limits.open == 10


@pytest.mark.parametrize(("bits", "is_one"), [(64, False), (48, True)])
def test_addresses_of_ipv6_are_one_by_the_operators_prefix(chat, bits, is_one):
    """Also while it is changed: what was counted one way is given back in the same."""
    chat.limits.prefix_bits = bits
    inside = [connect(chat, f"2001:db8:0:{number}::1") for number in range(4)]
    assert [wire.aborted for _, wire in inside] == [False, False, False, is_one]

    chat.limits.prefix_bits = 128
    for guarded, wire in inside:
        if not wire.aborted:
            lose(guarded)

    assert (chat.limits.open, chat.limits._strangers) == (0, {})


def test_a_settled_socket_takes_no_strangers_place(chat):
    """Members behind one address do not lock each other out, nor do strangers lock out members."""
    for _ in range(9):
        guarded, wire = connect(chat)
        assert not wire.aborted
        guarded.settle()

    assert not connect(chat)[1].aborted


def test_sockets_in_all_are_limited(chat):
    """Settled ones count here."""
    for _ in range(10):
        connect(chat)[0].settle()

    assert connect(chat)[1].aborted


def test_a_closed_socket_gives_its_place_back(chat):
    """However often sockets come and go, settled or not, the counts return to nothing."""
    for turn in range(50):
        guarded, wire = connect(chat)
        assert not wire.aborted
        if turn % 2:
            guarded.settle()
            guarded.settle()
        lose(guarded)

    assert chat.limits.open == 0
    assert chat.limits._stranger_count == 0
    assert not chat.limits._strangers


def test_a_refused_socket_takes_no_place(chat):
    """Refusals change no count, and what stands behind the guard never hears of them."""
    for _ in range(3):
        connect(chat)
    refused, _ = connect(chat)
    lose(refused)

    assert chat.limits.open == 3
    assert not hasattr(refused.wrappedProtocol, "received")


def test_a_mute_stranger_is_reset_at_the_deadline(chat, clock):
    """Ten seconds from accept, however much he dripped in between."""
    guarded, wire = connect(chat)
    for _ in range(9):
        clock.advance(1)
        guarded.dataReceived(b"G")
    assert not wire.aborted

    clock.advance(1)

    assert wire.aborted
    assert wire.value() == b""


def test_an_open_websocket_gets_1008_at_the_deadline(chat, clock):
    """Past the upgrade the stranger has shown the path, and is told that he took too long."""
    guarded, wire = connect(chat)
    guarded.wrappedProtocol.application_type, guarded.wrappedProtocol.state = "websocket", Door.STATE_OPEN

    clock.advance(SECONDS)

    assert guarded.wrappedProtocol.closed_with == 1008
    assert not wire.aborted


def test_a_member_has_no_deadline(chat, clock):
    """Once settled, a socket may be silent for as long as its session allows."""
    guarded, wire = connect(chat)
    guarded.settle()

    clock.advance(1000)

    assert not wire.aborted
    assert guarded.wrappedProtocol.closed_with is None


def test_a_lost_socket_leaves_no_timer(chat, clock):
    """A deadline ends with its socket."""
    guarded, _ = connect(chat)

    lose(guarded)

    assert not clock.getDelayedCalls()


class Request:
    """What Daphne's table has of an HTTP request."""

    def __init__(self, guarded: Guarded) -> None:
        self.channel = self
        self.transport = guarded


class Work:
    """A running application."""

    def __init__(self) -> None:
        self.is_done = False

    def done(self) -> bool:
        return self.is_done


@pytest.fixture
def front(clock: Clock) -> FrontGuardFactory:
    """A guarded front door."""
    return FrontGuardFactory(Factory.forProtocol(Door), build_limits(), clock, {})


def test_a_drip_at_the_front_door_is_reset(front, clock):
    """Half a request, one byte a second, ends at the deadline."""
    guarded, wire = connect(front)
    for _ in range(SECONDS):
        guarded.dataReceived(b"G")
        clock.advance(1)

    assert wire.aborted


def test_a_request_at_work_is_not_cut(front, clock):
    """While the application thinks, the deadline waits for it; when it is done without an answer, it strikes."""
    guarded, wire = connect(front)
    work = Work()
    front._connections[Request(guarded)] = {"application_instance": work}

    clock.advance(SECONDS)
    assert not wire.aborted

    work.is_done = True
    clock.advance(SECONDS)
    assert wire.aborted


def test_an_answered_connection_may_idle(front, clock):
    """Keep-alive is for the HTTP server to end, which lets a slow answer go out whole."""
    guarded, wire = connect(front)
    guarded.dataReceived(b"GET / HTTP/1.1\r\n\r\n")
    guarded.write(b"HTTP/1.1 200 OK\r\n\r\n")

    clock.advance(1000)

    assert not wire.aborted


def test_a_second_request_has_a_deadline_of_its_own(front, clock):
    """An answer once is no licence to drip afterwards."""
    guarded, wire = connect(front)
    guarded.writeSequence([b"HTTP/1.1 200 OK\r\n\r\n"])
    clock.advance(1000)

    guarded.dataReceived(b"G")
    clock.advance(SECONDS)

    assert wire.aborted


# Limits of an operator, bans, and tripwires


def test_ipv6_counts_by_network(chat):
    """Whoever has one address of a network has 2^64 of them."""
    wires = [connect(chat, f"2001:db8:0:6::{number:x}")[1] for number in range(1, 5)]

    assert [wire.aborted for wire in wires] == [False, False, False, True]
    assert not connect(chat, "2001:db8:0:7::1")[1].aborted


def test_a_trusted_proxy_is_not_limited_by_address(chat, settings):
    """Behind it is everybody."""
    settings.CLAWCHAT_TRUSTED_PROXIES = (ip_network("192.0.2.64/26"),)

    assert not any(connect(chat)[1].aborted for _ in range(8))


def test_changed_limits_hold_for_the_next_socket(chat):
    """Those that are open stay, and the counts go on."""
    first, _ = connect(chat)
    chat.limits.strangers_per_address = 1
    assert connect(chat)[1].aborted

    chat.limits.strangers_per_address = 2
    assert not connect(chat)[1].aborted
    lose(first)
    assert not connect(chat)[1].aborted


class Watch:
    """A guarded chat port whose strangers are noted."""

    def __init__(self, clock: Clock, tripwire: bool) -> None:
        self.noted: list[tuple[str, str, int, bool]] = []
        self.banned: set[str] = set()
        self.port = ChatPort(50000, PATH, tripwire)
        self.factory = ChatGuardFactory(
            Factory.forProtocol(Door),
            build_limits(),
            clock,
            self.port,
            lambda *found: self.noted.append(found),
            self.banned.__contains__,
        )


@pytest.fixture
def live(clock: Clock) -> Watch:
    """A live port."""
    return Watch(clock, tripwire=False)


@pytest.fixture
def tripwire(clock: Clock) -> Watch:
    """A tripwire."""
    return Watch(clock, tripwire=True)


def test_who_connects_to_a_tripwire_and_goes_has_touched_it(tripwire):
    """A scanner that only looks whether somebody listens says nothing at all."""
    guarded, _ = connect(tripwire.factory)
    assert tripwire.noted == []

    lose(guarded)

    assert tripwire.noted == [(MALLORY, "connect", 50000, True)]


def test_a_touch_is_counted_once(tripwire, clock):
    """By the deadline, or by whoever judged what was said; not again when the socket is lost."""
    mute, _ = connect(tripwire.factory)
    clock.advance(SECONDS)
    lose(mute)
    assert tripwire.noted == [(MALLORY, "deadline", 50000, True)]

    spoken, _ = connect(tripwire.factory)
    spoken.wrappedProtocol.judged = True
    lose(spoken)
    assert len(tripwire.noted) == 1


def test_who_is_known_by_his_first_message_has_touched_nothing(tripwire, clock):
    """However slowly he goes home then."""
    guarded, wire = connect(tripwire.factory)
    guarded.wrappedProtocol.judged = True

    clock.advance(SECONDS)
    lose(guarded)

    assert wire.aborted
    assert tripwire.noted == []


def test_who_came_while_the_port_was_live_has_touched_no_tripwire(live):
    """The port became one while he was on it."""
    guarded, _ = connect(live.factory)
    live.port.tripwire = True

    lose(guarded)

    assert live.noted == []


def test_a_live_port_does_not_count_who_only_looks(live):
    """Clients come and go there."""
    guarded, _ = connect(live.factory)

    lose(guarded)

    assert live.noted == []


def test_a_slow_handshake_is_no_deadline_of_a_stranger(live, clock):
    """Its first message was good: a stranger who took too long, and no scan."""
    guarded, _ = connect(live.factory)
    guarded.wrappedProtocol.judged = True

    clock.advance(SECONDS)

    assert live.noted == [(MALLORY, "handshake", 50000, False)]


def test_who_is_banned_is_reset_at_once(live):
    """He takes no place and is not counted; who is in stays in, and others come as before."""
    guarded, inside = connect(live.factory)
    live.banned.add(MALLORY)

    refused, wire = connect(live.factory)
    lose(refused)

    assert wire.aborted and not inside.aborted
    assert live.factory.limits.open == 1
    assert live.noted == []
    assert not connect(live.factory, "192.0.2.7")[1].aborted
    lose(guarded)
