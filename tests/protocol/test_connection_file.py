"""The connection file: readable by members, believable from nobody but the server."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawchat.protocol.connection_file import (
    AuditHead,
    ConnectionInfo,
    Endpoint,
    RevocationsHead,
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
from clawchat.protocol.keys import DiscoverySecret, IdentityKey, PreSharedKey
from clawchat.protocol.primitives import random_bytes, sha256
from clawchat.protocol.wraps import MAX_WRAPS, join_wraps, make_padding, make_wrap
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
    audit_head=AuditHead(12, bytes(range(32))),
    revocations=RevocationsHead(NOW - 9, bytes(range(32, 64))),
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

    assert json.loads(data)["timestamp"] == NOW
    assert "wraps" not in json.loads(data)
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


def test_inner_json_has_these_members():
    """Each by its own name, the first endpoint a second time at the top."""
    made = json.loads(replace(INFO, suites=(1, 2)).encode())
    endpoint = {
        "host": "chat.example",
        "port": 54321,
        "path": PATH,
        "tls": True,
        "from": NOW - 60,
        "until": NOW + 3840,
        "load": 0.5,
        "region": "eu",
        "retiring": False,
        "fixed": False,
    }

    assert made["endpoints"][0] == endpoint
    assert (made["ip_address"], made["tls"], made["suites"]) == ("chat.example", True, [1, 2])
    assert (made["server_name"], made["grace_period"]) == ("Käfer & Co", 300)
    assert made["metadata"] == {"location": "attic", "region": "eu", "load": 0.5}
    assert made["supported_ciphers"] == [
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_AES_128_GCM_SHA256",
    ]
    assert ConnectionInfo.parse(json.dumps(made).encode(), SERVER.public).suites == (1, 2)


@pytest.mark.parametrize("host", ["Chat.EXAMPLE", "2001:DB8::1", "2001:db8::1", "x"])
def test_host_has_letters_of_both_sizes(host):
    """As it was written, so it is dialled."""
    assert Endpoint.from_members(ENDPOINT.to_members() | {"host": host}).host == host


def test_what_a_file_may_leave_out():
    """It is empty, nothing or the usual, as the specification's own files have it."""
    made = json.loads(INFO.encode())
    for name in ("server_name", "grace_period", "urls", "suites", "supported_ciphers", "min_client", "metadata"):
        del made[name]
    info = ConnectionInfo.parse(json.dumps(made).encode(), SERVER.public)

    assert (info.server_name, info.minimum_client, info.location) == ("", "", "")
    assert (info.grace_seconds, info.urls, info.suites, info.supported_ciphers) == (0, (), (2,), ())


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


def filled(*entries, step=16):
    return join_wraps([*entries, *(make_padding() for _ in range(-len(entries) % step))])


def test_who_was_away_comes_to_the_secret_by_the_wraps():
    """And to nothing that the server did not sign."""
    psk, former = PreSharedKey.generate(), DiscoverySecret.generate()
    data = seal_connection_file(INFO, SECRET, SERVER, NOW, wraps=filled(make_wrap(psk, SECRET)))
    sealed = SealedConnectionFile.parse(data)

    assert sealed.unwrap([PreSharedKey.generate(), psk], [SERVER.public]) == SECRET
    assert sealed.open(sealed.unwrap([psk], [SERVER.public]), [SERVER.public]) == INFO
    with pytest.raises(UnknownPeer):
        sealed.open(former, [SERVER.public])
    for psks in ([], [PreSharedKey.generate()], [PreSharedKey(bytes(former))]):
        with pytest.raises(UnknownPeer):
            sealed.unwrap(psks, [SERVER.public])
    with pytest.raises(Unauthentic):
        sealed.unwrap([psk], [IdentityKey.generate().public])
    with pytest.raises(UsageError):
        sealed.unwrap([psk], [])


def test_signature_is_judged_before_any_wrap():
    """A mirror that exchanges the wraps learns nothing from what a reader does next."""
    psk = PreSharedKey.generate()
    forged = {**members(), "wraps": encode_base64(filled(make_wrap(psk, SECRET)))}
    with pytest.raises(Unauthentic):
        SealedConnectionFile.parse(encode_json(forged)).unwrap([psk], [SERVER.public])


@pytest.mark.parametrize("wraps", [bytes(56), bytes(16 * 56), b"x", bytes(56 * 624)], ids=len)
def test_wraps_no_reader_takes_are_ours_to_avoid(wraps):
    """Neither published nor read."""
    with pytest.raises(UsageError):
        seal_connection_file(INFO, SECRET, SERVER, NOW, wraps=wraps)
    with pytest.raises(Malformed):
        SealedConnectionFile.parse(encode_json({**members(), "wraps": encode_base64(wraps)}))


def test_both_sign_while_one_hands_over_to_the_other():
    """Who has one pin or both opens it; the file still names the server, not its successor."""
    successor = IdentityKey.generate()
    sealed = SealedConnectionFile.parse(seal_connection_file(INFO, SECRET, SERVER, NOW, successor=successor))

    assert len(sealed.signatures) == 2
    for pins in ([SERVER.public], [SERVER.public, successor.public], [successor.public, SERVER.public]):
        assert sealed.open(SECRET, pins) == INFO
    with pytest.raises(Unauthentic):
        sealed.open(SECRET, [successor.public])
    with pytest.raises(UsageError):
        seal_connection_file(INFO, SECRET, SERVER, NOW, successor=SERVER)


def test_file_for_a_hundred_devices_is_small():
    """At most 16 KiB; and with as many wraps as there may be it still has room for a dozen ports."""
    hundred = filled(*(make_wrap(PreSharedKey.generate(), SECRET) for _ in range(100)))
    most = filled(*(make_padding() for _ in range(MAX_WRAPS)))
    ports = replace(INFO, endpoints=(ENDPOINT,) * 12)

    small = seal_connection_file(ports, SECRET, SERVER, NOW, wraps=hundred, successor=IdentityKey.generate())
    large = seal_connection_file(ports, SECRET, SERVER, NOW, wraps=most, successor=IdentityKey.generate())
    assert len(small) <= 16_384
    assert len(small) % 4096 == len(large) % 4096 == 0


def test_head_names_one_list():
    """By the bytes that are published."""
    head = RevocationsHead(5, sha256(b"a list"))

    assert head.matches(b"a list")
    assert not head.matches(b"a list ")
    assert not head.matches(b"")


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
    assert json.loads(data)["timestamp"] == NOW
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
        {"audit_head": AuditHead(1, bytes(31))},
        {"audit_head": AuditHead(-1, bytes(32))},
        {"revocations": RevocationsHead(0, bytes(32))},
        {"revocations": RevocationsHead(1, b"")},
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


@pytest.mark.parametrize(("name", "at"), [("iv", 12), ("tag", 16)])
def test_specifications_own_format_has_sizes(name, at):
    """A byte that moved from one member to the next is no other spelling of the same file."""
    good = json.loads(encrypt_connection_file({"port": 1}, SECRET, NOW))
    raw, sealed = parse_base64(good[name]), parse_base64(good["ciphertext"])
    assert len(raw) == at
    moved = (raw + b"\0", sealed) if name == "iv" else (sealed[-1:] + raw, sealed[:-1])
    for value, ciphertext in (moved, (raw[:-1], sealed)):
        changed = {**good, name: encode_base64(value), "ciphertext": encode_base64(ciphertext)}
        with pytest.raises(Malformed):
            decrypt_connection_file(encode_json(changed), SECRET)
