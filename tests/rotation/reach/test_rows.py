"""What is written down about reaching a node."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from chat.models import Connection, Device
from clawchat.protocol.schedule import LeaseState
from rotation.models import LeaseKind, Node, PortLease
from rotation.services import reach
from tests.rotation.rows import LEAD, House, T

LATER = datetime.fromtimestamp(T + 600, UTC)


def test_a_mapping_is_written_beside_its_port(house):
    """How and until when; renewed, it keeps its place; ended, it is gone."""
    house.settle()
    (lease, *_) = house.leases(LeaseState.OPEN)
    reach.note_refused(lease.pk, "The router refuses: no (606).")

    reach.note_mapped(lease.pk, "UPnP", T + 600)
    lease.refresh_from_db()
    assert (lease.mapping, lease.mapped_until, lease.problem) == ("UPnP", LATER, "")

    reach.note_mapped(lease.pk, "UPnP", None)
    lease.refresh_from_db()
    assert (lease.mapping, lease.mapped_until) == ("UPnP", None)

    reach.note_unmapped(house.node_pk, [lease.port])
    lease.refresh_from_db()
    assert lease.mapping == ""


def test_another_port_takes_the_place_of_one_that_is_taken_at_the_router(house):
    """As long as nobody has been sent there."""
    house.tick()
    (lease,) = house.leases(LeaseState.PLANNED)

    assert reach.note_taken(lease.pk, "The router lets somebody else in by port 1.", T)
    house.settle()

    failed, another = house.leases()
    assert (failed.state, failed.problem) == ("failed", "The router lets somebody else in by port 1.")
    assert another.state == LeaseState.OPEN


def test_a_router_that_lets_in_none_of_ours_does_not_stop_the_port(house):
    """It says of every port that somebody else has it: three are given up, the next one takes over all the same."""
    house.settle()
    (head,) = house.leases(LeaseState.OPEN)
    moves_at = int(head.moves_at.timestamp())
    for second in range(10):
        house.settle(moves_at - LEAD + second)
        for lease in house.leases(LeaseState.BOUND, LeaseState.ANNOUNCED):
            reach.note_taken(lease.pk, "Taken.", house.now)
    house.settle(moves_at)

    assert house.states() == ["draining", "failed", "failed", "failed", "open"]
    assert house.leases()[-1].problem == "Taken."


def test_a_port_that_serves_stays_although_it_is_taken_at_the_router(house):
    """Devices may be on it; the operator reads the problem."""
    house.settle()
    (lease,) = house.leases(LeaseState.OPEN)

    assert not reach.note_taken(lease.pk, "Taken.", T)

    lease.refresh_from_db()
    assert (lease.state, lease.problem) == (LeaseState.OPEN, "Taken.")


def test_a_fixed_port_that_is_taken_at_the_router_stays(house):
    """There is no other one to take its place."""
    house.settle()
    (lease,) = house.leases(LeaseState.OPEN)
    PortLease.objects.filter(pk=lease.pk).update(kind=LeaseKind.FIXED, state=LeaseState.BOUND)

    assert not reach.note_taken(lease.pk, "Taken.", T)


def test_leftovers_are_ports_that_were_let_in_and_listen_no_more(house):
    """A port that listens again, under another lease, is none."""
    house.settle()
    (lease,) = house.leases(LeaseState.OPEN)
    reach.note_mapped(lease.pk, "UPnP", T + 600)
    assert reach.leftover_ports(house.node_pk) == []

    PortLease.objects.filter(pk=lease.pk).update(state=LeaseState.CLOSED)
    assert reach.leftover_ports(house.node_pk) == [lease.port]
    assert reach.leftover_ports(House("beta").node_pk) == []

    lease.pk, lease.state, lease.mapping = None, LeaseState.DRAINING, ""
    lease.save()
    assert reach.leftover_ports(house.node_pk) == []


@pytest.mark.parametrize(
    ("address", "minutes", "is_closed", "counts"),
    [
        ("128.66.0.9", 5, False, True),
        ("128.66.0.9", 5, True, True),
        ("128.66.0.9", 90, False, True),
        ("128.66.0.9", 90, True, False),
        ("192.168.77.9", 5, False, False),
        ("127.0.0.1", 5, False, False),
        (None, 5, False, False),
    ],
)
def test_who_has_come_in_from_outside(house, address, minutes, is_closed, counts):
    """A public address that is connected, or was within the hour, by a port that is still in use."""
    house.settle()
    (lease,) = house.leases(LeaseState.OPEN)
    assert reach.came_in_by(house.node_pk) == 0
    now = timezone.now()
    Connection.objects.create(
        device=Device.objects.create(device_id=b"d" * 16, public=b"p" * 32),
        process="p",
        address=address,
        port=lease.port,
        opened_at=now - timedelta(minutes=minutes),
        seen_at=now,
        closed_at=now if is_closed else None,
    )

    assert reach.came_in_by(house.node_pk) == (lease.port if counts else 0)
    assert reach.facts(house.node_pk).came_in_by == (lease.port if counts else 0)

    PortLease.objects.update(state=LeaseState.CLOSED)
    assert reach.came_in_by(house.node_pk) == 0


def test_a_verdict_is_news_only_when_it_changes(house):
    """The row has it with its time either way, and says it in one sentence."""
    node = Node.objects.get(pk=house.node_pk)
    assert reach.sentence(node) == "reachable from outside: unknown, because nobody has looked yet"

    assert reach.note_verdict(node.pk, "no", "no chat port is open", T)
    assert not reach.note_verdict(node.pk, "no", "no chat port is open", T + 600)

    node.refresh_from_db()
    assert reach.sentence(node) == "reachable from outside: no, because no chat port is open"
    assert node.reachable_at == LATER


def test_checkreach_asks_for_a_server_first(db, settings, tmp_path):
    """There is nothing to look at."""
    settings.CLAWCHAT_DATA_DIR = tmp_path

    with pytest.raises(CommandError, match="No server has run here yet"):
        call_command("checkreach", stdout=StringIO())
