"""The commands: an invite for whoever runs the server, and pruning."""

import json
import time

import pytest
from django.core.management import CommandError, call_command

from chat.models import AuditEvent, Invite, ServerIdentity
from chat.services.identity import ensure_server
from clawchat.protocol.invite import Invite as Invitation
from clawchat.protocol.limits import INVITE_DEFAULT_SECONDS


def run(capsys, *arguments: str) -> str:
    """What a command prints."""
    call_command(*arguments)
    return capsys.readouterr().out


def test_createinvite_prints_json(db, capsys, settings):
    """On an empty database it makes the server first; the text and the link carry the same invite."""
    printed = json.loads(run(capsys, "createinvite", "--json", "--label", "for Alice", "--owner"))

    invitation = Invitation.parse(printed["invite"])
    assert Invitation.parse(printed["url"]) == invitation
    assert printed["url"].startswith(f"{settings.CLAWCHAT_FRONT_URL}/#clawchat:")
    assert invitation.locators == (f"{settings.CLAWCHAT_FRONT_URL}/connection.json",)
    assert bytes(invitation.server_public) == bytes(ServerIdentity.objects.get().public)
    assert abs(invitation.expires - time.time() - INVITE_DEFAULT_SECONDS) < 60
    row = Invite.objects.get()
    assert (row.label, row.makes_owner, row.made_by) == ("for Alice", True, None)
    assert AuditEvent.objects.get(code="invite_made").actor == "operator"


def test_createinvite_prints_words(db, capsys):
    """For people: the link, how long it holds, and that it is not shown again."""
    printed = run(capsys, "createinvite", "--lifetime", "3600")

    assert printed.startswith("http")
    assert "not shown again" in printed
    assert Invite.objects.get().makes_owner is False


def test_createinvite_refuses_other_lifetimes(db):
    """In a sentence."""
    with pytest.raises(CommandError, match="lifetime of 5 s"):
        call_command("createinvite", "--lifetime", "5")


def test_createinvite_says_that_the_master_key_is_missing(db, tmp_path, settings):
    """And makes neither a key nor an invite."""
    ensure_server()
    settings.CLAWCHAT_MASTER_KEY_FILE = tmp_path / "master.key"

    with pytest.raises(CommandError, match="is missing"):
        call_command("createinvite")

    assert not Invite.objects.exists()


def test_prunemessages_tells_what_it_removed(db, capsys):
    """One line each."""
    printed = run(capsys, "prunemessages", "--days", "1")

    assert printed.splitlines()[0] == "messages: 0"
    assert "staged blobs: 0" in printed
