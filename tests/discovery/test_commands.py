"""What an operator types, and what stops a start."""

import json
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from chat.models import DiscoverySecret
from chat.services.identity import ensure_server
from discovery import checks, services
from discovery.models import Mirror, Publication
from tests.discovery.conftest import NOW, compose, endpoint


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_showconnection_says_where_the_server_is(memory):
    """It names serial, ports and mirrors, and keeps the paths for --json."""
    services.publish(compose(), NOW)
    text, opened = run("showconnection"), json.loads(run("showconnection", "--json"))

    assert f"serial       {NOW}" in text
    assert "localhost:50000" in text
    assert "mirror       alpha: put there and read back" in text
    assert endpoint().path not in text
    assert opened["path"] == endpoint().path


@pytest.mark.parametrize("command", ["showconnection", "publishconnection"])
def test_commands_need_a_first_publication(server, command):
    """Before the server ran once there is nothing, and the sentence says what to do."""
    with pytest.raises(CommandError, match="make run"):
        run(command)


@pytest.mark.parametrize("command", ["showconnection", "publishconnection"])
def test_commands_say_when_the_keys_have_changed(memory, command):
    """A file under a former secret is not opened."""
    services.publish(compose(), NOW)
    DiscoverySecret.objects.all().delete()
    ensure_server()
    with pytest.raises(CommandError, match="does not open with the present keys"):
        run(command)


def test_publishconnection_publishes_once_more(memory):
    """A new serial with the same ports lies on the mirror afterwards."""
    first = services.publish(compose(), NOW)
    text = run("publishconnection")
    second = services.latest_publication()

    assert "alpha: put there and read back" in text
    assert second.serial == first.serial + 1
    assert memory.held["alpha"] == bytes(second.body)
    assert services.published_info().endpoints == (endpoint(),)


def test_publishconnection_fails_when_no_mirror_took_the_file(memory, monkeypatch):
    """The command's status tells a script that nobody has the file."""
    services.publish(compose(), NOW)
    monkeypatch.setattr(memory, "problem", "The disk is full.")

    with pytest.raises(CommandError, match="No mirror that members can reach has the file"):
        run("publishconnection")


@pytest.mark.parametrize("url", ["", "https://chat.example.org", "http://localhost:8000"])
def test_front_url_that_can_stand_in_an_invitation_passes(settings, url):
    """Plain web addresses, and none at all, are taken."""
    settings.CLAWCHAT_FRONT_URL = url

    assert checks.check_front_url() == []


@pytest.mark.parametrize("url", ["chat.example.org", "ftp://x", "https://user@x", "https://x/?a", "https://x/#a"])
def test_front_url_that_cannot_is_refused(settings, url):
    """Anything else is named before the server starts."""
    settings.CLAWCHAT_FRONT_URL = url

    assert [found.id for found in checks.check_front_url()] == ["clawchat.E201"]


def test_mirrors_are_checked(server):
    """A kind that is unknown and a server without mirrors are named; without a database nothing is asked."""
    services.ensure_mirrors()
    fine = checks.check_mirrors(databases=["default"])
    Mirror.objects.create(kind="carrier_pigeon", name="loft")
    unknown = checks.check_mirrors(databases=["default"])
    Mirror.objects.update(enabled=False)
    none = checks.check_mirrors(databases=["default"])

    assert fine == checks.check_mirrors() == []
    assert [found.id for found in unknown] == ["clawchat.E202"]
    assert [found.id for found in none] == ["clawchat.E203"]


def test_mirror_that_its_options_stop_is_named_at_the_start(server):
    """One that was switched on before it was filled in, and a front door that is off."""
    services.ensure_mirrors()
    Mirror.objects.create(kind="webdav", name="Cloud")
    Mirror.objects.create(kind="webdav", name="Off", enabled=False)

    assert [(found.id, "Cloud" in found.msg) for found in checks.check_mirrors(databases=["default"])] == [
        ("clawchat.W204", True)
    ]


def test_admin_shows_places_and_never_bodies(memory, client, monkeypatch):
    """An operator sees serials and sizes; neither ciphertext nor a way to change a publication."""
    monkeypatch.setattr(memory, "problem", "The disk is full.")
    publication = services.publish(compose(), NOW)
    client.force_login(User.objects.create_superuser("alice"))
    page = client.get(f"/admin/discovery/publication/{publication.pk}/change/").content.decode()
    listed = client.get("/admin/discovery/publication/").content.decode()

    assert "The disk is full." in page
    assert "no mirror" in listed
    assert "ciphertext" not in page
    assert bytes(publication.body)[:40].decode() not in page
    assert client.get("/admin/discovery/publication/add/").status_code == 403
    assert client.post(f"/admin/discovery/publication/{publication.pk}/delete/").status_code == 403


def test_admin_action_tries_a_mirror_again(memory, client, monkeypatch):
    """After the operator has repaired a mirror, the next look visits it at once."""
    monkeypatch.setattr(memory, "problem", "The disk is full.")
    publication = services.publish(compose(), NOW)
    later = 2_000_000_000
    publication.results.update(next_attempt_at=datetime.fromtimestamp(later + 60, UTC))
    monkeypatch.setattr(memory, "problem", "")
    client.force_login(User.objects.create_superuser("alice"))
    alpha = Mirror.objects.get(name="alpha")
    client.post("/admin/discovery/mirror/", {"action": "try_again", "_selected_action": [alpha.pk]})
    services.carry(later)

    assert services.publication_is_safe(Publication.objects.get())


def test_checkmirrors_proves_each_mirror(server, handed_over, tmp_path):
    """A probe is written, read back, overwritten and taken away again; the file itself is not touched."""
    services.ensure_mirrors()
    services.publish(compose(), NOW)
    text = run("checkmirrors", "Local file")

    assert text == "Local file (local_file): takes and gives what it should\n"
    assert not (tmp_path / "probe.json").exists()
    assert (tmp_path / "connection.json").read_bytes() == bytes(services.latest_publication().body)


def test_checkmirrors_says_what_is_wrong(memory, monkeypatch):
    """A mirror that takes nothing, and one of an unknown kind; the status tells a script."""
    monkeypatch.setattr(memory, "problem", "The disk is full.")
    Mirror.objects.create(kind="carrier_pigeon", name="loft", enabled=False)
    out = StringIO()
    with pytest.raises(CommandError, match=r"Not well: alpha, loft\."):
        call_command("checkmirrors", "alpha", "loft", "--live", stdout=out)

    assert out.getvalue().splitlines() == [
        "alpha (memory): The disk is full.",
        "loft (carrier_pigeon): This version does not know the kind carrier_pigeon; disable it.",
    ]


def test_checkmirrors_finds_who_gives_another_file(memory):
    """A mirror that takes what it is given and hands out something else is named."""
    services.publish(compose(), NOW)
    memory.held["alpha"] = b"<!doctype html>"
    with pytest.raises(CommandError, match="Not well: alpha"):
        run("checkmirrors")

    assert Mirror.objects.get(name="alpha").state == Mirror.State.SUSPECT


def test_checkmirrors_says_so_each_time_while_another_file_is_given(memory, monkeypatch):
    """A mirror that goes on lying is not well because it was found out before."""
    services.publish(compose(), NOW)
    monkeypatch.setattr(memory, "instead", b"<!doctype html>")
    for _ in range(2):
        with pytest.raises(CommandError, match="Not well: alpha"):
            run("checkmirrors")
    monkeypatch.setattr(memory, "instead", b"")

    assert "alpha (memory): takes and gives what it should" in run("checkmirrors")


def test_checkmirrors_knows_only_mirrors_that_exist(memory):
    """A name that was mistyped is said."""
    with pytest.raises(CommandError, match="no mirror of this name: beta"):
        run("checkmirrors", "beta")
