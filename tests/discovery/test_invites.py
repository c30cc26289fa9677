"""Invites name every place where the connection file lies."""

from chat.services.invites import create_invite
from clawchat.protocol.invite import Invite
from discovery.models import Mirror


def places() -> tuple[str, ...]:
    """What a new invite names."""
    return Invite.parse(create_invite().text).locators


def test_an_invite_names_the_front_door_first_and_every_mirror(memory, settings):
    """So that a newcomer finds the server while the front door is off."""
    settings.CLAWCHAT_FRONT_URL = "https://chat.example.org"
    Mirror.objects.create(kind="memory", name="beta")

    assert places() == (
        "https://chat.example.org/connection.json",
        "https://alpha.example.org/connection.json",
        "https://beta.example.org/connection.json",
    )


def test_an_invite_names_no_mirror_that_is_off(memory, settings):
    """Nor a front door that has no address."""
    settings.CLAWCHAT_FRONT_URL = ""
    Mirror.objects.update(enabled=False)

    assert places() == ()


def test_an_invite_names_nothing_that_no_reader_would_ask(memory, settings, monkeypatch):
    """It would only be passed over."""
    settings.CLAWCHAT_FRONT_URL = ""
    found = ("ftp://shelf.example.org/connection.json", "https://shelf.example.org/connection.json")
    monkeypatch.setattr(memory, "public_locations", lambda self: found)

    assert places() == found[1:]


def test_an_invite_names_no_more_places_than_a_reader_asks(memory, settings):
    """16 in all."""
    settings.CLAWCHAT_FRONT_URL = "https://chat.example.org"
    Mirror.objects.bulk_create(Mirror(kind="memory", name=f"m{number}") for number in range(20))

    assert len(places()) == 16
