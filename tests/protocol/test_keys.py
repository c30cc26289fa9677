"""Keys: one length each, never mixed up, never shown."""

import pytest

from clawchat.protocol import keys
from clawchat.protocol.errors import Malformed, Unauthentic, UsageError
from clawchat.protocol.keys import (
    AttachmentKey,
    DecapsulationKey,
    DeviceKey,
    DevicePublic,
    DiscoverySecret,
    EncapsulationKey,
    ExchangePublic,
    ExchangeSecret,
    GateKey,
    IdentityKey,
    IdentityPublic,
    PreSharedKey,
    RecoveryKey,
    RootKey,
    RootPublic,
    SignalKey,
)

KINDS = [
    *(AttachmentKey, DecapsulationKey, DeviceKey, DevicePublic, DiscoverySecret, EncapsulationKey, ExchangePublic),
    *(ExchangeSecret, GateKey, IdentityKey, IdentityPublic, PreSharedKey, RecoveryKey, RootKey, RootPublic),
    SignalKey,
]
SIGNERS = [IdentityKey, DeviceKey, RootKey]


@pytest.mark.parametrize("kind", KINDS)
def test_key_has_one_length(kind):
    """Other lengths are our mistake, or malformed when they came from outside."""
    raw = bytes(range(256)) * 5
    assert bytes(kind(raw[: kind.SIZE])) == raw[: kind.SIZE]
    assert kind.from_bytes(raw[: kind.SIZE]) == kind(raw[: kind.SIZE])
    for size in (0, kind.SIZE - 1, kind.SIZE + 1):
        with pytest.raises(UsageError):
            kind(raw[:size])
        with pytest.raises(Malformed):
            kind.from_bytes(raw[:size])


@pytest.mark.parametrize("kind", KINDS)
def test_key_is_frozen_and_of_its_kind(kind):
    """It cannot be changed, and equals no other kind of the same bytes."""
    key = kind(bytes([7]) * kind.SIZE)

    assert key == kind(bytes([7]) * kind.SIZE)
    assert key != kind(bytes([8]) * kind.SIZE)
    assert hash(key) == hash(kind(bytes(key)))
    assert all(key != other(bytes(key)) for other in KINDS if other is not kind and other.SIZE == kind.SIZE)
    with pytest.raises(UsageError):
        key._raw = bytes(kind.SIZE)
    with pytest.raises(UsageError):
        kind(bytearray(kind.SIZE))


def test_kinds_and_bytes_part_hashes():
    """A table of keys stays a table, whatever kinds and however many are in it."""
    assert len({hash(kind(bytes([fill]) * 32)) for kind in (PreSharedKey, GateKey) for fill in range(2)}) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_repr_shows_no_key(kind):
    """A repr has a type and at most the start of a public fingerprint."""
    key = kind(bytes(range(1, 65))[: kind.SIZE].ljust(kind.SIZE, b"\1"))
    shown = repr(key) + str(key)

    assert shown.startswith(kind.__name__)
    assert not any(bytes(key)[at : at + 2].hex() in shown.replace(" ", "") for at in range(30))
    assert len(repr(key)) < 40


@pytest.mark.parametrize("kind", [IdentityKey, DeviceKey, RootKey])
def test_repr_of_a_pair_begins_the_fingerprint_people_compare(kind):
    """Two groups of it, the same for both halves."""
    key = kind(bytes([7]) * 32)

    assert repr(key) == f"{kind.__name__}({key.public.fingerprint[:9]}...)"
    assert repr(key.public) == f"{type(key.public).__name__}({key.public.fingerprint[:9]}...)"


@pytest.mark.parametrize(
    "kind", [DiscoverySecret, PreSharedKey, RecoveryKey, ExchangeSecret, DecapsulationKey, *SIGNERS]
)
def test_generated_keys_differ(kind):
    """Each is fresh."""
    assert kind.generate() != kind.generate()


@pytest.mark.parametrize("kind", SIGNERS)
def test_signature_verifies_under_its_public_key_only(kind):
    """Signs, verifies, and refuses another key, message or signature."""
    key = kind.generate()
    signature = key.sign(b"message")

    key.public.verify(signature, b"message")
    assert type(key.public).__name__ == kind.__name__.replace("Key", "Public")
    for public, signed, text in (
        (kind.generate().public, signature, b"message"),
        (key.public, signature, b"massage"),
        (key.public, signature[:-1] + bytes([signature[-1] ^ 1]), b"message"),
    ):
        with pytest.raises(Unauthentic):
            public.verify(signed, text)


def test_public_fingerprint_is_for_people():
    """Eight groups of four digits; the repr has the first two."""
    public = IdentityKey(bytes(32)).public

    assert len(public.fingerprint.split(" ")) == 8
    assert public.fingerprint[:9] in repr(public)


def test_exchange_and_encapsulation_agree():
    """Both sides of both exchanges come to the same secret."""
    ours, theirs, decapsulation = ExchangeSecret.generate(), ExchangeSecret.generate(), DecapsulationKey.generate()
    shared, ciphertext = decapsulation.public.encapsulate()

    assert ours.exchange(theirs.public) == theirs.exchange(ours.public)
    assert decapsulation.decapsulate(ciphertext) == shared
    with pytest.raises(Malformed):
        ours.exchange(ExchangePublic(bytes(32)))
    with pytest.raises(Malformed):
        decapsulation.decapsulate(ciphertext[1:])


def test_every_kind_is_tested():
    """No key type was forgotten above."""
    public = {name for name, item in vars(keys).items() if isinstance(item, type) and not name.startswith("_")}

    assert public - {"Malformed", "UsageError", "Self", "cached_property"} == {kind.__name__ for kind in KINDS}


@pytest.mark.parametrize("kind", [*SIGNERS, ExchangeSecret, DecapsulationKey])
def test_used_key_is_as_frozen_and_as_silent(kind):
    """What it computes with is kept beside its bytes, and changes nothing of what is seen of it."""
    key, fresh = (kind(bytes(range(kind.SIZE))) for _ in range(2))
    assert key.public == key.public

    assert (key, hash(key), repr(key)) == (fresh, hash(fresh), repr(fresh))
    with pytest.raises(UsageError):
        key._ready = fresh
