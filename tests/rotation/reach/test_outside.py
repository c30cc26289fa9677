"""A node seen from outside: evidence is gathered, judged and written down."""

import asyncio
import socket
from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from chat.database import DatabaseThreads
from clawchat.protocol.schedule import LeaseState
from rotation.models import Node, PortLease
from rotation.reach import outside
from rotation.reach.outside import Outside
from rotation.reach.router import NoAnswer
from rotation.services import reach

# The check asks the database from threads, with connections of their own.
pytestmark = pytest.mark.django_db(transaction=True)

HOST, OURS = "128.66.0.1", "192.168.77.2"


class FakeRouter:
    """A router that answers, and is asked for nothing."""

    name = "UPnP"

    async def external_address(self) -> str:
        return HOST


class Scene:
    """A node that listens everywhere and is dialled by its public address; whom it finds is the test's choice."""

    def __init__(self, house, settings) -> None:
        house.settle()
        Node.objects.update(host=HOST)
        self.house, self.settings = house, settings
        self.routers: list[FakeRouter] | NoAnswer = [FakeRouter()]
        self.asked: list[tuple[str, str]] = []

    async def find(self, kind, name):
        """Stands in for find_routers."""
        self.asked.append((kind, name))
        if isinstance(self.routers, NoAnswer):
            raise self.routers
        return self.routers

    def check(self) -> Node:
        """The node after a look at everything."""
        database = DatabaseThreads()
        try:
            asyncio.run(Outside(self.house.node_pk, database).check())
        finally:
            database.close()
        return Node.objects.get(pk=self.house.node_pk)

    @property
    def lease(self) -> PortLease:
        return self.house.leases(LeaseState.OPEN)[0]


@pytest.fixture
def scene(house, settings, monkeypatch) -> Scene:
    """A home with a router that answers."""
    settings.CLAWCHAT_BIND, settings.CLAWCHAT_PORT_MAPPING = OURS, "auto"
    scene = Scene(house, settings)
    monkeypatch.setattr(outside, "find_routers", scene.find)
    monkeypatch.setattr(outside, "own_address", lambda: OURS)
    return scene


def test_the_verdict_is_written_down(scene):
    """With the address outside, as the router says it; the router hears the node's name."""
    node = scene.check()

    assert (node.reachable, node.external_address) == ("unknown", HOST)
    assert "has not been asked for port" in node.reachable_because
    assert scene.asked == [("auto", "ClawChat alpha")]


def test_no_router_is_asked_unless_the_operator_wants_it(scene):
    """Off means that nobody hears from us."""
    scene.settings.CLAWCHAT_PORT_MAPPING = "off"

    node = scene.check()

    assert scene.asked == []
    assert "CLAWCHAT_PORT_MAPPING" in node.reachable_because
    assert node.external_address == ""


def test_the_configured_address_counts_more_than_the_routers(scene):
    """They differ, so a second router stands between them."""
    scene.settings.CLAWCHAT_EXTERNAL_ADDRESS = "128.66.0.7"

    node = scene.check()

    assert (node.reachable, node.external_address) == ("no", "128.66.0.7")
    assert "a second router stands between them" in node.reachable_because


def test_a_router_that_does_not_answer_is_the_reason(scene):
    """In its words."""
    scene.routers = NoAnswer("No router answers to UPnP.")

    assert scene.check().reachable_because == "no router lets ports in to us: no router answers to UPnP"


def test_what_the_router_said_of_the_port_is_the_reason(scene):
    """The mapper wrote it beside the lease."""
    reach.note_refused(scene.lease.pk, "The router refuses: no (606).")

    assert "the router refuses: no (606)" in scene.check().reachable_because


@pytest.fixture
def listener() -> Iterator[int]:
    """A port of this machine that listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(("listens", "reachable"), [(True, "yes"), (False, "unknown")])
def test_a_port_that_is_let_in_is_tried(scene, listener, monkeypatch, listens, reachable):
    """By the address outside, which stands for this machine here."""
    monkeypatch.setattr(outside, "CONNECT_SECONDS", 5)
    connects = outside._connects
    monkeypatch.setattr(outside, "_connects", lambda _address, port: connects("127.0.0.1", port))
    PortLease.objects.filter(pk=scene.lease.pk).update(port=listener if listens else 1)
    reach.note_mapped(scene.lease.pk, "UPnP", None)

    assert scene.check().reachable == reachable


def test_a_promise_of_the_router_that_is_over_is_none(scene):
    """It is not tried, and not counted."""
    reach.note_mapped(scene.lease.pk, "UPnP", 1.0)

    assert "has not been asked for port" in scene.check().reachable_because


def test_the_command_says_no_with_its_status(scene, tmp_path):
    """It looks at the nodes of this data directory alone, and prints what it found."""
    (tmp_path / "node-1").write_text("alpha\n1\n")
    scene.settings.CLAWCHAT_DATA_DIR = tmp_path
    scene.settings.CLAWCHAT_BIND = "127.0.0.1"
    out = StringIO()

    with pytest.raises(CommandError, match="Nobody outside can reach this server"):
        call_command("checkreach", stdout=out)

    assert f"address outside: {HOST}" in out.getvalue()
    assert "reachable from outside: no, because chat ports listen on 127.0.0.1" in out.getvalue()
