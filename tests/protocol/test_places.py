"""Places: one grammar, and no URL that leads elsewhere than it looks."""

import re
from ipaddress import ip_address
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawchat.protocol.encoding import encode_base64url
from clawchat.protocol.places import (
    FILE_NAME,
    LIST_NAME,
    MEGA_GATEWAY,
    PLACE_MAX_CHARACTERS,
    MegaFolder,
    WebPlace,
    parse_place,
)

KEY = bytes(range(16))
FOLDER = f"/folder/aB3_-xYz#{encode_base64url(KEY)}"
HOSTS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}\.){0,3}[a-z]{2,5}", fullmatch=True)
SEGMENTS = st.lists(st.from_regex(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,6}", fullmatch=True), max_size=4)


@given(HOSTS, st.none() | st.integers(1, 65_535), SEGMENTS)
def test_list_lies_where_a_browser_would_look(host, port, segments):
    """`beside` is what any URL library makes of the relative name."""
    url = f"https://{host}{'' if port is None else f':{port}'}/{'/'.join(segments)}"
    place = parse_place(url)

    assert isinstance(place, WebPlace)
    assert place.host == urlsplit(url).netloc
    assert place.beside(LIST_NAME) == urljoin(url, LIST_NAME)


@given(st.text(st.sampled_from("https://mega.nz/folder/#@:[]127.0.0.1localhost?=%\\ \n\t"), max_size=60))
def test_no_text_is_a_place_that_leads_elsewhere(text):
    """Whatever is taken has the host it shows, no user, and TLS or this very machine."""
    place = parse_place(text)
    if isinstance(place, WebPlace):
        split = urlsplit(place.url)
        assert (split.username, split.fragment) == (None, "")
        assert split.netloc.lower() == place.host
        assert split.scheme == "https" or split.hostname in ("localhost", "127.0.0.1", "::1")


@given(st.text("0123:.f", max_size=30))
def test_no_address_is_taken_that_libraries_refuse(text):
    """Brackets hold an address of version 6, or the place is none."""
    place = parse_place(f"https://[{text}]/c")
    if place is not None:
        ip_address(text)
        assert place.host == urlsplit(place.url).netloc


@given(st.ip_addresses(v=6))
def test_every_address_of_version_6_is_taken(address):
    """Short and long."""
    for text in (address.compressed, address.exploded):
        assert parse_place(f"https://[{text}]/c")


@given(st.text(max_size=40))
def test_any_text_is_a_place_or_none(text):
    """Nothing is raised."""
    for tried in (text, f"https://{text}", f"https://mega.nz/folder/{text}", f"http://127.0.0.1:1/{text}"):
        assert parse_place(tried) is None or parse_place(tried).host


def test_mega_is_asked_at_its_own_gateway():
    """And an emulator at its own origin, on this machine only."""
    assert parse_place(f"https://mega.nz{FOLDER}") == MegaFolder("aB3_-xYz", KEY, MEGA_GATEWAY)
    for origin in ("http://127.0.0.1:8123", "http://localhost:8123", "http://[::1]:8123", "https://localhost"):
        place = parse_place(origin + FOLDER)
        assert place == MegaFolder("aB3_-xYz", KEY, f"{origin}/cs")
        assert place.host == origin.partition("//")[2]
    assert parse_place(f"https://mega.example{FOLDER}") is None


@pytest.mark.parametrize("url", [f"https://mega.nz{FOLDER}", "https://chat.example/secret-path/connection.json"])
def test_no_repr_shows_more_than_the_host(url):
    """A log that shows a place by mistake shows neither its key nor its path."""
    shown = repr(parse_place(url))

    assert "secret-path" not in shown
    assert not re.search(r"key|\\x0", shown)


def test_length_has_a_bound():
    """2048 characters."""
    base = "https://chat.example/"

    assert parse_place(base + "x" * (PLACE_MAX_CHARACTERS - len(base)))
    assert parse_place(base + "x" * (PLACE_MAX_CHARACTERS - len(base) + 1)) is None


def test_names_are_those_of_the_document():
    """Two names at every place."""
    assert (FILE_NAME, LIST_NAME) == ("connection.json", "revocations.json")
