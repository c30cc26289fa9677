"""Ports that move early because an operator says so: the command, and the actions of the admin."""

import time

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.urls import reverse

from chat.models import AuditEvent
from clawchat.protocol.schedule import LeaseState
from discovery.services import published_info
from rotation import services
from rotation.models import LeaseKind, Node, PortLease
from rotation.services.manual import EarlyMove, NothingMoves, rotate_ports
from rotation.services.plan import instant, seconds
from tests.rotation.rows import GRACE, INTERVAL, LEAD, House, T

ACTOR = "olga"


@pytest.fixture
def pair(shelf, settings) -> House:
    """A node that runs at this very moment, with two moving ports and a fixed one."""
    settings.CLAWCHAT_PORTS, settings.CLAWCHAT_FIXED_PORT = 2, 443
    house = House(now=int(time.time()))
    house.settle()
    return house


def heads(house: House) -> list[PortLease]:
    """The moving ports that serve, by slot."""
    there = house.leases(LeaseState.OPEN)
    return sorted((lease for lease in there if lease.kind == LeaseKind.MOVING), key=lambda lease: lease.slot)


def ask(house: House, now: int, **choice: object) -> list[EarlyMove]:
    """Let the ports of a node that lives at that instant move early."""
    services.nodes.keep_alive(house.node_pk, 0, now)
    return rotate_ports(now, ACTOR, **choice)


def rotate(*arguments: str, capsys) -> str:
    """What the command prints."""
    call_command("rotateports", *arguments)
    return capsys.readouterr().out


def test_a_port_moves_a_lead_from_now(house):
    """The next one is planned at once and announced in time, as ever."""
    house.settle()
    (move,) = ask(house, T + 100)
    assert (move.before, move.after) == (T + INTERVAL, T + 100 + LEAD)
    assert house.states() == ["open", "planned"]
    assert house.leases()[1].port == move.successor

    house.settle(T + 101)
    assert house.states() == ["open", "announced"]
    assert published_info().next_rotation == T + 100 + LEAD
    house.tick(T + 100 + LEAD)
    old, new = house.leases()
    assert (old.state, new.state) == ("draining", "open")
    assert old.closes_at == instant(T + 100 + LEAD + GRACE)
    assert new.moves_at == instant(T + 100 + LEAD + INTERVAL)


def test_a_port_moves_at_once(house):
    """As soon as a mirror has the file that lists the next one, and the old one has its grace."""
    house.settle()
    ask(house, T + 100, at_once=True)
    house.settle(T + 101)

    old, new = house.leases()
    assert (old.state, new.state) == ("draining", "open")
    assert old.closes_at == instant(T + 100 + GRACE)
    house.tick()
    assert [endpoint.port for endpoint in published_info().endpoints] == [new.port]


def test_a_port_that_is_moving_already_moves_now(house):
    """The successor that clients have been told of opens at once."""
    house.settle()
    house.settle(T + INTERVAL - LEAD)
    (move,) = ask(house, T + INTERVAL - LEAD + 5, at_once=True)

    assert house.states() == ["draining", "open"]
    assert move.successor == house.leases()[1].port
    assert house.leases()[1].opens_at == instant(T + INTERVAL - LEAD + 5)


def test_a_port_that_would_move_as_soon_anyway_is_left_alone(house):
    """Nothing is written, and nothing goes into the audit log."""
    house.settle()
    house.settle(T + INTERVAL - LEAD)

    (move,) = ask(house, T + INTERVAL - LEAD)

    assert move.before == move.after == T + INTERVAL
    assert not AuditEvent.objects.filter(code="rotation_asked").exists()


def test_without_a_mirror_the_old_port_serves_on(house, shelf):
    """However urgently somebody asks."""
    house.settle()
    shelf.is_down = True
    ask(house, T + 100, at_once=True)
    house.settle(T + 101)

    assert house.states() == ["open", "bound"]


def test_ports_that_were_moved_together_do_not_stay_together(pair):
    """The next time they move one after the other again."""
    rotate_ports(pair.now, ACTOR, at_once=True)
    pair.settle(pair.now + 1)

    first, second = heads(pair)
    assert first.opens_at == second.opens_at
    assert seconds(second.moves_at) - seconds(first.moves_at) == INTERVAL // 2


def test_the_command_says_what_becomes_of_each_port(pair, capsys):
    """One line; and the audit log says who."""
    said = rotate(capsys=capsys)

    assert said.count("\n") == 1
    for head in heads(pair):
        assert f"port {head.port} moves to " in said
    assert "instead of" in said
    events = AuditEvent.objects.filter(code="rotation_asked")
    assert {event.details["port"] for event in events} == {head.port for head in heads(pair)}
    assert all(event.actor.startswith("rotateports, run by ") for event in events)


def test_one_port_can_be_chosen(pair, capsys):
    """The other keeps its time, and so does the fixed one."""
    first, second = heads(pair)
    said = rotate("--now", "--port", str(second.port), capsys=capsys)
    pair.settle(int(time.time()))

    assert str(first.port) not in said
    assert heads(pair)[0].pk == first.pk and heads(pair)[1].pk != second.pk
    assert PortLease.objects.get(port=443).state == LeaseState.OPEN


def test_one_node_can_be_chosen(pair, capsys):
    """By its name, as the status prints it."""
    other = House("beta", now=pair.now)
    other.settle()
    rotate("--now", "--node", "beta", capsys=capsys)

    assert len(other.leases(LeaseState.PLANNED)) == 2
    assert not pair.leases(LeaseState.PLANNED)


def test_a_dry_run_does_nothing(pair, capsys):
    """It says the same."""
    said = rotate("--now", "--dry-run", capsys=capsys)

    assert said.startswith("Would move, but nothing was done: port ") and said.count("\n") == 1
    assert not pair.leases(LeaseState.PLANNED)
    assert not AuditEvent.objects.filter(code="rotation_asked").exists()


def test_what_cannot_move_is_said_in_one_sentence(pair, capsys):
    """Status 1, and what to do or to choose instead."""
    (first, _) = heads(pair)
    for arguments, sentence in [
        (["--port", "443"], "Port 443 is the fixed one, which never moves."),
        (["--port", "1"], f"Port 1 is not one of ours; open are: {first.port}"),
        (["--node", "gamma"], "No running node is called gamma; there is alpha."),
    ]:
        with pytest.raises(CommandError, match=sentence):
            rotate(*arguments, capsys=capsys)

    rotate("--now", "--port", str(first.port), capsys=capsys)
    # The command went by the clock on the wall, which may be a second on.
    pair.settle(int(time.time()))
    with pytest.raises(CommandError, match=f"Port {first.port} is draining; only an open port can move."):
        rotate("--port", str(first.port), capsys=capsys)

    services.depart(pair.node_pk, pair.now)
    with pytest.raises(CommandError, match="No server process runs"):
        rotate(capsys=capsys)


def test_before_the_first_port_is_open_nothing_moves(house):
    """The status says why."""
    house.tick()
    with pytest.raises(NothingMoves, match="No port is open yet"):
        rotate_ports(T, ACTOR)


# The admin


def act(client, page: str, pks: list[int]):
    """Choose rows and press the action."""
    data = {"action": "move_ports", "_selected_action": pks}
    return client.post(reverse(f"admin:rotation_{page}_changelist"), data, follow=True)


def test_the_admin_moves_a_port(pair, client):
    """By its lease; the operator's name stands in the audit log."""
    client.force_login(get_user_model().objects.create_superuser(ACTOR))
    first, second = heads(pair)

    answer = act(client, "portlease", [first.pk])

    assert f"Port {first.port} moves to " in answer.text
    assert AuditEvent.objects.get(code="rotation_asked").actor == ACTOR
    # The page goes by the clock on the wall, which has gone on.
    pair.settle(int(time.time()) + 1)
    assert heads(pair)[0].pk != first.pk and heads(pair)[1].pk == second.pk


def test_the_admin_moves_the_ports_of_a_node(pair, client):
    """All of them; a node that is gone moves nothing, and the page says so."""
    client.force_login(get_user_model().objects.create_superuser(ACTOR))
    assert act(client, "node", [pair.node_pk]).text.count("as soon as clients know") == 2
    assert AuditEvent.objects.filter(code="rotation_asked").count() == 2

    Node.objects.update(stopped_at=instant(pair.now))
    assert "No server process runs" in act(client, "node", [pair.node_pk]).text


def test_who_may_only_look_moves_nothing(pair, client):
    """The action is not offered, and does nothing."""
    viewer = get_user_model().objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_portlease"))
    client.force_login(viewer)

    assert "move_ports" not in client.get(reverse("admin:rotation_portlease_changelist")).text
    act(client, "portlease", [heads(pair)[0].pk])

    assert not pair.leases(LeaseState.PLANNED)
