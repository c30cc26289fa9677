"""Which mirrors make a file published: those that most readers can ask (decision 0015)."""

import pytest

from discovery import services
from discovery.mirrors import DRIVERS
from discovery.mirrors.base import Reach
from discovery.models import Mirror, PublicationResult
from discovery.services.mirrors import mirrors_that_count
from tests.discovery.conftest import NOW, compose, endpoint


@pytest.fixture
def house(memory, settings):
    """The mirrors that every server has, and alpha, which anybody reads at https://."""
    settings.CLAWCHAT_FRONT, settings.CLAWCHAT_FRONT_URL = ("127.0.0.1", 1), "http://localhost:1"
    Mirror.objects.update(enabled=True)
    return memory


def counting() -> set[str]:
    """The names of the mirrors that count."""
    return set(Mirror.objects.filter(pk__in=mirrors_that_count()).values_list("name", flat=True))


def turn_off(*names: str) -> None:
    """Disable these mirrors."""
    Mirror.objects.filter(name__in=names).update(enabled=False)


@pytest.mark.parametrize(
    ("front_url", "off", "expected"),
    [
        ("https://chat.example.org", [], {"Front door", "alpha"}),
        ("http://localhost:8000", [], {"alpha"}),
        ("http://localhost:8000", ["alpha"], {"Front door"}),
        ("http://[::1]:8000", ["alpha"], {"Front door"}),
        # No place: clients pass over it.
        ("http://192.0.2.1:8000", ["alpha"], {"Local file", "Front door"}),
        ("https://chat.example.org", ["alpha", "Front door"], {"Local file"}),
        ("", ["alpha", "Local file", "Front door"], set()),
    ],
)
def test_the_widest_reach_counts(house, settings, front_url, off, expected):
    """Anybody's mirrors before this machine's, those before the ones that nobody asks."""
    settings.CLAWCHAT_FRONT_URL = front_url
    turn_off(*off)

    assert counting() == expected


@pytest.mark.parametrize(("off", "expected"), [([], {"alpha"}), (["alpha"], {"Local file", "Front door"})])
def test_a_door_that_is_off_counts_for_nobody(house, settings, off, expected):
    """Its address stays in the file; nothing is served there."""
    settings.CLAWCHAT_FRONT_URL, settings.CLAWCHAT_FRONT = "https://chat.example.org", None
    turn_off(*off)

    assert counting() == expected


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        ("webdav", {"public": "https://x.org/connection.json"}, Reach.ANYBODY),
        ("webdav", {"public": "http://127.0.0.1:8000/connection.json"}, Reach.MACHINE),
        ("storage", {}, Reach.NOBODY),
        ("mega", {}, Reach.NOBODY),
    ],
)
def test_reach_follows_from_the_public_address(server, kind, options, expected):
    """Without asking anybody."""
    assert DRIVERS[kind](Mirror.objects.create(kind=kind, name="x", options=options)).reach() == expected


def test_the_local_file_alone_does_not_make_a_file_published(house, monkeypatch):
    """While a mirror for members who are away takes nothing, they have an older file, and what counts stays behind."""
    first = services.publish(compose(), NOW)
    monkeypatch.setattr(house, "problem", "It is down.")
    second = services.publish(compose(NOW + 10, endpoint(50_001)), NOW + 10)
    safe = second.results.filter(state=PublicationResult.State.SAFE)

    assert list(safe.values_list("mirror__name", flat=True)) == ["Local file"]
    assert not services.publication_is_safe(second)
    assert (services.published_serial(), services.published_bytes()) == (first.serial, bytes(first.body))

    monkeypatch.setattr(house, "problem", "")
    services.carry(NOW + 60)
    assert services.publication_is_safe(second)
    assert services.published_bytes() == bytes(second.body)


def test_what_readers_have_is_never_deleted(house, monkeypatch):
    """However many files the local mirror took since."""
    monkeypatch.setattr(services.publications, "KEPT", 2)
    first = services.publish(compose(), NOW)
    monkeypatch.setattr(house, "problem", "It is down.")
    for number in range(1, 6):
        services.publish(compose(NOW + number, endpoint(50_000 + number)), NOW + number)

    assert services.published_serial() == first.serial
