"""What an operator sees of the ports: checks, the admin, the status."""

import json
import re
import time
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from chat.models import Ban, Connection, Device
from chat.services.succession import begin_handover
from clawchat.protocol.schedule import LeaseState
from rotation import tasks
from rotation.checks import check_addresses, check_fixed_port
from rotation.management.commands.clawchatstatus import LEGEND
from rotation.models import LeaseKind, Node, PortLease, Scan
from rotation.node import front_origins
from rotation.services.burning import start_burn
from tests.rotation.rows import INTERVAL, LEAD, House, T


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


@pytest.mark.parametrize(
    ("fixed", "front", "bind", "found"),
    [
        (443, ("127.0.0.1", 443), "127.0.0.1", 1),
        (443, ("0.0.0.0", 443), "192.0.2.1", 1),
        (443, ("192.0.2.1", 443), "::", 1),
        (443, ("192.0.2.1", 443), "192.0.2.2", 0),
        (443, ("127.0.0.1", 8000), "127.0.0.1", 0),
        (443, None, "127.0.0.1", 0),
        (0, ("127.0.0.1", 8000), "127.0.0.1", 0),
    ],
)
def test_a_fixed_port_is_not_the_front_doors(settings, fixed, front, bind, found):
    """On one address there is room for one of them."""
    settings.CLAWCHAT_FIXED_PORT, settings.CLAWCHAT_FRONT, settings.CLAWCHAT_BIND = fixed, front, bind

    assert [error.id for error in check_fixed_port()] == ["clawchat.E312"] * found


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

    old = {"front", "nodes", "leases", "publications", "connections", "suites"}
    assert set(status) == old | {"now", "rotation", "bans", "clock", "mirrors", "handover", "burn"}
    assert (status["rotation"]["interval"], status["rotation"]["next_move"]) == (INTERVAL, None)
    assert [(lease["kind"], lease["slot"], lease["moves_at"]) for lease in status["leases"]][1] == (
        "moving",
        0,
        T + INTERVAL,
    )
    assert [(lease["state"], lease["opens_at"]) for lease in status["leases"]] == [
        ("announced", T + INTERVAL),
        ("open", T),
    ]
    assert status["publications"][0]["mirrors"] == {"shelf": "safe"}
    assert "path" not in status["leases"][0]


def test_the_status_tells_suites_of_who_is_connected(house, capsys):
    """And what requiring ML-KEM would do; nothing while nobody is connected."""
    house.settle()
    call_command("clawchatstatus")
    assert "connected    0 devices\n" in capsys.readouterr().out

    now = timezone.now()
    for number, suite in enumerate([2, 2, 1]):
        device = Device.objects.create(device_id=bytes([number] * 16), public=bytes([number] * 32))
        Connection.objects.create(device=device, process="p", port=1, opened_at=now, seen_at=now, suite=suite)

    call_command("clawchatstatus")
    told = "connected    3 devices: 2 by X25519 with ML-KEM-768, 1 by X25519 alone (CLAWCHAT_PQ_REQUIRED would"
    assert told in capsys.readouterr().out
    call_command("clawchatstatus", "--json")
    assert json.loads(capsys.readouterr().out)["suites"] == {"hybrid": 2, "classic": 1, "unknown": 0}


def test_the_status_is_for_people(house, shelf, capsys):
    """A port that is late says so, and a server that never ran too."""
    house.settle()
    shelf.is_down = True
    house.settle(T + INTERVAL - LEAD)
    house.settle(T + INTERVAL)
    call_command("clawchatstatus")
    text = capsys.readouterr().out

    assert f"port {house.leases()[1].port}   bound " in text
    assert "no mirror takes the file" in text
    assert re.search(r"^mirror       shelf does not take or give back the file, serial \d+: ", text, re.MULTILINE)

    Node.objects.all().delete()
    call_command("clawchatstatus")
    assert "none has ever run" in capsys.readouterr().out


@pytest.fixture
def now_and_here(shelf, settings) -> House:
    """A node that runs at this very moment, with everything there is."""
    settings.CLAWCHAT_PORTS, settings.CLAWCHAT_DECOYS, settings.CLAWCHAT_FIXED_PORT = 2, 2, 443
    settings.CLAWCHAT_TRIPWIRE_SECONDS, settings.CLAWCHAT_REGION = 3600.0, "eu"
    house = House(now=int(time.time()))
    house.settle()
    return house


def test_the_status_tells_of_a_handover_and_a_burn(now_and_here, capsys):
    """While they go on, and what they wait for."""
    call_command("clawchatstatus")
    quiet = capsys.readouterr().out
    assert "identity" not in quiet and "burn" not in quiet

    begin_handover("olga")
    start_burn("olga")
    call_command("clawchatstatus")
    said = capsys.readouterr().out

    assert re.search(r"^identity +hands over to a new one until .* UTC; not come by it yet: 0 devices$", said, re.M)
    assert re.search(r"^burn +since 0 s; safe once .*no port from before takes anybody", said, re.M)


def test_the_status_explains_the_states_that_are_there(now_and_here, capsys):
    """And only these: what each means, when the next port moves, tripwires in a line of their own, bans."""
    call_command("clawchatstatus")
    text = capsys.readouterr().out

    assert {word for word in LEGEND if f"\n  {word} " in text} == {"open", "tripwire"}
    assert "the next move is in" in text
    assert "alpha at alpha.example.org in eu, running since" in text
    assert "reachable: unknown" in text
    assert re.search(r"^port 443 +open +fixed, opened .*, never moves$", text, re.MULTILINE)
    (line,) = [line for line in text.splitlines() if line.startswith("tripwires")]
    decoys = PortLease.objects.filter(kind=LeaseKind.DECOY)
    assert all(str(decoy.port) in line for decoy in decoys) and len(decoys) == 2
    assert "bans" not in text and "scanners" not in text and "clock" not in text
    assert len(text.splitlines()) < 25


def test_every_state_is_explained():
    """A state without its sentence would be a riddle."""
    assert set(LEGEND) == set(LeaseState)


def test_the_status_says_why_ports_move_more_often(now_and_here, capsys):
    """As long as scanners are about; bans are counted."""
    at = timezone.now()
    Scan.objects.create(
        node_id=now_and_here.node_pk, address="192.0.2.7", port=1, where="connect", count=5, first_at=at, last_at=at
    )
    Ban.objects.create(network="192.0.2.7", since=at, until=at + timedelta(hours=1), reason="It scanned.")
    now_and_here.settle()
    call_command("clawchatstatus")
    text = capsys.readouterr().out

    assert "5 touches in 10 min, so its ports move every 5 min" in text
    assert "bans         1 in force" in text


def test_a_node_that_is_gone_says_so(now_and_here, capsys):
    """Its ports stand in no file."""
    Node.objects.update(seen_at=timezone.now() - timedelta(days=2))
    call_command("clawchatstatus")

    text = capsys.readouterr().out

    assert "its ports are not listed" in text
    assert text.count("its server does not run") == 3


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


def test_the_admin_finds_no_port_by_its_path(house, client):
    """Whoever may filter by what he may not see would guess it letter by letter."""
    house.settle()
    client.force_login(get_user_model().objects.create_superuser("operator"))
    lease = house.leases()[0]
    listed = reverse("admin:rotation_portlease_changelist")

    for lookup in ("path", "path__startswith", "path__gt"):
        assert client.get(listed, {lookup: lease.path[:2]}).status_code == 400
    assert client.get(listed, {"state__exact": lease.state}).status_code == 200


def test_the_admin_shows_scans(now_and_here, client):
    """Who touched what; nothing can be changed."""
    at = timezone.now()
    scan = Scan.objects.create(
        node_id=now_and_here.node_pk, address="192.0.2.7", port=1, where="connect", count=5, first_at=at, last_at=at
    )
    client.force_login(get_user_model().objects.create_superuser("operator"))

    assert "192.0.2.7" in client.get(reverse("admin:rotation_scan_changelist")).text
    assert client.post(reverse("admin:rotation_scan_delete", args=[scan.pk]), {"post": "yes"}).status_code == 403


def test_a_stranger_sees_no_ports(house, client):
    """Charlie has no account for the admin."""
    assert client.get(reverse("admin:rotation_portlease_changelist")).status_code == 302


def test_the_task_is_a_pass_of_the_decider(house):
    """Beat asks for it under this name."""
    before = Node.objects.get().ticks
    Node.objects.update(seen_at=timezone.now())

    tasks.tick()

    assert tasks.tick.name == "rotation.tasks.tick"
    assert Node.objects.get().ticks == before + 1
