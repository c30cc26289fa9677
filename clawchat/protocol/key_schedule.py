"""From secrets to keys: every label, every derivation, nowhere else.

Spec: 3.1, 3.4, 3.6
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

from clawchat.protocol.encoding import u8, u16, u32
from clawchat.protocol.errors import UsageError
from clawchat.protocol.keys import (
    DevicePublic,
    DiscoverySecret,
    ExchangePublic,
    GateKey,
    PreSharedKey,
    RecoveryKey,
)
from clawchat.protocol.primitives import hkdf_expand, hkdf_extract, hmac_sha256, sha256

# The one table of HKDF strings. The last group are salts and the specification's own; `expand_label` takes the others.
LABELS: Mapping[str, bytes] = MappingProxyType(
    {
        # Handshake
        "s hs key": b"clawchat/1 s hs key",
        "s hs iv": b"clawchat/1 s hs iv",
        "c hs key": b"clawchat/1 c hs key",
        "c hs iv": b"clawchat/1 c hs iv",
        "psk binder": b"clawchat/1 psk binder",
        "session ikm": b"clawchat/1 session ikm",
        # Epoch
        "c2s key": b"clawchat/1 c2s key",
        "s2c key": b"clawchat/1 s2c key",
        "c2s iv": b"clawchat/1 c2s iv",
        "s2c iv": b"clawchat/1 s2c iv",
        "s finished": b"clawchat/1 s finished",
        "c finished": b"clawchat/1 c finished",
        "exporter": b"clawchat/1 exporter",
        # From the exporter
        "device psk": b"clawchat/1 device psk",
        "device psk id": b"clawchat/1 device psk id",
        # Secrets at rest: a server's rows, a client's rows and its storage key, a person's root
        "at rest": b"clawchat/1 at rest",
        "store": b"clawchat/1 store",
        "storage": b"clawchat/1 storage",
        "root": b"clawchat/1 root",
        # Gate
        "gate": b"clawchat/1 gate",
        # A new discovery secret, wrapped for who is away
        "discovery wrap": b"clawchat/1 discovery wrap",
        "discovery tag": b"clawchat/1 discovery tag",
        # Salts, and the specification's own
        "gate salt": b"clawchat-gate",
        "root salt": b"clawchat-root",
        "storage salt": b"clawchat-prf",
        "connection file salt": b"clawchat-connection-file",
        "session keys": b"ClawChat v1.0 Session Keys",
    }
)

# What a signed, hashed or associated string begins with, so that one made for one use never serves another.
PREFIXES: Mapping[str, bytes] = MappingProxyType(
    {
        "server signature": b"clawchat/1 server signature\0",
        "client signature": b"clawchat/1 client signature\0",
        "rekey client": b"clawchat/1 rekey client\0",
        "rekey server": b"clawchat/1 rekey server\0",
        "connection file": b"clawchat/1 connection file\0",
        "device": b"clawchat/1 device\0",
        "user": b"clawchat/1 user\0",
        "device cert": b"clawchat/1 device cert\0",
        # Rooms: who may come in or must go out
        "root": b"clawchat/1 root\0",
        "discovery wrap": b"clawchat/1 discovery wrap\0",
        "revocation list": b"clawchat/1 revocation list\0",
        "revoked": b"clawchat/1 revoked\0",
        "identity revoked": b"clawchat/1 identity revoked\0",
        "successor": b"clawchat/1 successor\0",
        "successor proof": b"clawchat/1 successor proof\0",
        "vouched": b"clawchat/1 vouched\0",
        "join": b"clawchat/1 join\0",
        "device revoked": b"clawchat/1 device revoked\0",
        # What members of a room tell each other in passing
        "signal": b"clawchat/1 signal\0",
        # What the server keeps: files it cannot open, and its log
        "blob": b"clawchat/1 blob\0",
        "audit": b"clawchat/1 audit\0",
        "audit checkpoint": b"clawchat/1 audit checkpoint\0",
    }
)


def expand_label(key: bytes, label: str, context: bytes = b"", length: int = 32) -> bytes:
    """XL: `length` bytes of key material for one purpose of `LABELS`.

    Sizes: context 0..255 bytes, length 1..8160 bytes.
    Raises: usage (a label that is not in the table, sizes).
    Spec: 3.1
    """
    full = LABELS.get(label, b"")
    if full != b"clawchat/1 " + label.encode():
        raise UsageError(f"no purpose called {label!r}")
    return hkdf_expand(key, u16(length) + u8(len(full)) + full + u8(len(context)) + context, length)


@dataclass(frozen=True, slots=True, repr=False)
class SessionKeys:
    """The four keys of the specification's 5.3, 32 bytes each."""

    encryption_key: bytes
    mac_key: bytes
    iv_key: bytes
    next_key_seed: bytes


def derive_session_keys(dh_secret: bytes, server_public: ExchangePublic, client_public: ExchangePublic) -> SessionKeys:
    """The specification's key derivation, byte for byte.

    A raw X25519 value is fed to it only by the conformance vectors; sessions feed 32 bytes that carry the transcript,
    the signatures and the PSK, because the function itself authenticates nothing.
    Spec: 3.1
    """
    prk = hkdf_extract(sha256(bytes(server_public), bytes(client_public)), dh_secret)
    keys = hkdf_expand(prk, LABELS["session keys"], 128)
    return SessionKeys(keys[:32], keys[32:64], keys[64:96], keys[96:])


def gate_key(discovery_secret: DiscoverySecret) -> GateKey:
    """The key of the value that ends every H1.

    Spec: 3.2
    """
    return GateKey(expand_label(hkdf_extract(LABELS["gate salt"], bytes(discovery_secret)), "gate"))


def connection_file_key(discovery_secret: DiscoverySecret) -> bytes:
    """The AES-256-GCM key of the connection file (the specification's 6.2), 32 bytes.

    Spec: 3.8
    """
    return hkdf_extract(LABELS["connection file salt"], bytes(discovery_secret))


def key_id(discovery_secret: DiscoverySecret) -> bytes:
    """`kid`: 8 bytes that tell which discovery secret a file is sealed under, and nothing about it.

    Spec: 3.8
    """
    return sha256(b"kid", connection_file_key(discovery_secret))[:8]


def wrap_key(psk: PreSharedKey, kid: bytes) -> bytes:
    """The AES-256-GCM key that wraps the discovery secret called `kid` (8 bytes) for one device or invite, 32 bytes.

    It seals that one secret and nothing else, so its nonce may be fixed.
    Spec: 3.10
    """
    return expand_label(bytes(psk), "discovery wrap", kid)


def wrap_tag(psk: PreSharedKey, kid: bytes) -> bytes:
    """The 8 bytes by which a device or invite finds its own wrap among all; to others they are noise.

    Spec: 3.10
    """
    return expand_label(bytes(psk), "discovery tag", kid, 8)


@dataclass(frozen=True, slots=True, repr=False)
class HandshakeKeys:
    """The keys that seal H2 and H3, and the secret the rest grows from.

    Spec: 3.4
    """

    handshake_secret: bytes
    server_key: bytes
    server_iv: bytes
    client_key: bytes
    client_iv: bytes

    @classmethod
    def derive(cls, shared_secret: bytes, th2: bytes) -> Self:
        """From the ephemeral secrets (ML-KEM's 32 bytes, then X25519's) and the transcript up to `mlkem_ct`."""
        secret = hkdf_extract(th2, shared_secret)
        return cls(
            secret,
            expand_label(secret, "s hs key", th2),
            expand_label(secret, "s hs iv", th2, 12),
            expand_label(secret, "c hs key", th2),
            expand_label(secret, "c hs iv", th2, 12),
        )

    def main_secret(self, psk: PreSharedKey) -> bytes:
        """MS: the handshake's secret with the PSK mixed in."""
        return hkdf_extract(self.handshake_secret, bytes(psk))


def psk_binder(main_secret: bytes, th3: bytes, signed_part: bytes) -> bytes:
    """The 32 bytes that prove the PSK; signed_part is H3's plaintext before the binder.

    Spec: 3.3
    """
    return hmac_sha256(expand_label(main_secret, "psk binder", th3), sha256(th3, signed_part))


def session_secret(main_secret: bytes, th4: bytes) -> bytes:
    """IKM0: what `derive_session_keys` is fed for epoch 0.

    Spec: 3.4
    """
    return expand_label(main_secret, "session ikm", th4)


@dataclass(frozen=True, slots=True, repr=False)
class EpochKeys:
    """All keys of one epoch, each with one job.

    Spec: 3.4
    """

    client_key: bytes
    client_iv: bytes
    server_key: bytes
    server_iv: bytes
    server_finished: bytes
    client_finished: bytes
    exporter: bytes
    next_key_seed: bytes

    @classmethod
    def derive(cls, keys: SessionKeys, context: bytes) -> Self:
        """From the specification's four keys; context is the epoch's transcript hash (th4, later th_r)."""
        return cls(
            expand_label(keys.encryption_key, "c2s key"),
            expand_label(keys.iv_key, "c2s iv", length=12),
            expand_label(keys.encryption_key, "s2c key"),
            expand_label(keys.iv_key, "s2c iv", length=12),
            expand_label(keys.mac_key, "s finished", context),
            expand_label(keys.mac_key, "c finished", context),
            expand_label(keys.mac_key, "exporter", context),
            keys.next_key_seed,
        )


def epoch_zero(
    main_secret: bytes, th4: bytes, server_public: ExchangePublic, client_public: ExchangePublic
) -> EpochKeys:
    """The keys a session starts with; the two public values are the handshake's ephemeral ones.

    Spec: 3.4
    """
    return EpochKeys.derive(derive_session_keys(session_secret(main_secret, th4), server_public, client_public), th4)


def next_epoch(
    next_key_seed: bytes,
    shared_secret: bytes,
    th_r: bytes,
    epoch: int,
    server_public: ExchangePublic,
    client_public: ExchangePublic,
) -> EpochKeys:
    """The keys that a rekey ends in.

    next_key_seed is the former epoch's, shared_secret the rekey's own (ML-KEM's 32 bytes, then X25519's), th_r its
    transcript, epoch the new number; the two public values are its ephemeral ones.
    Spec: 3.6
    """
    secret = hkdf_extract(next_key_seed, shared_secret)
    material = expand_label(secret, "session ikm", th_r + u32(epoch))
    return EpochKeys.derive(derive_session_keys(material, server_public, client_public), th_r)


def client_finished_value(epoch_keys: EpochKeys, th_r: bytes) -> bytes:
    """The 32 bytes of DONE: the client has the new epoch's keys and saw the same two messages.

    Spec: 3.6
    """
    return hmac_sha256(epoch_keys.client_finished, th_r)


def finished_value(epoch_keys: EpochKeys, th4: bytes) -> bytes:
    """The 32 bytes at the head of AUTH_OK: the server knew the PSK and saw the same three messages.

    Spec: 3.3
    """
    return hmac_sha256(epoch_keys.server_finished, th4)


def device_credentials(exporter: bytes, device_public: DevicePublic) -> tuple[bytes, PreSharedKey]:
    """The PSK id (16 bytes) and PSK both sides make of an enrolment; neither is ever sent.

    Spec: 3.2
    """
    context = bytes(device_public)
    psk_id = expand_label(exporter, "device psk id", context, 16)
    return psk_id, PreSharedKey(expand_label(exporter, "device psk", context))


def root_blob_key(recovery_key: RecoveryKey) -> bytes:
    """The AES-256-GCM key of a person's root blob, 32 bytes.

    Spec: 3.13
    """
    return expand_label(hkdf_extract(LABELS["root salt"], bytes(recovery_key)), "root")
