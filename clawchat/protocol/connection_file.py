"""The connection file: sealed for those who hold the discovery secret, signed by the server, safe on any mirror.

Spec: 3.8
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from clawchat.protocol._sealed_object import (
    ALGORITHM,
    FILE_VERSION,
    SealedObject,
    parse_bytes,
    parse_envelope,
    signers_of,
)
from clawchat.protocol.connection_info import AuditHead, ConnectionInfo, Endpoint, RevocationsHead
from clawchat.protocol.encoding import encode_base64
from clawchat.protocol.errors import PeerError, Unauthentic, UsageError
from clawchat.protocol.freshness import check_freshness, choose_freshest
from clawchat.protocol.key_schedule import connection_file_key
from clawchat.protocol.keys import DiscoverySecret, IdentityKey, IdentityPublic, PreSharedKey
from clawchat.protocol.primitives import NONCE_BYTES, TAG_BYTES, aead_key, aead_open, aead_seal, random_bytes
from clawchat.protocol.wraps import check_wraps, open_wrap

__all__ = [
    "ALGORITHM",
    "FILE_VERSION",
    "AuditHead",
    "ConnectionInfo",
    "Endpoint",
    "RevocationsHead",
    "SealedConnectionFile",
    "check_freshness",
    "choose_freshest",
    "decrypt_connection_file",
    "encrypt_connection_file",
    "seal_connection_file",
]


def seal_connection_file(
    info: ConnectionInfo,
    discovery_secret: DiscoverySecret,
    identity: IdentityKey,
    now: int,
    *,
    wraps: bytes = b"",
    successor: IdentityKey | None = None,
) -> bytes:
    """The object to publish.

    wraps (of `join_wraps`) bring the secret to those who are away; while the server hands over to another identity, its
    successor signs, too.
    Sizes: a multiple of 4 KiB, at most 64 KiB, so that its length tells little about its content.
    Raises: too_large; usage (information or wraps that no reader would accept, or about another server).
    Spec: 3.8
    """
    _check_own_wraps(wraps)
    plaintext, signers = _checked(info, identity), signers_of(identity, successor)
    iv = random_bytes(NONCE_BYTES)
    return SealedConnectionFile.seal(plaintext, discovery_secret, iv, signers, wraps).encode(now)


@dataclass(frozen=True, slots=True)
class SealedConnectionFile(SealedObject):
    """A published file whose shape was checked; nothing in it is believed before `open`.

    `parse` raises: too_large; malformed (also without a signature); unsupported_version.
    """

    NOUN: ClassVar[str] = "connection file"

    def open(
        self, secrets: DiscoverySecret | Mapping[bytes, DiscoverySecret], pins: Sequence[IdentityPublic]
    ) -> ConnectionInfo:
        """What the file says, when a pinned server signed it; secrets may be one, or several by `kid`.

        Whether it is fresh is for `check_freshness` and `choose_freshest`.
        Raises: unknown_peer (sealed under a secret we do not hold); unauthentic; malformed; too_large;
        unsupported_version.
        Spec: 3.8
        """
        plaintext, signer = self.plaintext(secrets, pins)
        info = ConnectionInfo.parse(plaintext, signer)
        if info.server_public not in pins:
            raise Unauthentic("names a server that is not pinned")
        return info

    def unwrap(self, psks: Iterable[PreSharedKey], pins: Sequence[IdentityPublic]) -> DiscoverySecret:
        """The secret this file is sealed under, from the wrap for one of these PSKs (a device's, an invite's).

        A pinned server's signature is verified first: only then is what it wrapped worth a look.
        Raises: unauthentic; unknown_peer (nothing in it is wrapped for us); malformed.
        Spec: 3.10
        """
        self.verify(pins)
        return open_wrap(self.wraps, self.kid, psks)


def encrypt_connection_file(data_json: object, shared_secret: DiscoverySecret, now: float) -> bytes:
    """The specification's own format 1 (its 6.2), byte for byte; no client of ours believes it, as it lacks `sig`.

    Units: now in seconds since 1970.
    Spec: 3.8
    """
    members = _encrypt_connection_file(_specification_json(data_json), shared_secret, random_bytes(NONCE_BYTES))
    return _specification_json({**members, "timestamp": now})


def decrypt_connection_file(data: bytes, shared_secret: DiscoverySecret) -> bytes:
    """The inner JSON of format 1. It proves only that its maker held the shared secret.

    Raises: too_large; malformed; unauthentic.
    Spec: 3.8
    """
    members = parse_envelope(data, "connection file")
    sealed = parse_bytes(members, "ciphertext") + parse_bytes(members, "tag", TAG_BYTES)
    key = aead_key(connection_file_key(shared_secret))
    return aead_open(key, parse_bytes(members, "iv", NONCE_BYTES), sealed, b"")


def _specification_json(value: object) -> bytes:
    """JSON as the specification writes it: `json.dumps` as it is, with a space after each comma and colon, in ASCII."""
    try:
        return json.dumps(value, allow_nan=False).encode("ascii")
    except (TypeError, ValueError) as error:
        raise UsageError("not a JSON value") from error


def _checked(info: ConnectionInfo, identity: IdentityKey) -> bytes:
    plaintext = info.encode()
    try:
        read = ConnectionInfo.parse(plaintext, identity.public)
    except PeerError as error:
        raise UsageError(f"readers would refuse it: {error}") from error
    if read != info or info.server_public != identity.public:
        raise UsageError("readers would understand it otherwise")
    return plaintext


def _check_own_wraps(wraps: bytes) -> None:
    try:
        check_wraps(wraps)
    except PeerError as error:
        raise UsageError(f"readers would refuse it: {error}") from error


def _seal_connection_file(
    plaintext: bytes, discovery_secret: DiscoverySecret, identity: IdentityKey, now: int, iv: bytes
) -> bytes:
    return SealedConnectionFile.seal(plaintext, discovery_secret, iv, [identity]).encode(now)


def _encrypt_connection_file(plaintext: bytes, shared_secret: DiscoverySecret, iv: bytes) -> dict[str, str]:
    sealed = aead_seal(aead_key(connection_file_key(shared_secret)), iv, plaintext, b"")
    return {
        "iv": encode_base64(iv),
        "ciphertext": encode_base64(sealed[:-TAG_BYTES]),
        "tag": encode_base64(sealed[-TAG_BYTES:]),
        "algorithm": ALGORITHM,
    }
