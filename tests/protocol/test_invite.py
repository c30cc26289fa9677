"""Invitations: one text, one meaning."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawchat.protocol.encoding import encode_base64url, parse_base64url
from clawchat.protocol.errors import Malformed, PeerError, TooLarge, UnsupportedVersion, UsageError
from clawchat.protocol.invite import Invite
from clawchat.protocol.keys import DiscoverySecret, IdentityKey, PreSharedKey
from clawchat.protocol.primitives import sha256
from tests.protocol.pairs import changed_bytes

INVITE = Invite(
    DiscoverySecret(bytes([1]) * 32),
    IdentityKey(bytes([2]) * 32).public,
    bytes(range(16)),
    PreSharedKey(bytes([3]) * 32),
    1_760_086_400,
    ("https://chat.example/connection.json",),
)
URLS = st.text("abcxyz/.:-", max_size=20).map(lambda tail: f"https://{tail}")
EXTENSIONS = st.lists(st.tuples(st.integers(0, 65_535), st.binary(max_size=20)), max_size=4)


SECRETLESS = replace(INVITE, discovery_secret=None)
BOTH = pytest.mark.parametrize("invite", [INVITE, SECRETLESS], ids=["version 1", "version 2"])


@given(st.booleans(), st.integers(0, 2**32 - 1), st.lists(URLS, max_size=4), EXTENSIONS)
def test_invite_round_trip(has_secret, expires, locators, extensions):
    """Bare, and in the fragment of a link; with the discovery secret and without."""
    ordered = tuple(sorted(extensions, key=lambda pair: pair[0]))
    invite = INVITE if has_secret else SECRETLESS
    invite = replace(invite, expires=expires, locators=tuple(locators), extensions=ordered)
    text = invite.encode()

    assert Invite.parse(text) == invite
    assert Invite.parse(f"https://chat.example/#{text}") == invite


def test_invite_is_about_200_characters():
    """Short enough for a code to scan."""
    assert 200 <= len(INVITE.encode()) <= 240


def test_an_invite_without_a_secret_has_none_in_it():
    """Its text opens nothing by itself, and is shorter by what it does not say."""
    data = parse_base64url(SECRETLESS.encode().removeprefix("clawchat:"))

    assert bytes(INVITE.discovery_secret) not in data
    assert data[0] == 2
    assert len(data) == len(parse_base64url(INVITE.encode().removeprefix("clawchat:"))) - 32
    assert Invite.parse(SECRETLESS.encode()).discovery_secret is None


def test_no_version_is_read_as_the_other():
    """A byte that was changed, and a checksum that was made anew."""
    for invite, version in ((INVITE, 2), (SECRETLESS, 1)):
        body = parse_base64url(invite.encode().removeprefix("clawchat:"))[:-4]
        with pytest.raises(Malformed):
            Invite.parse(resealed(bytes([version]) + body[1:]))


@BOTH
def test_every_changed_character_is_refused(invite):
    """The checksum notices slips of copying."""
    text = invite.encode()
    for at in range(9, len(text)):
        slip = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        with pytest.raises(PeerError):
            Invite.parse(slip)


@BOTH
def test_every_truncation_is_refused(invite):
    """Cut at any character."""
    text = invite.encode()
    for length in range(len(text)):
        with pytest.raises(PeerError):
            Invite.parse(text[:length])


def resealed(body):
    return "clawchat:" + encode_base64url(body + sha256(body)[:4])


@BOTH
def test_truncated_body_with_a_good_checksum_is_refused(invite):
    """A checksum is no reason to be lax."""
    body = parse_base64url(invite.encode().removeprefix("clawchat:"))[:-4]
    for length in range(1, len(body)):
        with pytest.raises(Malformed):
            Invite.parse(resealed(body[:length]))
    with pytest.raises(Malformed):
        Invite.parse(resealed(body + b"\0"))


def test_changed_body_with_a_good_checksum_is_another_invite_or_refused():
    """No two texts mean the same invite."""
    body = parse_base64url(INVITE.encode().removeprefix("clawchat:"))[:-4]
    for _, wrong in changed_bytes(body):
        try:
            assert Invite.parse(resealed(wrong)) != INVITE
        except PeerError:
            continue


@pytest.mark.parametrize("version", [0, 3, 255])
def test_other_versions_are_told(version):
    """So that an old client can say that it is old."""
    body = parse_base64url(INVITE.encode().removeprefix("clawchat:"))[:-4]
    with pytest.raises(UnsupportedVersion):
        Invite.parse(resealed(bytes([version]) + body[1:]))


@pytest.mark.parametrize(
    "text", ["", "clawchat", "clawchat:", "CLAWCHAT:AAAA", "#", "https://chat.example/", "x#y#clawchat:AAAA"]
)
def test_other_texts_are_no_invites(text):
    """Nor do they raise anything but a PeerError."""
    with pytest.raises(PeerError):
        Invite.parse(text)


@pytest.mark.parametrize("around", [" {}", "{} ", "{}\n", "<{}>", "{}=", "{}#", "{}?x"])
def test_nothing_may_stand_around_it(around):
    """What a person pasted is trimmed where it was pasted."""
    with pytest.raises(PeerError):
        Invite.parse(around.format(INVITE.encode()))


def test_invite_has_a_size():
    """More than 64 KiB is not looked at; the limit itself is."""
    with pytest.raises(UnsupportedVersion):
        Invite.parse("clawchat:".ljust(65_536, "A"))
    with pytest.raises(TooLarge):
        Invite.parse("clawchat:".ljust(65_537, "A"))


@given(st.text(max_size=80))
def test_any_text_is_a_peer_error(text):
    """Nothing else is raised."""
    for candidate in (text, "clawchat:" + text, "#clawchat:" + text):
        with pytest.raises(PeerError):
            Invite.parse(candidate)


@pytest.mark.parametrize(
    "changed",
    [
        {"invite_id": bytes(15)},
        {"expires": 2**32},
        {"locators": ("javascript:alert(1)",)},
        {"locators": ("https://a.example\nhttps://b.example",)},
        {"locators": ("",)},
        {"extensions": ((2, b""), (1, b""))},
        {"extensions": ((65_536, b""),)},
    ],
    ids=str,
)
def test_invite_nobody_could_read_is_ours_to_avoid(changed):
    """What parse would refuse is not written."""
    with pytest.raises(UsageError):
        replace(INVITE, **changed).encode()


def test_repr_shows_no_secret():
    """An invite in a log is no invite."""
    shown = repr(INVITE)

    assert "0101" not in shown
    assert "0303" not in shown
