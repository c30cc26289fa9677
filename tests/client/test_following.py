"""Several nodes, ports that die, swallow everything or never move: the client is where it should be, and soon."""

import asyncio
import socket
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from clawchat.client import Client, ConnectionLost, Unreachable, discovery, race, stay
from clawchat.client.back_off import BackOff
from clawchat.client.device import Device
from clawchat.client.discovery import Finder
from clawchat.client.race import Race
from clawchat.client.store import Store
from clawchat.ending import end_tasks
from clawchat.protocol.bodies import CloseNotify
from clawchat.protocol.connection_file import Endpoint
from clawchat.protocol.errors import Limit, Rediscover, Revoked
from clawchat.protocol.invite import Invite
from tests.client.conftest import ROOM, collect, message
from tests.client.tiny_server import Port, deaf_port, until

# Longer than any of these may take, shorter than one handshake that nobody answers.
SOON = 8.0


@pytest.fixture(autouse=True)
def little_patience(monkeypatch):
    """Silence is noticed at once, and whoever is told nothing looks soon."""
    monkeypatch.setattr(race, "PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(stay, "FIRST_LOOK_SECONDS", 0.1)


@asynccontextmanager
async def mute_port():
    """A port that connects and never says a word: nobody accepts what the kernel has."""
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(16)
        yield mute.getsockname()[1]


async def two_nodes(server) -> tuple[Port, Port]:
    """The port of each of two nodes, both listed."""
    one, two = server.ports[0], await server.open_port(node="two")
    await server.announce(one, two)
    return one, two


async def test_moves_of_another_node_move_nobody(server, alice):
    """However often the other node's port changes, alice stays where she is, on one connection."""
    one, two = await two_nodes(server)
    for _ in range(3):
        successor = await server.open_port(node="two")
        await server.announce(one, two, successor)
        await server.announce(one, successor)
        two = successor
    await alice.request("device.list")

    assert alice.port == one.number
    assert server.handshakes == 2


async def test_own_move_is_followed_although_another_port_lives_longer(server, alice):
    """What counts is that her own port retires."""
    one, two = await two_nodes(server)
    successor = await server.open_port()
    await server.announce(one, two, successor)

    await until(lambda: alice.port in (two.number, successor.number))


async def test_clients_of_a_killed_node_are_on_the_other_at_once(server, tmp_path):
    """Messages under way when the node dies are stored once, in order, by the other one; no mirror is asked."""
    one, two = server.ports[0], await server.open_port(node="two")
    server.publish(one, two)
    alice = await Client.enrol(server.invite(), tmp_path / "alice", name="Alice")
    await alice.follow(ROOM)
    server.published = b""
    here, other = (one, two) if alice.port == one.number else (two, one)
    sends = [asyncio.create_task(alice.send(ROOM, message(f"{number:02}")[1])) for number in range(50)]
    await asyncio.sleep(0)
    await server.close_port(here)
    async with asyncio.timeout(SOON):
        await asyncio.gather(*sends)
        rows = await collect(alice, 50)

    assert alice.port == other.number
    assert [row.message[-2:] for row in rows] == [f"{number:02}".encode() for number in range(50)]
    await alice.close()


@pytest.mark.parametrize("hole", [mute_port, deaf_port])
async def test_port_that_swallows_everything_holds_up_nobody(server, tmp_path, monkeypatch, hole):
    """The next port is dialled long before a handshake's time is over, and the hole's dial is let go."""
    monkeypatch.setattr(discovery, "jitter", lambda: 0.0)
    async with hole() as number:
        server.publish(replace(server.ports[0], number=number, node="hole"), server.ports[0])
        async with asyncio.timeout(SOON):
            bob = await Client.enrol(server.invite(), None, name="Bob")
        assert bob.port == server.ports[0].number
        await bob.close()


async def test_client_that_slept_through_five_moves_finds_home(server, tmp_path):
    """All five ports of its file are tripwires by now: the first one touched sends it to the mirrors."""
    traps = [server.ports[0], *[await server.open_port(node=f"node {number}") for number in range(4)]]
    server.publish(*traps)
    bob = await Client.enrol(server.invite(), tmp_path / "bob", name="Bob")
    await bob.close()
    home = await server.open_port()
    server.publish(home)
    for trap in traps:
        trap.tripwire = True
    again = Client.open(tmp_path / "bob")
    async with asyncio.timeout(SOON):
        await again.connect()

    assert again.port == home.number
    await again.close()


async def test_stale_file_with_only_dead_ports_leads_to_the_mirrors(server, tmp_path):
    """Every port it knows is gone, some without a sound."""
    ports = [server.ports[0], await server.open_port(node="two"), await server.open_port(node="three")]
    async with deaf_port() as number:
        server.publish(*ports, replace(ports[0], number=number, node="deaf"))
        bob = await Client.enrol(server.invite(), tmp_path / "bob", name="Bob")
        await bob.close()
        home = await server.open_port()
        server.publish(home)
        for port in ports:
            await server.close_port(port)
        again = Client.open(tmp_path / "bob")
        async with asyncio.timeout(SOON):
            await again.connect()

        assert again.port == home.number
        await again.close()


async def test_overtaken_server_gets_no_session(server, monkeypatch):
    """The slow one is dialled first and answers late: there is never more than one session."""
    monkeypatch.setattr(discovery, "jitter", lambda: 0.0)
    slow = await server.open_port(node="slow", slowness=1.0)
    server.publish(slow, server.ports[0])
    bob = await Client.enrol(server.invite(), None, name="Bob")
    await asyncio.sleep(1.5)

    assert bob.port == server.ports[0].number
    assert [seat.port for seat in server.seats] == [server.ports[0]]
    assert await bob.request("device.list") == {"devices": []}
    await bob.close()


async def test_fixed_port_is_the_last_resort_and_left_again(server, monkeypatch):
    """With every other port dead the fixed one serves; when one can be had again, it is left without a gap."""
    monkeypatch.setattr(stay, "FIRST_RETURN_SECONDS", 0.3)
    fixed, gone = await server.open_port(node="fixed", fixed=True), server.ports[0]
    server.publish(fixed, gone)
    await server.close_port(gone)
    bob = await Client.enrol(server.invite(), None, name="Bob")
    first = bob.port
    home = await server.open_port()
    await server.announce(fixed, home)
    await until(lambda: bob.port == home.number)

    assert first == fixed.number
    await bob.close()


async def test_who_is_told_nothing_looks_by_itself(server, alice):
    """The push is lost, the port's time is running out: the mirror says where to go."""
    old = server.ports[0]
    old.lasts = 3
    await server.announce(old)
    new = await server.open_port()
    server.publish(old, new)

    await until(lambda: alice.port == new.number and len(server.seats) == 1)


async def test_mirrors_that_are_down_disturb_no_session(server, alice):
    """A port that serves on past its time, with nobody to ask: the session goes on."""
    old = server.ports[0]
    old.lasts = -100
    await server.announce(old)
    server.published = b""
    for _ in range(20):
        await alice.request("device.list")
        await asyncio.sleep(0.02)

    assert (alice.status, alice.problem, alice.port) == ("connected", None, old.number)


async def test_region_is_preferred(server):
    """Of two ports the client's own region's is taken, every time."""
    await server.open_port(node="eu", load=0.9)
    server.publish(*server.ports)
    for _ in range(4):
        bob = await Client.enrol(server.invite(), None, name="Bob", region="eu")
        assert bob.port == server.ports[1].number
        await bob.close()


def make_finder(server, store, **options) -> Finder:
    """The finder of a device of this server, with nothing fetched yet."""
    device = Device.load(store) or Device.begin(store, Invite.parse(server.invite()), "Bob", int(time.time()))
    return Finder(store, device, **options)


async def test_slow_place_is_avoided_and_remembered(server):
    """Times outlive the program; who was slow, or was just lost, comes last."""
    store = Store.in_memory()
    places = [Endpoint(host, 1, "/" + "A" * 22, True, 0, int(time.time()) + 60) for host in ("slow", "quick")]
    finder = make_finder(server, store)
    finder.proved(places[1], 0.05)
    finder._times_stored_until = 0.0
    finder.proved(places[0], 0.5)
    again = make_finder(server, store)

    assert {tuple(each.host for each in again.order(places)) for _ in range(30)} == {("quick", "slow")}
    fresh = make_finder(server, Store.in_memory())
    fresh.lost = places[1]
    assert {tuple(each.host for each in fresh.order(places)) for _ in range(30)} == {("slow", "quick")}


def place(name: str) -> Endpoint:
    return Endpoint(name, 1, "/" + "A" * 22, True, 0, 1)


async def test_race_tells_what_stood_in_the_way():
    """Limit rather than a dead port; what the ports said rather than the mirrors; a revocation at once."""

    def dialler(**errors):
        async def dial(endpoint, proven):
            raise errors[endpoint.host]

        return dial

    async def no_mirror(tell):
        raise Unreachable("no mirror")

    with pytest.raises(Limit):
        await Race(dialler(a=Limit("5 s"), b=ConnectionLost())).run([place("a"), place("b")])
    with pytest.raises(ConnectionLost):
        await Race(dialler(a=ConnectionLost()), no_mirror).run([place("a")])
    with pytest.raises(Unreachable, match="no mirror"):
        await Race(dialler(), no_mirror).run([])
    with pytest.raises(Unreachable, match="names no port"):
        await Race(dialler()).run([])
    with pytest.raises(Revoked):
        await Race(dialler(a=Revoked(), b=ConnectionLost())).run([place("a"), place("b")])


async def test_after_a_tripwire_the_mirrors_come_first():
    """The other ports of an old file wait for what they say."""
    order = []

    async def dial(endpoint, proven):
        order.append(endpoint.host)
        if endpoint.host == "trap":
            raise Rediscover
        await proven()
        return endpoint

    async def look(tell):
        order.append("mirrors")
        return [place("home"), place("old")]

    assert (await Race(dial, look).run([place("trap"), place("old")])).host == "home"
    assert order == ["trap", "mirrors", "home"]


async def test_silent_ports_do_not_keep_us_from_the_mirrors():
    """A long file of ports whose packets are dropped: after two of them the mirrors are asked as well."""
    dialled = []

    async def dial(endpoint, proven):
        dialled.append(endpoint.host)
        if endpoint.host != "home":
            await asyncio.sleep(60)
        await proven()
        return endpoint

    async def look(tell):
        return [place("home")]

    race_ = Race(dial, look)
    assert (await race_.run([place(f"hole {number}") for number in range(16)])).host == "home"
    assert len(dialled) < 16
    await end_tasks(race_.losers)


async def test_what_one_place_says_is_tried_while_the_others_have_their_time():
    """The first good file's ports are dialled at once; the look goes on, also when the race is over."""
    ends = asyncio.Event()

    async def dial(endpoint, proven):
        if endpoint.host == "trap":
            raise Rediscover
        await proven()
        return endpoint

    async def look(tell):
        tell([place("home")])
        await ends.wait()
        return [place("home")]

    race_ = Race(dial, look)
    async with asyncio.timeout(10):
        assert (await race_.run([place("trap")])).host == "home"
    (going_on,) = race_.losers
    ends.set()
    assert await going_on == [place("home")]


async def test_one_dial_at_a_time_says_who_we_are():
    """Two that proved themselves go on one after the other, the second only because the first failed."""
    going = 0
    most = 0

    async def dial(endpoint, proven):
        nonlocal going, most
        await asyncio.sleep(0.3 if endpoint.host == "a" else 0.05)
        await proven()
        await proven()
        going += 1
        most = max(most, going)
        await asyncio.sleep(0.2)
        going -= 1
        if endpoint.host == "b":
            raise ConnectionLost
        return endpoint

    assert (await Race(dial).run([place("a"), place("b")])).host == "a"
    assert most == 1


async def test_race_that_is_given_up_leaves_nothing_behind():
    """A client that is closed while it dials ends its dials."""
    ended = []

    async def dial(endpoint, proven):
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(endpoint.host)

    running = asyncio.create_task(Race(dial).run([place("a"), place("b")]))
    await asyncio.sleep(0.4)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert sorted(ended) == ["a", "b"]


async def test_full_node_is_passed_over(server, tmp_path, monkeypatch):
    """A server that has no place for us says so after AUTH_OK: the next one has."""
    monkeypatch.setattr(discovery, "jitter", lambda: 0.0)
    full = await server.open_port(node="full", refusal=CloseNotify(Limit.number, "60 s"))
    server.publish(full, server.ports[0])
    async with asyncio.timeout(SOON):
        bob = await Client.enrol(server.invite(), None, name="Bob")

    assert bob.port == server.ports[0].number
    await bob.close()


def test_short_absence_is_not_made_long():
    """Above two seconds a pause is at most a quarter of the time away, and at most half a minute."""
    now = 0.0
    back_off = BackOff(0.5, 30.0, lambda: 1.0, urgent=True, clock=lambda: now)
    pauses = []
    for _ in range(40):
        pauses.append(back_off.next_pause())
        now += pauses[-1]

    assert pauses[:4] == [0.5, 1.0, 2.0, 2.0]
    assert all(pause <= max(2.0, sum(pauses[:index]) / 4) for index, pause in enumerate(pauses))
    assert pauses[-1] == 30.0
    back_off.reset()
    assert back_off.next_pause() == 0.5
