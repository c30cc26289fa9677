"""What an operator sees of the ports: checks, the admin, the status."""

import json

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.urls import reverse

from rotation import tasks
from rotation.checks import check_addresses
from rotation.models import Node
from rotation.node import front_origins
from tests.rotation.rows import INTERVAL, LEAD, T


@pytest.mark.parametrize("address", ["0.0.0.0", "192.0.2.1", "::", "chat.example.org"])
def test_an_address_that_others_can_reach_is_refused(settings, address):
    """Both doors are checked, and each message names the setting."""
    settings.CLAWCHAT_BIND, settings.CLAWCHAT_FRONT = address, (address, 8000)

    found = check_addresses()

    assert [error.id for error in found] == ["clawchat.E301"] * 2
    assert "CLAWCHAT_BIND" in found[0].msg and "CLAWCHAT_FRONT" in found[1].msg
    assert all("127.0.0.1" in error.hint for error in found)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_is_fine(settings, address):
    """So is a front door that is off."""
    settings.CLAWCHAT_BIND, settings.CLAWCHAT_FRONT = address, None

    assert check_addresses() == []


def test_pages_of_the_front_door_may_open_a_chat_port(settings):
    """Under each name that the door has, written as a browser writes an origin."""
    settings.CLAWCHAT_FRONT, settings.CLAWCHAT_FRONT_URL = ("127.0.0.1", 8000), "https://chat.example.org/app/"
    assert front_origins() == {"http://localhost:8000", "http://127.0.0.1:8000", "https://chat.example.org"}

    settings.CLAWCHAT_FRONT, settings.CLAWCHAT_FRONT_URL = ("::1", 80), ""
    assert front_origins() == {"http://localhost", "http://127.0.0.1", "http://[::1]"}

    settings.CLAWCHAT_FRONT = None
    assert front_origins() == set()


def test_the_status_is_for_programs_too(house, capsys):
    """Ports with their states and instants, the newest first, then those that are over."""
    house.settle()
    house.settle(T + INTERVAL - LEAD)

    call_command("clawchatstatus", "--json")
    status = json.loads(capsys.readouterr().out)

    assert set(status) == {"front", "nodes", "leases", "publications", "connections"}
    assert [(lease["state"], lease["opens_at"]) for lease in status["leases"]] == [
        ("announced", T + INTERVAL),
        ("open", T),
    ]
    assert status["publications"][0]["mirrors"] == {"shelf": "safe"}
    assert "path" not in status["leases"][0]


def test_the_status_is_for_people(house, shelf, capsys):
    """A port that is late says so, and a server that never ran too."""
    house.settle()
    shelf.is_down = True
    house.settle(T + INTERVAL - LEAD)
    house.settle(T + INTERVAL)
    call_command("clawchatstatus")
    text = capsys.readouterr().out

    assert f"port {house.leases()[1].port}   bound" in text
    assert "no mirror takes the file" in text

    Node.objects.all().delete()
    call_command("clawchatstatus")
    assert "none has ever run" in capsys.readouterr().out


@pytest.mark.parametrize("page", ["rotation_node", "rotation_portlease"])
def test_the_admin_shows_ports_and_changes_none(house, client, page):
    """Lists and pages open; the path, which is for clients alone, is nowhere; nothing can be added or saved."""
    house.settle()
    client.force_login(get_user_model().objects.create_superuser("operator"))
    pk = house.node_pk if page == "rotation_node" else house.leases()[0].pk

    listed = client.get(reverse(f"admin:{page}_changelist"))
    shown = client.get(reverse(f"admin:{page}_change", args=[pk]))

    for answer in (listed, shown):
        assert answer.status_code == 200
        assert house.leases()[0].path not in answer.text
    assert client.get(reverse(f"admin:{page}_add")).status_code == 403
    assert client.post(reverse(f"admin:{page}_change", args=[pk]), {}).status_code == 403
    assert client.post(reverse(f"admin:{page}_delete", args=[pk]), {"post": "yes"}).status_code == 403


def test_a_stranger_sees_no_ports(house, client):
    """Charlie has no account for the admin."""
    assert client.get(reverse("admin:rotation_portlease_changelist")).status_code == 302


def test_the_task_is_a_pass_of_the_decider(house):
    """Beat asks for it under this name."""
    before = Node.objects.get().ticks
    Node.objects.update(seen_at="2100-01-01T00:00:00Z")

    tasks.tick()

    assert tasks.tick.name == "rotation.tasks.tick"
    assert Node.objects.get().ticks == before + 1
