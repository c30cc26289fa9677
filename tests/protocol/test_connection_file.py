"""The connection file: readable by members, believable from nobody but the server."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawchat.protocol.connection_file import (
    ConnectionInfo,
    Endpoint,
    SealedConnectionFile,
    _seal_connection_file,
    decrypt_connection_file,
    encrypt_connection_file,
    seal_connection_file,
)
from clawchat.protocol.encoding import encode_base64, encode_base64url, encode_json, parse_base64
from clawchat.protocol.errors import (
    Malformed,
    PeerError,
    TooLarge,
    Unauthentic,
    UnknownPeer,
    UnsupportedVersion,
    UsageError,
)
from clawchat.protocol.fingerprint import server_id
from clawchat.protocol.key_schedule import key_id
from clawchat.protocol.keys import DiscoverySecret, IdentityKey
from clawchat.protocol.primitives import random_bytes, sha256
from clawchat.protocol.wraps import join_wraps, make_padding
from tests.protocol.pairs import changed_bytes

NOW = 1_760_000_000
SECRET, SERVER = DiscoverySecret.generate(), IdentityKey.generate()
PATH = "/" + encode_base64url(bytes(16))
ENDPOINT = Endpoint("chat.example", 54321, PATH, True, NOW - 60, NOW + 3840, 0.5, "eu")
INFO = ConnectionInfo(
    serial=NOW,
    server_id=server_id(SERVER.public),
    server_name="Käfer & Co",
    server_public=SERVER.public,
    timestamp=NOW,
    valid_from=NOW - 60,
    valid_until=NOW + 3840,
    next_rotation=NOW + 3540,
    grace_seconds=300,
    endpoints=(ENDPOINT, replace(ENDPOINT, host="2001:db8::1", port=50000, load=0.0)),
    urls=("https://chat.example/connection.json",),
    minimum_client="0.3",
    location="attic",
)


def published(info=INFO, secret=SECRET, server=SERVER):
    return seal_connection_file(info, secret, server, NOW)


def test_file_round_trip():
    """Sealed, parsed, opened; alone and by kid."""
    sealed = SealedConnectionFile.parse(published())

    assert sealed.kid == key_id(SECRET)
    assert sealed.open(SECRET, [SERVER.public]) == INFO
    others = {key_id(secret): secret for secret in (DiscoverySecret.generate(), SECRET)}
    assert sealed.open(others, [IdentityKey.generate().public, SERVER.public]) == INFO
    assert sealed.open(SECRET, [SERVER.public]).digest == sha256(INFO.encode())


@given(st.integers(1, 2**53 - 1), st.text(max_size=40), st.integers(1, 65_535), st.floats(0, 100))
def test_any_info_round_trip(serial, name, port, load):
    """Whatever a server may say."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return
    info = replace(INFO, serial=serial, server_name=name, endpoints=(replace(ENDPOINT, port=port, load=load),))

    assert SealedConnectionFile.parse(published(info)).open(SECRET, [SERVER.public]) == info


@pytest.mark.parametrize("count", [1, 20, 64])
def test_length_is_a_multiple_of_4_kib(count):
    """A mirror learns little from it; and it is JSON all the same."""
    data = published(replace(INFO, endpoints=(ENDPOINT,) * count))

    assert len(data) % 4096 == 0
    assert json.loads(data)["algorithm"] == "aes-256-gcm"


def test_file_shows_nothing():
    """Neither address, name nor path stands in clear."""
    data = published()

    assert not any(word in data for word in (b"chat.example", b"54321", PATH.encode(), b"attic"))


def test_two_files_share_no_nonce():
    """Each is sealed anew."""
    assert SealedConnectionFile.parse(published()).iv != SealedConnectionFile.parse(published()).iv


def test_inner_json_has_the_specifications_names():
    """And repeats the first endpoint at the top."""
    inner = json.loads(INFO.encode())

    specified = {"version", "protocol", "server_id", "server_name", "ip_address", "port", "public_key", "timestamp"}
    specified |= {"valid_from", "valid_until", "next_rotation", "grace_period", "supported_ciphers", "metadata"}
    assert specified <= inner.keys()
    assert (inner["ip_address"], inner["port"], inner["path"]) == ("chat.example", 54321, PATH)
    assert "secret" not in inner


def members():
    return json.loads(published())


@pytest.mark.parametrize("name", ["iv", "ciphertext", "tag", "sig", "kid"])
def test_every_changed_byte_is_refused(name):
    """Each member that counts is signed, byte for byte."""
    good = members()
    raw = bytes.fromhex(good[name]) if name == "kid" else parse_base64(good[name])
    for _, wrong in changed_bytes(raw, 1 if len(raw) < 100 else 37):
        changed = {**good, name: wrong.hex() if name == "kid" else encode_base64(wrong)}
        with pytest.raises((Unauthentic, UnknownPeer)):
            SealedConnectionFile.parse(encode_json(changed)).open(SECRET, [SERVER.public])


def test_wraps_are_signed():
    """A mirror cannot add or exchange them."""
    changed = {**members(), "wraps": encode_base64(join_wraps(make_padding() for _ in range(16)))}
    with pytest.raises(Unauthentic):
        SealedConnectionFile.parse(encode_json(changed)).open(SECRET, [SERVER.public])


@pytest.mark.parametrize("name", ["iv", "ciphertext", "tag", "sig", "kid", "algorithm", "v"])
def test_missing_member_is_refused(name):
    """Nothing has a default."""
    good = members()
    del good[name]
    with pytest.raises((Malformed, UnsupportedVersion)):
        SealedConnectionFile.parse(encode_json(good))


@pytest.mark.parametrize("name", ["timestamp", "pad"])
def test_unsigned_members_mean_nothing(name):
    """The outer time and the pad may say anything, or be gone."""
    good = members()
    for changed in ({**good, name: "anything"}, {key: value for key, value in good.items() if key != name}):
        assert SealedConnectionFile.parse(encode_json(changed)).open(SECRET, [SERVER.public]) == INFO


def test_members_and_former_members_cannot_forge():
    """Whoever holds the discovery secret can read files, not make them."""
    mallory = IdentityKey.generate()
    forged = published(replace(INFO, server_public=mallory.public), server=mallory)
    with pytest.raises(Unauthentic):
        SealedConnectionFile.parse(forged).open(SECRET, [SERVER.public])


def test_signed_file_must_name_a_pinned_server():
    """A signature alone does not introduce another key."""
    stranger = replace(INFO, server_public=IdentityKey.generate().public)
    data = _seal_connection_file(stranger.encode(), SECRET, SERVER, NOW, random_bytes(12))
    with pytest.raises(Unauthentic):
        SealedConnectionFile.parse(data).open(SECRET, [SERVER.public])


def test_unknown_secret_is_told():
    """So that a client can look whether it missed a new one."""
    sealed = SealedConnectionFile.parse(published())
    with pytest.raises(UnknownPeer):
        sealed.open(DiscoverySecret.generate(), [SERVER.public])
    with pytest.raises(UnknownPeer):
        sealed.open({}, [SERVER.public])


def test_opening_without_pins_is_ours_to_avoid():
    """There is no trust on first use."""
    with pytest.raises(UsageError):
        SealedConnectionFile.parse(published()).open(SECRET, [])


@given(st.binary(max_size=200))
def test_any_bytes_are_a_peer_error(data):
    """Nothing else is raised, neither outside nor inside."""
    for parse in (
        SealedConnectionFile.parse,
        lambda d: ConnectionInfo.parse(d, SERVER.public),
        lambda d: decrypt_connection_file(d, SECRET),
    ):
        with pytest.raises(PeerError):
            parse(data)


VALUES = (
    st.none()
    | st.booleans()
    | st.integers(0, 2**53)
    | st.floats()
    | st.text(max_size=5)
    | st.lists(st.text(max_size=3), max_size=2)
)


@given(st.sampled_from(sorted(json.loads(INFO.encode()))), VALUES)
def test_any_member_is_taken_or_refused(name, value):
    """Types and ranges are judged; nothing but a PeerError is raised."""
    inner = json.dumps({**json.loads(INFO.encode()), name: value}).encode()
    try:
        ConnectionInfo.parse(inner, SERVER.public)
    except PeerError as error:
        assert error.code in ("malformed", "unsupported_version")


@given(st.sampled_from(sorted(ENDPOINT.to_members())), VALUES)
def test_any_endpoint_member_is_taken_or_refused(name, value):
    """The same inside an endpoint."""
    try:
        endpoint = Endpoint.from_members({**ENDPOINT.to_members(), name: value})
    except PeerError as error:
        assert error.code == "malformed"
    else:
        assert endpoint.url.startswith("wss://" if endpoint.tls else "ws://")


@pytest.mark.parametrize(
    "host",
    [
        "",
        "a/b",
        "a@b",
        "a:80",
        "a b",
        "a?b",
        "a#b",
        "a\\b",
        "a\n",
        "ä",
        "-a",
        ".a",
        "[::1]",
        "a%2f",
        "a" * 254,
        "::1%lo",
    ],
)
def test_host_is_a_name_or_an_address(host):
    """It ends up in a URL, where anything else could lead elsewhere."""
    with pytest.raises(Malformed):
        Endpoint.from_members({**ENDPOINT.to_members(), "host": host})


@pytest.mark.parametrize(
    ("host", "tls", "dialable", "url"),
    [
        ("chat.example", True, True, f"wss://chat.example:54321{PATH}"),
        ("chat.example", False, False, f"ws://chat.example:54321{PATH}"),
        ("localhost", False, True, f"ws://localhost:54321{PATH}"),
        ("127.0.0.1", False, True, f"ws://127.0.0.1:54321{PATH}"),
        ("::1", False, True, f"ws://[::1]:54321{PATH}"),
        ("127.0.0.2", False, False, f"ws://127.0.0.2:54321{PATH}"),
        ("localhost.example", False, False, f"ws://localhost.example:54321{PATH}"),
        ("LOCALHOST", False, False, f"ws://LOCALHOST:54321{PATH}"),
    ],
)
def test_endpoint_without_tls_is_for_this_machine_only(host, tls, dialable, url):
    """Whatever a file says."""
    endpoint = replace(ENDPOINT, host=host, tls=tls)

    assert (endpoint.is_dialable, endpoint.url) == (dialable, url)


def test_validity_may_be_one_second():
    """It ends no earlier than it begins."""
    info = replace(INFO, valid_until=INFO.valid_from)

    assert SealedConnectionFile.parse(published(info)).open(SECRET, [SERVER.public]) == info


def test_seconds_around_the_validity():
    """300 of them, for wrong clocks."""
    instants = [NOW - 361, NOW - 360, NOW, NOW + 4140, NOW + 4141]

    assert [INFO.is_current(now) for now in instants] == [False, True, True, True, False]


@pytest.mark.parametrize(
    "changed",
    [
        {"serial": 0},
        {"serial": 2**53},
        {"valid_until": NOW - 61},
        {"endpoints": ()},
        {"endpoints": (replace(ENDPOINT, host="a/b"),)},
        {"endpoints": (replace(ENDPOINT, port=0),)},
        {"endpoints": (replace(ENDPOINT, path="/short"),)},
        {"endpoints": (replace(ENDPOINT, load=float("nan")),)},
        {"server_name": "\ud800"},
        {"server_public": IdentityKey(bytes(32)).public},
    ],
    ids=lambda changed: f"{next(iter(changed))}",
)
def test_file_nobody_would_believe_is_ours_to_avoid(changed):
    """What readers would refuse is not published."""
    with pytest.raises(UsageError):
        published(replace(INFO, **changed))


def test_file_has_a_size():
    """Neither written nor read above 64 KiB."""
    with pytest.raises(TooLarge):
        published(replace(INFO, server_name="x" * 50_000))
    with pytest.raises(TooLarge):
        SealedConnectionFile.parse(b" " * 65_537)


def test_specifications_own_format_round_trip():
    """Format 1, which proves only that its maker held the secret, and which no client of ours takes."""
    data = encrypt_connection_file({"version": "1.0", "port": 54321}, SECRET, NOW)

    assert json.loads(decrypt_connection_file(data, SECRET)) == {"version": "1.0", "port": 54321}
    assert json.loads(data).keys() == {"iv", "ciphertext", "tag", "algorithm", "timestamp"}
    with pytest.raises(Unauthentic):
        decrypt_connection_file(data, DiscoverySecret.generate())
    with pytest.raises(UnsupportedVersion):
        SealedConnectionFile.parse(data)
