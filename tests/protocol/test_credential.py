"""Who a device belongs to, and the sealed root that says so."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawchat.protocol.credential import (
    IDENTITY_BYTES,
    ROOT_BLOB_BYTES,
    DeviceKind,
    LeafIdentity,
    device_id,
    open_root_blob,
    seal_root_blob,
    sign_identity,
    user_id,
)
from clawchat.protocol.errors import Malformed, PeerError, Unauthentic, UnsupportedVersion
from clawchat.protocol.keys import DeviceKey, RecoveryKey, RootKey
from tests.protocol.pairs import changed_bytes

ROOT, DEVICE, RECOVERY = RootKey.generate(), DeviceKey.generate().public, RecoveryKey.generate()
IDENTITY = sign_identity(ROOT, DEVICE, DeviceKind.HUMAN, 1000, 2000)


def test_identity_round_trip():
    """Made, written, read and verified."""
    data = IDENTITY.encode()

    assert len(data) == IDENTITY_BYTES
    assert LeafIdentity.parse(data) == IDENTITY
    LeafIdentity.parse(data).verify(DEVICE)
    assert (IDENTITY.user_id, IDENTITY.device_id) == (user_id(ROOT.public), device_id(DEVICE))


def test_every_changed_byte_is_refused():
    """Each byte is certified."""
    for _, wrong in changed_bytes(IDENTITY.encode()):
        with pytest.raises(PeerError):
            LeafIdentity.parse(wrong).verify(DEVICE)


def test_every_truncation_is_refused():
    """146 bytes, no more and no less."""
    data = IDENTITY.encode()
    for length in range(len(data)):
        with pytest.raises(Malformed):
            LeafIdentity.parse(data[:length])
    with pytest.raises(Malformed):
        LeafIdentity.parse(data + b"\0")


@pytest.mark.parametrize(
    "changed",
    [
        {"user_id": bytes(16)},
        {"device_id": bytes(16)},
        {"kind": DeviceKind.AGENT},
        {"not_before": 0},
        {"not_after": 2**53 - 1},
        {"root_public": RootKey.generate().public},
        {"signature": bytes(64)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_changed_member_is_unauthentic(changed):
    """Nobody but the root says who a device is, what it is and until when."""
    with pytest.raises(Unauthentic):
        replace(IDENTITY, **changed).verify(DEVICE)


def test_identity_is_for_one_device():
    """Mallory cannot use alice's certificate for a key of her own."""
    with pytest.raises(Unauthentic):
        IDENTITY.verify(DeviceKey.generate().public)


def test_mallory_cannot_certify_for_alice():
    """With alice's user id, or under a root of her own."""
    mallory = RootKey.generate()
    forged = sign_identity(mallory, DEVICE, DeviceKind.HUMAN, 1000, 2000)
    with pytest.raises(Unauthentic):
        replace(forged, user_id=IDENTITY.user_id).verify(DEVICE)
    with pytest.raises(Unauthentic):
        replace(forged, root_public=ROOT.public, user_id=IDENTITY.user_id).verify(DEVICE)
    forged.verify(DEVICE)
    assert forged.user_id != IDENTITY.user_id


@pytest.mark.parametrize(
    ("at", "value", "error"),
    [(0, 0, UnsupportedVersion), (0, 2, UnsupportedVersion), (33, 0, Malformed), (33, 3, Malformed)],
)
def test_version_and_kind_are_judged(at, value, error):
    """Before any signature."""
    data = bytearray(IDENTITY.encode())
    data[at] = value
    with pytest.raises(error):
        LeafIdentity.parse(bytes(data))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_peer_error_or_unauthentic(data):
    """Nothing made by chance verifies, and nothing else is raised."""
    for candidate in (data, b"\1" + data.ljust(145, b"\1")[:145]):
        with pytest.raises(PeerError):
            LeafIdentity.parse(candidate).verify(DEVICE)
        with pytest.raises(PeerError):
            open_root_blob(candidate, RECOVERY)


def test_root_blob_round_trip():
    """The recovery key brings the root back; each blob is sealed anew."""
    blob = seal_root_blob(ROOT, RECOVERY)

    assert len(blob) == ROOT_BLOB_BYTES
    assert open_root_blob(blob, RECOVERY) == ROOT
    assert seal_root_blob(ROOT, RECOVERY) != blob


def test_every_changed_byte_of_a_root_blob_is_refused():
    """The server that keeps it cannot change it."""
    for at, wrong in changed_bytes(seal_root_blob(ROOT, RECOVERY)):
        with pytest.raises(Unauthentic if at else UnsupportedVersion):
            open_root_blob(wrong, RECOVERY)


def test_every_truncation_of_a_root_blob_is_refused():
    """77 bytes."""
    blob = seal_root_blob(ROOT, RECOVERY)
    for length in range(len(blob)):
        with pytest.raises(Malformed):
            open_root_blob(blob[:length], RECOVERY)


def test_root_blob_opens_for_its_recovery_key_only():
    """Another key, or another person's blob."""
    with pytest.raises(Unauthentic):
        open_root_blob(seal_root_blob(ROOT, RECOVERY), RecoveryKey.generate())


def test_ids_belong_to_their_keys():
    """Two keys never share an id, nor a person and a device of one key."""
    same = bytes(RootKey(bytes(32)).public)

    assert bytes(DeviceKey(bytes(32)).public) == same
    assert user_id(RootKey(bytes(32)).public) != device_id(DeviceKey(bytes(32)).public)
    assert len({user_id(RootKey.generate().public) for _ in range(20)}) == 20
