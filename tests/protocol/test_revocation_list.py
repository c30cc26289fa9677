"""The revocation list: signed, in one order, within its size; and an identity that ends itself is believed."""

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clawchat.protocol.connection_file import SealedConnectionFile
from clawchat.protocol.encoding import encode_json
from clawchat.protocol.errors import Malformed, PeerError, TooLarge, Unauthentic, UnknownPeer, UsageError
from clawchat.protocol.key_schedule import key_id
from clawchat.protocol.keys import DeviceKey, DiscoverySecret, IdentityKey
from clawchat.protocol.limits import CONNECTION_FILE_MAX_BYTES, CONNECTION_FILE_STEP_BYTES
from clawchat.protocol.revocation_list import (
    MAX_REVOKED,
    REVOCATION_LIST_INNER_MAX_BYTES,
    RevocationKind,
    RevocationList,
    Revoked,
    SealedRevocationList,
    check_identity_revocation,
    entries_that_fit,
    revoked_id,
    seal_revocation_list,
    sign_identity_revocation,
)
from tests.protocol.pairs import changed_bytes

NOW = 1_760_000_000
SECRET, SERVER, SUCCESSOR = DiscoverySecret.generate(), IdentityKey.generate(), IdentityKey.generate()
KINDS = st.sampled_from(RevocationKind)
REASONS = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=128)


def entry(kind=RevocationKind.DEVICE, key=b"a device", since=NOW, reason="lost"):
    statement = bytes(64) if kind is RevocationKind.IDENTITY else b""
    return Revoked(kind, revoked_id(key), since, reason, statement)


def in_order(entries):
    return tuple(sorted(entries, key=lambda each: (each.kind.value, each.id)))


ENTRIES = in_order(entry(kind, bytes(at)) for kind in RevocationKind for at in range(3))
LIST = RevocationList(NOW, NOW + 1, ENTRIES)


def published(given_list=LIST, secret=SECRET, server=SERVER, **more):
    return seal_revocation_list(given_list, secret, server, NOW, **more)


@settings(deadline=None)
@given(st.integers(1, 2**53 - 1), st.lists(st.tuples(KINDS, st.binary(min_size=1, max_size=4), REASONS), max_size=6))
def test_list_round_trip(serial, made):
    """Whatever order the entries come in, they are published in one."""
    entries = {(kind, key): entry(kind, key, reason=reason) for kind, key, reason in made}.values()
    opened = SealedRevocationList.parse(published(RevocationList(serial, NOW, tuple(entries)))).open(
        SECRET, [SERVER.public]
    )

    assert opened == RevocationList(serial, NOW, in_order(entries))


def test_published_size_says_nothing():
    """A multiple of 4 KiB, at most 64; outside stands when it was published."""
    assert json.loads(published())["timestamp"] == NOW
    for count in (0, 1, 30, MAX_REVOKED):
        entries = tuple(entry(key=bytes([at // 256, at % 256]), reason="") for at in range(count))
        data = published(RevocationList(1, NOW, entries))
        assert len(data) % CONNECTION_FILE_STEP_BYTES == 0
        assert len(data) <= CONNECTION_FILE_MAX_BYTES


def test_find_tells_the_entry():
    """By kind and id, and nothing of another kind."""
    device = DeviceKey.generate().public
    revoked = entry(RevocationKind.DEVICE, bytes(device))
    found = RevocationList(1, NOW, (*ENTRIES, revoked)).find

    assert found(RevocationKind.DEVICE, revoked_id(bytes(device))) == revoked
    assert found(RevocationKind.CERTIFICATE, revoked_id(bytes(device))) is None
    assert found(RevocationKind.DEVICE, revoked_id(b"another")) is None


def test_identity_ends_itself():
    """Its own word counts, in a list of anybody's."""
    mallory = IdentityKey.generate()
    ended = Revoked(
        RevocationKind.IDENTITY, revoked_id(bytes(SERVER.public)), NOW, "stolen", sign_identity_revocation(SERVER)
    )

    assert check_identity_revocation(ended, SERVER.public)
    assert not check_identity_revocation(ended, mallory.public)
    assert not check_identity_revocation(replace(ended, statement=sign_identity_revocation(mallory)), SERVER.public)
    assert not check_identity_revocation(replace(ended, id=revoked_id(bytes(mallory.public))), SERVER.public)
    assert not check_identity_revocation(replace(ended, statement=b""), SERVER.public)
    for kind in set(RevocationKind) - {RevocationKind.IDENTITY}:
        assert not check_identity_revocation(replace(ended, kind=kind), SERVER.public)
    for _, statement in changed_bytes(ended.statement):
        assert not check_identity_revocation(replace(ended, statement=statement), SERVER.public)


def test_list_is_no_connection_file_and_the_other_way_round():
    """One key seals both, so the label parts them."""
    members = json.loads(published())
    with pytest.raises(Unauthentic):
        SealedConnectionFile.parse(encode_json(members)).open(SECRET, [SERVER.public])
    as_file = SealedConnectionFile.parse(published())
    forged = {**members, "sig": json.loads(_resigned(as_file))["sig"]}
    with pytest.raises(Unauthentic):
        SealedRevocationList.parse(encode_json(forged)).open(SECRET, [SERVER.public])


def _resigned(sealed):
    """The same bytes, signed by the server as a connection file."""
    return replace(sealed, signatures=(SERVER.sign(sealed.signed()),)).encode(NOW)


def test_only_a_pinned_server_is_believed():
    """Or its successor, while both sign."""
    both = SealedRevocationList.parse(published(successor=SUCCESSOR))

    assert both.open(SECRET, [SERVER.public]) == both.open(SECRET, [SUCCESSOR.public]) == LIST
    with pytest.raises(Unauthentic):
        both.open(SECRET, [IdentityKey.generate().public])
    with pytest.raises(UsageError):
        both.open(SECRET, [])
    with pytest.raises(UsageError):
        published(successor=SERVER)


def test_secrets_by_kid():
    """The former secret opens nothing new."""
    sealed, former = SealedRevocationList.parse(published()), DiscoverySecret.generate()

    assert sealed.open({key_id(former): former, key_id(SECRET): SECRET}, [SERVER.public]) == LIST
    for secrets in (former, {}, {key_id(former): former}):
        with pytest.raises(UnknownPeer):
            sealed.open(secrets, [SERVER.public])
    with pytest.raises(Unauthentic):
        sealed.open({sealed.kid: former}, [SERVER.public])


@pytest.mark.parametrize(
    "wrong",
    [
        replace(LIST, serial=0),
        replace(LIST, serial=2**53),
        replace(LIST, entries=(ENTRIES[0], ENTRIES[0])),
        replace(LIST, entries=(entry(reason="x" * 129),)),
        replace(LIST, entries=(entry(reason="two\nlines"),)),
        replace(LIST, entries=(entry(reason="\ud800"),)),
        replace(LIST, entries=(replace(entry(), id=bytes(15)),)),
        replace(LIST, entries=(replace(entry(), statement=bytes(64)),)),
        replace(LIST, entries=(replace(entry(RevocationKind.IDENTITY), statement=b""),)),
        replace(LIST, entries=tuple(entry(key=bytes([at // 256, at % 256]), reason="") for at in range(401))),
    ],
)
def test_list_nobody_would_believe_is_ours_to_avoid(wrong):
    """What readers would refuse is not published."""
    with pytest.raises(UsageError):
        published(wrong)


@pytest.mark.parametrize("longest", [0, 20, 128])
@pytest.mark.parametrize("seed", range(4))
def test_what_does_not_fit_is_left_out_oldest_secrets_first(seed, longest):
    """A list is published whatever was revoked, and what matters most stays."""
    draw = random.Random(seed)
    kinds = draw.choices(
        list(RevocationKind), weights=[draw.random() for _ in RevocationKind], k=draw.randint(401, 900)
    )
    entries = [
        entry(kind, at.to_bytes(2), draw.randrange(2**20), "ß" * draw.randint(0, longest))
        for at, kind in enumerate(kinds)
    ]
    fitting = entries_that_fit(entries)
    dropped = set(entries) - set(fitting)

    assert fitting == in_order(fitting)
    assert len(published(RevocationList(2**53 - 1, 2**53 - 1, fitting))) <= CONNECTION_FILE_MAX_BYTES
    assert max(map(_worth, dropped)) <= min(map(_worth, fitting))
    size = len(RevocationList(1, 1, fitting).encode())
    assert len(fitting) == MAX_REVOKED or size > REVOCATION_LIST_INNER_MAX_BYTES - 500


def _worth(revoked: Revoked) -> tuple[int, int]:
    return ["discovery", "device", "certificate", "identity"].index(revoked.kind.value), revoked.since


def test_everything_that_fits_stays():
    """Nothing is left out without need."""
    entries = [entry(key=bytes([at // 256, at % 256]), reason="") for at in range(MAX_REVOKED)]

    assert set(entries_that_fit(entries)) == set(entries)
    assert entries_that_fit([]) == ()


def _inner_bytes(entries):
    return len(RevocationList(2**53 - 1, 2**53 - 1, tuple(entries)).encode())


def test_a_list_may_be_full_to_the_byte():
    """48,000 with the largest numbers a list can have, the comma after the last entry counted; and 400 entries."""
    entries = [entry(key=at.to_bytes(2), since=NOW + at, reason="") for at in range(300)]
    room = 48_000 - 1 - _inner_bytes(entries)
    entries = [replace(each, reason="x" * min(128, max(0, room - 128 * at))) for at, each in enumerate(entries)]
    assert _inner_bytes(entries) == 47_999

    assert len(entries_that_fit(entries)) == 300
    entries[-1] = replace(entries[-1], reason="x")
    assert set(entries) - set(entries_that_fit(entries)) == {entries[0]}
    many = [entry(key=at.to_bytes(2), since=NOW + at, reason="") for at in range(401)]
    assert set(many) - set(entries_that_fit(many)) == {many[0]}


VALUES = (
    st.none() | st.booleans() | st.integers(0, 2**53) | st.floats() | st.text(max_size=5) | st.just([]) | st.just({})
)


@given(st.sampled_from(["serial", "issued", "entries"]), VALUES)
def test_any_member_is_taken_or_refused(name, value):
    """Types and ranges are judged; nothing but a PeerError is raised."""
    inner = json.dumps({**json.loads(LIST.encode()), name: value}).encode()
    try:
        RevocationList.parse(inner)
    except PeerError as error:
        assert error.code == "malformed"


@given(KINDS, st.sampled_from(["kind", "id", "since", "reason", "statement"]), VALUES)
def test_any_member_of_an_entry_is_taken_or_refused(kind, name, value):
    """The same inside an entry."""
    try:
        Revoked.from_members({**entry(kind).to_members(), name: value})
    except PeerError as error:
        assert error.code == "malformed"


@given(st.binary(max_size=200))
def test_any_bytes_are_a_peer_error(data):
    """Nothing else is raised, neither outside nor inside."""
    for parse in (SealedRevocationList.parse, RevocationList.parse):
        with pytest.raises(PeerError):
            parse(data)


def test_too_large_is_told_before_it_is_read():
    """Neither outside nor inside."""
    for parse in (SealedRevocationList.parse, RevocationList.parse):
        with pytest.raises(TooLarge):
            parse(b" " * 65_537)


@pytest.mark.parametrize("name", ["iv", "ciphertext", "tag", "sig", "kid", "algorithm"])
def test_missing_member_is_refused(name):
    """Nothing has a default."""
    members = json.loads(published())
    del members[name]
    with pytest.raises(Malformed):
        SealedRevocationList.parse(encode_json(members))
