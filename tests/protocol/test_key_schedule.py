"""Derivations: every input matters, every purpose has its own key, and only the table's purposes exist."""

import re
from itertools import combinations
from pathlib import Path

import pytest

from clawchat.mls import labels
from clawchat.protocol import key_schedule
from clawchat.protocol.errors import UsageError
from clawchat.protocol.key_schedule import (
    LABELS,
    PREFIXES,
    EpochKeys,
    HandshakeKeys,
    connection_file_key,
    derive_session_keys,
    device_credentials,
    epoch_zero,
    expand_label,
    finished_value,
    gate_key,
    key_id,
    psk_binder,
    root_blob_key,
    session_secret,
)
from clawchat.protocol.keys import DeviceKey, DiscoverySecret, ExchangePublic, PreSharedKey, RecoveryKey

PURPOSES = [name for name, label in LABELS.items() if label == b"clawchat/1 " + name.encode()]
SESSION_FIELDS = ("encryption_key", "mac_key", "iv_key", "next_key_seed")
EPOCH_FIELDS = (
    *("client_key", "client_iv", "server_key", "server_iv"),
    *("server_finished", "client_finished", "exporter", "next_key_seed"),
)
ONE, TWO = bytes([1]) * 32, bytes([2]) * 32


def fields(keys, names):
    return [getattr(keys, name) for name in names]


def test_labels_are_those_of_the_document():
    """Each label is `clawchat/1` and its purpose; the others are the specification's and the salts."""
    others = {name: label for name, label in LABELS.items() if name not in PURPOSES}

    assert set(others.values()) == {
        *(b"clawchat-gate", b"clawchat-root", b"clawchat-prf", b"clawchat-connection-file"),
        b"ClawChat v1.0 Session Keys",
    }
    assert len(set(LABELS.values())) == len(LABELS)
    document = (Path(__file__).resolve().parents[2] / "docs" / "protocol.md").read_text()
    # The document gives some in pairs: "c2s iv" and "s2c iv likewise".
    likewise = {"c hs key", "c hs iv", "s2c iv", "c finished"}
    assert {name for name in PURPOSES if f'"{name}"' not in document} == likewise


def test_prefixes_end_and_are_no_beginning_of_each_other():
    """No signed string can be read as one of another use."""
    assert all(re.fullmatch(rb"clawchat/1 [a-z ]+\0", prefix) for prefix in PREFIXES.values())
    assert not any(
        left.startswith(right) or right.startswith(left) for left, right in combinations(PREFIXES.values(), 2)
    )


def test_no_prefix_is_the_beginning_of_what_mls_signs():
    """A device signs both with one key. SignContent begins with its label's length in one byte (RFC 9420 5.1.2)."""
    names = (name for name in vars(labels) if name.isupper())
    begins = {labels.prefixed(getattr(labels, name))[0] for name in names}

    assert begins and max(begins) < 0x40 < min(prefix[0] for prefix in PREFIXES.values())


def test_tables_cannot_be_changed():
    """A purpose cannot be added at run time."""
    with pytest.raises(TypeError):
        LABELS["mine"] = b"clawchat/1 mine"
    with pytest.raises(TypeError):
        PREFIXES["mine"] = b"clawchat/1 mine\0"


def test_there_is_no_other_hkdf():
    """HKDF is called here and nowhere else in the package."""
    package = Path(key_schedule.__file__).parents[1]
    callers = [path.name for path in package.rglob("*.py") if "hkdf_ex" in path.read_text()]

    assert sorted(callers) == ["key_schedule.py", "primitives.py"]


def test_every_purpose_has_its_own_key():
    """One secret gives unrelated keys for all purposes, contexts and lengths."""
    made = [expand_label(ONE, purpose, context, 32) for purpose in PURPOSES for context in (b"", b"x")]

    assert len(set(made)) == len(made)
    assert expand_label(ONE, "gate", length=16) != expand_label(ONE, "gate")[:16]


@pytest.mark.parametrize(
    "label", ["", "gates", "gate salt", "session keys", "clawchat/1 gate", "GATE", "gate\0", "gäte"]
)
def test_unknown_purposes_are_refused(label):
    """Salts and strangers are no purposes."""
    with pytest.raises(UsageError):
        expand_label(ONE, label)


@pytest.mark.parametrize(("context", "length"), [(bytes(256), 32), (b"", -1), (b"", 0), (b"", 8161), (b"", 65_536)])
def test_sizes_are_kept(context, length):
    """Context up to 255 bytes, output up to 8160."""
    with pytest.raises(UsageError):
        expand_label(ONE, "gate", context, length)


def test_session_keys_depend_on_every_input():
    """Another secret, server or client gives four other keys, all different."""
    publics = ExchangePublic(ONE), ExchangePublic(TWO)
    made = [
        derive_session_keys(ONE, *publics),
        derive_session_keys(TWO, *publics),
        derive_session_keys(ONE, *reversed(publics)),
        derive_session_keys(ONE, publics[0], publics[0]),
        derive_session_keys(ONE, publics[1], publics[1]),
    ]

    every = [value for keys in made for value in fields(keys, SESSION_FIELDS)]
    assert len(set(every)) == 20
    assert all(len(value) == 32 for value in every)


def test_handshake_keys_depend_on_every_input():
    """Another shared secret or transcript gives other keys, all different."""
    names = ("handshake_secret", "server_key", "server_iv", "client_key", "client_iv")
    every = [
        value
        for shared, th2 in ((ONE, ONE), (TWO, ONE), (ONE, TWO))
        for value in fields(HandshakeKeys.derive(shared, th2), names)
    ]

    assert len(set(every)) == 15
    keys = HandshakeKeys.derive(ONE, ONE)
    assert len({keys.main_secret(PreSharedKey(ONE)), keys.main_secret(PreSharedKey(TWO)), keys.handshake_secret}) == 3


def test_epoch_keys_depend_on_every_input():
    """Another secret, context or public value gives other keys; only the seed of the next epoch ignores the context."""
    publics = ExchangePublic(ONE), ExchangePublic(TWO)
    made = [
        epoch_zero(ONE, ONE, *publics),
        epoch_zero(TWO, ONE, *publics),
        epoch_zero(ONE, TWO, *publics),
        epoch_zero(ONE, ONE, *reversed(publics)),
    ]
    every = [value for keys in made for value in fields(keys, EPOCH_FIELDS)]
    assert len(set(every)) == 32

    session = derive_session_keys(ONE, *publics)
    one, two = (fields(EpochKeys.derive(session, context), EPOCH_FIELDS) for context in (ONE, TWO))
    differing = [name for name, left, right in zip(EPOCH_FIELDS, one, two, strict=True) if left != right]
    assert differing == ["server_finished", "client_finished", "exporter"]


def test_iv_and_key_sizes():
    """IVs have 12 bytes, everything else 32."""
    keys = epoch_zero(ONE, ONE, ExchangePublic(ONE), ExchangePublic(TWO))

    assert [len(value) for value in fields(keys, EPOCH_FIELDS)] == [32, 12, 32, 12, 32, 32, 32, 32]


def test_binder_and_finished_depend_on_every_input():
    """The proofs change with the secret, the transcript and what they prove."""
    assert (
        len(
            {
                psk_binder(ONE, ONE, b"a"),
                psk_binder(TWO, ONE, b"a"),
                psk_binder(ONE, TWO, b"a"),
                psk_binder(ONE, ONE, b"b"),
            }
        )
        == 4
    )
    keys = [epoch_zero(secret, ONE, ExchangePublic(ONE), ExchangePublic(TWO)) for secret in (ONE, TWO)]
    assert len({finished_value(keys[0], ONE), finished_value(keys[1], ONE), finished_value(keys[0], TWO)}) == 3
    assert session_secret(ONE, TWO) != session_secret(TWO, ONE)


def test_keys_of_the_discovery_secret_are_unrelated():
    """Gate key, file key and kid have one job each, and change with the secret."""
    made = [value for raw in (ONE, TWO) for value in _of_discovery(DiscoverySecret(raw))]

    assert len(set(made)) == 6
    assert len(key_id(DiscoverySecret(ONE))) == 8


def _of_discovery(secret):
    return bytes(gate_key(secret)), connection_file_key(secret), key_id(secret).ljust(32, b"\0")


def test_device_credentials_belong_to_one_device():
    """Another exporter or device gives another id and another PSK."""
    alice, bob = DeviceKey(ONE).public, DeviceKey(TWO).public
    made = [device_credentials(ONE, alice), device_credentials(TWO, alice), device_credentials(ONE, bob)]

    assert len({psk_id for psk_id, _ in made}) == len({psk for _, psk in made}) == 3
    assert all(len(psk_id) == 16 for psk_id, _ in made)
    assert all(psk_id != bytes(psk)[:16] for psk_id, psk in made)


def test_root_blob_key_belongs_to_one_recovery_key():
    """Another recovery key gives another key."""
    assert root_blob_key(RecoveryKey(ONE)) != root_blob_key(RecoveryKey(TWO))


@pytest.mark.parametrize("kind", ["HandshakeKeys", "EpochKeys", "SessionKeys"])
def test_repr_shows_no_key(kind):
    """Key bundles show nothing of what they hold."""
    made = {
        "HandshakeKeys": HandshakeKeys.derive(ONE, TWO),
        "EpochKeys": epoch_zero(ONE, ONE, ExchangePublic(ONE), ExchangePublic(TWO)),
        "SessionKeys": derive_session_keys(ONE, ExchangePublic(ONE), ExchangePublic(TWO)),
    }[kind]

    assert re.fullmatch(rf"<clawchat\.protocol\.key_schedule\.{kind} object at 0x[0-9a-f]+>", repr(made))
