"""The port moves, files are forged, old or missing: the client finds its way or stays where it is."""

import asyncio
import time

import pytest

from clawchat.client import Client, Unreachable, line, places
from clawchat.client.dial import dial
from clawchat.protocol.bodies import CloseNotify
from clawchat.protocol.connection_file import ConnectionInfo, Endpoint, _seal_connection_file
from clawchat.protocol.errors import Unauthentic, UsageError
from clawchat.protocol.frame import MessageType
from clawchat.protocol.keys import DiscoverySecret, IdentityKey
from clawchat.protocol.limits import CONNECTION_FILE_MAX_BYTES
from clawchat.protocol.primitives import random_bytes
from tests.client.conftest import ROOM, collect, message
from tests.client.tiny_server import SLOW_MIRROR_SECONDS, until


def forge(info: ConnectionInfo, secret: DiscoverySecret, identity: IdentityKey | None = None) -> bytes:
    """A connection file by somebody who holds a secret, signed by a key of its own."""
    signer = identity or IdentityKey.generate()
    return _seal_connection_file(info.encode(), secret, signer, info.timestamp, random_bytes(12))


async def test_move_makes_before_it_breaks(server, alice):
    """On 0x05 the second connection stands before the first one ends, and the first ends in good order."""
    old, most_at_once = server.ports[0], 0
    new = await server.open_port()
    first = server.seats[0]
    await server.announce(old, new)
    while alice.port != new.number:
        most_at_once = max(most_at_once, len(server.seats))
        await asyncio.sleep(0)
    await until(lambda: len(server.seats) == 1)

    assert most_at_once == 2
    assert server.seats[0].port is new
    assert first.socket.close_code == 1000


async def test_nothing_is_lost_or_doubled_over_moves(server, alice):
    """Both directions run through three moves: the log is what was sent, and the events are the log."""
    await alice.follow(ROOM)
    reading = asyncio.create_task(collect(alice, 120))
    for number in range(120):
        await alice.send(ROOM, message(str(number))[1])
        if number % 40 == 10:
            new = await server.open_port()
            await server.announce(*server.ports[-2:])
        if number % 40 == 30:
            await until(lambda: alice.port == new.number)
            await server.close_port(server.ports[0])
    rows = await asyncio.wait_for(reading, 10)

    assert [row.seq for row in rows] == list(range(1, 121))
    assert [row.message for row in rows] == [row.message for row in server.rooms[ROOM]]
    assert len(server.rooms[ROOM]) == 120


async def test_messages_under_way_keep_their_order_over_a_move(server, alice):
    """Messages that are sent without waiting are stored in their order although the connection changes."""
    new = await server.open_port()
    sends = [asyncio.create_task(alice.send(ROOM, message(f"{number:03}")[1])) for number in range(200)]
    await asyncio.sleep(0.01)
    await server.announce(server.ports[0], new)
    await asyncio.gather(*sends)
    await until(lambda: alice.port == new.number)

    assert [row.message[-3:] for row in server.rooms[ROOM]] == [f"{number:03}".encode() for number in range(200)]


async def test_question_under_way_is_not_asked_twice(server, alice):
    """A move waits for the answers that the old connection still owes, so that a calm move repeats nothing."""
    new = await server.open_port()
    server.answer_pause = 0.2
    asked = asyncio.create_task(alice.request("packages.take", devices=[]))
    await until(lambda: {"op": "packages.take", "devices": []} in server.requests)
    await server.announce(server.ports[0], new)
    await asked
    await until(lambda: alice.port == new.number)

    assert [request["op"] for request in server.requests].count("packages.take") == 1


async def test_new_port_that_does_not_answer_leaves_the_old_one(server, alice):
    """While the announced port takes nobody, the old connection stays; later the move is made after all."""
    old = server.ports[0]
    new = await server.open_port()
    new.tripwire = True
    await server.announce(old, new)
    await until(lambda: alice.status == "moving")
    await alice.request("device.list")
    still_there = alice.port
    new.tripwire = False
    await until(lambda: alice.port == new.number)

    assert still_there == old.number


@pytest.mark.parametrize("forgery", ["signature", "secret", "garbage", "server"])
async def test_forged_announcement_is_not_followed(server, alice, forgery):
    """Mallory, who holds the discovery secret, still cannot lead alice away, and the session goes on."""
    trap = await server.open_port()
    info = server.info(trap)
    data = {
        "signature": lambda: forge(info, server.secret),
        "secret": lambda: forge(info, DiscoverySecret.generate(), server.identity),
        "garbage": lambda: b"{}",
        "server": lambda: server.seal(info).replace(b'"sig"', b'"gis"'),
    }[forgery]()
    await server.seats[0].send(MessageType.PORT_ROTATION, data)
    await alice.request("device.list")

    assert alice.port == server.ports[0].number
    assert server.handshakes == 2


async def test_older_file_is_not_followed(server, alice):
    """A replayed file with a lower serial leads back neither now nor after the next loss."""
    older = server.seal(server.info(await server.open_port(), serial=5))
    await server.seats[0].send(MessageType.PORT_ROTATION, older)
    await alice.request("device.list")
    now = alice.port
    server.cut()
    await until(lambda: server.handshakes == 3)

    assert now == server.ports[0].number
    assert server.seats[0].port is server.ports[0]


async def test_second_file_of_a_serial_is_not_followed(server, alice):
    """Two files with one serial are a fork: the first one stays in use, also after the next loss."""
    new, other = await server.open_port(), await server.open_port()
    serial = int(time.time()) + 50
    await server.seats[0].send(MessageType.PORT_ROTATION, server.seal(server.info(new, serial=serial)))
    await until(lambda: alice.port == new.number)
    await server.seats[-1].send(MessageType.PORT_ROTATION, server.seal(server.info(other, serial=serial)))
    await alice.request("device.list")
    now = alice.port
    server.cut()
    await until(lambda: server.handshakes == 4)

    assert now == new.number
    assert server.seats[0].port is new


async def test_rediscover_asks_the_mirrors(server, alice):
    """After 4409 the client fetches the newest file and goes where it says."""
    old = server.ports[0]
    server.publish(await server.open_port())
    old.tripwire = True
    await server.close_all(4409, CloseNotify(9, "rediscover"))
    await until(lambda: alice.port == server.ports[1].number)

    assert await alice.request("device.list") == {"devices": []}


async def test_tripwire_is_left_for_the_mirrors(server, tmp_path):
    """A start with a stale cached file runs into the tripwire and finds home."""
    client = await Client.enrol(server.invite(), tmp_path / "bob", name="Bob")
    await client.close()
    server.publish(await server.open_port())
    server.ports[0].tripwire = True
    again = Client.open(tmp_path / "bob")
    await again.connect()

    assert again.port == server.ports[1].number
    await again.close()


async def test_stale_mirror_does_not_lead_back(server, alice):
    """When the only mirror gives an older file than the one in use, the known port is tried further."""
    new = await server.open_port()
    older = server.published
    await server.announce(server.ports[0], new)
    await until(lambda: alice.port == new.number)
    server.published = older
    await server.close_port(server.ports[0])
    server.cut()
    await until(lambda: server.handshakes == 4)

    await until(lambda: alice.port == new.number)
    assert server.handshakes == 4


async def test_newest_mirror_wins(server):
    """Of several mirrors the newest good file is followed; a dead, a forged and an older one do no harm."""
    new = await server.open_port()
    info = server.info(new, serial=int(time.time()) + 50)
    forged = forge(server.info(await server.open_port(), serial=info.serial + 1), server.secret)
    server.other_files = {"older": server.published, "forged": forged}
    front = server.locators[0].rsplit("/", 1)[0]
    server.locators = ("http://127.0.0.1:1/dead", f"{front}/older", f"{front}/forged", *server.locators)
    server.published = server.seal(info)
    bob = await Client.enrol(server.invite(), None, name="Bob")

    assert bob.port == new.number
    await bob.close()


async def test_mirror_without_a_good_file_leaves_the_client_trying(server, alice):
    """With nothing but a forged file around, the client keeps what it knows and says what is wrong."""
    server.published = forge(server.info(server.ports[0]), server.secret)
    port = server.ports[0]
    await server.close_port(port)
    await until(lambda: alice.problem is not None and alice.status == "connecting")

    assert alice.port is None


async def test_expired_file_is_used_when_there_is_no_better(server, tmp_path):
    """A file outside its validity still leads to the server: the handshake proves it, not the clock."""
    server.published = server.seal(server.info(server.ports[0], now=int(time.time()) - 100_000))
    client = await Client.enrol(server.invite(), None, name="Bob")

    assert client.status == "connected"
    await client.close()


async def test_endpoint_without_tls_is_dialled_on_this_machine_only(alice):
    """A signed file that names another host without TLS is not followed there."""
    endpoint = Endpoint("192.0.2.1", 50_000, "/" + "A" * 22, False, 0, 1)
    with pytest.raises(UsageError, match="no TLS"):
        await dial(alice._http, endpoint, alice._device.credentials)


async def test_server_with_another_key_is_not_believed(server, alice):
    """Mallory on the port, with the discovery secret but another identity, gets neither message nor name."""
    server.identity = IdentityKey.generate()
    server.cut()
    await until(lambda: alice.status == "connecting" and alice.problem is not None)
    before = server.handshakes

    assert alice.port is None
    await asyncio.sleep(0.2)
    assert server.handshakes == before


async def test_slow_mirror_holds_up_nobody(server, monkeypatch):
    """Once one mirror gave a good file, the others are waited for a moment only."""
    monkeypatch.setattr(places, "REST_SECONDS", 0.1)
    server.other_files = {"slow": server.published}
    server.locators = (server.locators[0].replace("connection.json", "slow"), *server.locators)
    began = time.monotonic()
    bob = await Client.enrol(server.invite(), None, name="Bob")

    assert time.monotonic() - began < SLOW_MIRROR_SECONDS
    await bob.close()


async def test_first_good_file_leads_to_the_server(server, monkeypatch):
    """While another place still has its time, the first good file's port is dialled; it is believed afterwards."""
    monkeypatch.setattr(places, "REST_SECONDS", 3600.0)
    server.other_files = {"slow": server.published}
    server.locators = (server.locators[0].replace("connection.json", "slow"), *server.locators)

    bob = await Client.enrol(server.invite(), None, name="Bob")

    assert (bob.port, bob._finder.known) == (server.ports[0].number, None)
    await bob.close()


async def test_mirror_that_gives_too_much_is_left(server):
    """A mirror that answers without end is dropped at the largest size a file may have."""
    server.other_files = {"endless": b"x" * (CONNECTION_FILE_MAX_BYTES + 1)}
    server.locators = (server.locators[0].replace("connection.json", "endless"),)

    with pytest.raises(Unreachable, match="none of 1 places"):
        await Client.enrol(server.invite(), None, name="Bob", seconds=3)


async def test_a_file_by_hand_leads_to_the_server_at_once(server, tmp_path, monkeypatch):
    """No place can be reached and every port it knows is gone: it need not wait for its next try by itself."""
    monkeypatch.setattr(line, "FIRST_PAUSE_SECONDS", 3600.0)
    monkeypatch.setattr(line.Line, "_pause_after", lambda *_: 3600.0)
    bob = await Client.enrol(server.invite(), tmp_path / "bob", name="Bob")
    home = await server.open_port()
    by_hand, server.published = server.publish(home), b""
    await server.close_port(server.ports[0])
    await until(lambda: bob.problem is not None)

    with pytest.raises(Unauthentic):
        bob.use_file(forge(server.info(home), server.secret))
    assert bob.status == "connecting"
    bob.use_file(by_hand)
    await until(lambda: bob.status == "connected")

    assert bob.port == home.number
    await bob.close()
