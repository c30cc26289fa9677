"""Which suites the client offers: its own floor, and what the file in force lists."""

import pytest

from clawchat.client import Client
from clawchat.client.device import Device
from clawchat.client.discovery import Finder
from clawchat.client.store import Store
from clawchat.protocol import rekey
from clawchat.protocol.errors import UnsupportedVersion
from clawchat.protocol.frame import MessageType
from clawchat.protocol.invite import Invite
from tests.client.conftest import ROOM, message
from tests.client.tiny_server import until


@pytest.mark.parametrize(
    ("listed", "pq_required", "offered"),
    [((2,), False, (2,)), ((2, 1), False, (2, 1)), ((2, 1), True, (2,)), ((1,), False, (1,))],
)
async def test_the_file_in_force_decides_within_the_floor(server, tmp_path, listed, pq_required, offered):
    """Before there is a file, the own floor does alone."""
    store = Store.open(tmp_path / "bob")
    finder = Finder(store, Device.begin(store, Invite.parse(server.invite()), "Bob", 0), "", pq_required)
    server.suites = listed
    before = finder.suites()
    finder.take(server.publish(*server.ports))

    assert (before, finder.suites()) == ((2,) if pq_required else (2, 1), offered)
    store.close()


@pytest.mark.parametrize(("listed", "taken"), [((2, 1), 2), ((1,), 1)])
async def test_without_floor_the_client_talks_in_what_the_server_takes(server, monkeypatch, listed, taken):
    """Enrolment, a message and a rekey; with ML-KEM wherever the server can."""
    monkeypatch.setattr(rekey, "REKEY_INTERVAL_SECONDS", 0)
    monkeypatch.setattr(rekey, "_MARGIN_SECONDS", 0)
    server.suites = listed
    server.publish(*server.ports)
    bob = await Client.enrol(server.invite(), None, name="Bob", pq_required=False)
    try:
        (seat,) = server.seats
        assert seat.session.suite == taken
        assert await bob.send(ROOM, message("hello")[1]) == 1
        await seat.send(MessageType.KEY_ROTATION, seat.rekey.request())
        await until(lambda: seat.session.epoch == 1)
        assert await bob.send(ROOM, message("and again")[1]) == 2
    finally:
        await bob.close()


async def test_the_floor_refuses_a_server_that_lists_suite_1_alone(server):
    """It is on by default: nothing is dialled, and the person reads what has to be done."""
    server.suites = (1,)
    server.publish(*server.ports)
    with pytest.raises(UnsupportedVersion, match="its operator has to update it"):
        await Client.enrol(server.invite(), None, name="Bob", seconds=3)

    assert server.hellos == 0


async def test_a_server_that_comes_up_to_the_floor_is_found(server, tmp_path):
    """A newer file mends it, without a restart of the client."""
    alice = await Client.enrol(server.invite(), tmp_path / "alice", name="Alice")
    server.suites = (1,)
    await server.announce(*server.ports)
    await until(lambda: alice._finder.known.suites == (1,))
    server.cut()
    await until(lambda: isinstance(alice.problem, UnsupportedVersion))
    server.suites = (2,)
    server.publish(*server.ports)

    await until(lambda: alice.status == "connected" and alice.problem is None)
    assert server.seats[-1].session.suite == 2
    await alice.close()
