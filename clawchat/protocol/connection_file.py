"""The connection file: sealed for those who hold the discovery secret, signed by the server, safe on any mirror.

Spec: 3.8
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from clawchat.protocol.connection_info import ConnectionInfo, Endpoint
from clawchat.protocol.encoding import encode_base64, encode_json, parse_base64, parse_json, u32
from clawchat.protocol.errors import (
    Malformed,
    PeerError,
    TooLarge,
    Unauthentic,
    UnknownPeer,
    UnsupportedVersion,
    UsageError,
)
from clawchat.protocol.freshness import check_freshness, choose_freshest
from clawchat.protocol.key_schedule import PREFIXES, connection_file_key, key_id
from clawchat.protocol.keys import DiscoverySecret, IdentityKey, IdentityPublic
from clawchat.protocol.limits import CONNECTION_FILE_MAX_BYTES, CONNECTION_FILE_STEP_BYTES
from clawchat.protocol.primitives import (
    NONCE_BYTES,
    TAG_BYTES,
    aead_key,
    aead_open,
    aead_seal,
    random_bytes,
    sha256,
)

__all__ = [
    "ConnectionInfo",
    "Endpoint",
    "SealedConnectionFile",
    "check_freshness",
    "choose_freshest",
    "decrypt_connection_file",
    "encrypt_connection_file",
    "seal_connection_file",
]

ALGORITHM = "aes-256-gcm"
FILE_VERSION = 2
_KID = re.compile(r"[0-9a-f]{16}", re.ASCII)


def seal_connection_file(
    info: ConnectionInfo, discovery_secret: DiscoverySecret, identity: IdentityKey, now: int
) -> bytes:
    """The object to publish.

    Sizes: a multiple of 4 KiB, at most 64 KiB, so that its length tells little about its content.
    Raises: too_large; usage (information that no reader would accept, or about another server).
    Spec: 3.8
    """
    plaintext = _checked(info, identity)
    return _seal_connection_file(plaintext, discovery_secret, identity, now, random_bytes(NONCE_BYTES))


@dataclass(frozen=True, slots=True)
class SealedConnectionFile:
    """A published object whose shape was checked; nothing in it is believed before `open`."""

    kid: bytes
    iv: bytes
    ciphertext: bytes
    tag: bytes
    signatures: tuple[bytes, ...]
    wraps: bytes = b""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The object in these bytes.

        Raises: too_large; malformed (also without a signature); unsupported_version.
        """
        members = _parse_envelope(data)
        if members.get("v") != FILE_VERSION or type(members["v"]) is not int:
            raise UnsupportedVersion("connection file without our additions")
        kid = members.get("kid")
        if not isinstance(kid, str) or not _KID.fullmatch(kid):
            raise Malformed("kid is not 16 hex digits")
        signatures = [_bytes(members, "sig", 64)]
        if "sig_next" in members:
            signatures.append(_bytes(members, "sig_next", 64))
        return cls(
            bytes.fromhex(kid),
            _bytes(members, "iv", NONCE_BYTES),
            _bytes(members, "ciphertext"),
            _bytes(members, "tag", TAG_BYTES),
            tuple(signatures),
            _bytes(members, "wraps") if "wraps" in members else b"",
        )

    def open(
        self, secrets: DiscoverySecret | Mapping[bytes, DiscoverySecret], pins: Sequence[IdentityPublic]
    ) -> ConnectionInfo:
        """What the file says, when a pinned server signed it; secrets may be one, or several by `kid`.

        Whether it is fresh is for `check_freshness` and `choose_freshest`.
        Raises: unknown_peer (sealed under a secret we do not hold); unauthentic; malformed; too_large;
        unsupported_version.
        Spec: 3.8
        """
        if isinstance(secrets, DiscoverySecret):
            secrets = {key_id(secrets): secrets}
        if self.kid not in secrets:
            raise UnknownPeer("sealed under another discovery secret")
        signer = self._verify(pins)
        key = aead_key(connection_file_key(secrets[self.kid]))
        info = ConnectionInfo.parse(aead_open(key, self.iv, self.ciphertext + self.tag, b""), signer)
        if info.server_public not in pins:
            raise Unauthentic("names a server that is not pinned")
        return info

    def signed(self) -> bytes:
        """What the server's identity signs."""
        head = PREFIXES["connection file"] + self.kid + self.iv
        return head + u32(len(self.ciphertext)) + self.ciphertext + self.tag + sha256(self.wraps)

    def encode(self, now: int) -> bytes:
        """The published JSON, padded. The outer timestamp is the specification's and means nothing."""
        members: dict[str, Any] = {
            "v": FILE_VERSION,
            "kid": self.kid.hex(),
            "iv": encode_base64(self.iv),
            "ciphertext": encode_base64(self.ciphertext),
            "tag": encode_base64(self.tag),
            "algorithm": ALGORITHM,
            "timestamp": now,
            "sig": encode_base64(self.signatures[0]),
            "pad": "",
        }
        members["pad"] = "0" * (-len(encode_json(members)) % CONNECTION_FILE_STEP_BYTES)
        data = encode_json(members)
        if len(data) > CONNECTION_FILE_MAX_BYTES:
            raise TooLarge(f"connection file of {len(data)} bytes, at most {CONNECTION_FILE_MAX_BYTES}")
        return data

    def _verify(self, pins: Sequence[IdentityPublic]) -> IdentityPublic:
        if not pins:
            raise UsageError("no pinned server")
        for pin in pins:
            for signature in self.signatures:
                try:
                    pin.verify(signature, self.signed())
                except Unauthentic:
                    continue
                return pin
        raise Unauthentic("not signed by a pinned server")


def encrypt_connection_file(data_json: object, shared_secret: DiscoverySecret, now: int) -> bytes:
    """The specification's own format 1 (its 6.2), without our additions; no client of ours believes it.

    Spec: 3.8
    """
    members = _encrypt_connection_file(encode_json(data_json), shared_secret, random_bytes(NONCE_BYTES))
    return encode_json({**members, "timestamp": now})


def decrypt_connection_file(data: bytes, shared_secret: DiscoverySecret) -> bytes:
    """The inner JSON of format 1. It proves only that its maker held the shared secret.

    Raises: too_large; malformed; unauthentic.
    Spec: 3.8
    """
    members = _parse_envelope(data)
    sealed = _bytes(members, "ciphertext") + _bytes(members, "tag", TAG_BYTES)
    return aead_open(aead_key(connection_file_key(shared_secret)), _bytes(members, "iv", NONCE_BYTES), sealed, b"")


def _checked(info: ConnectionInfo, identity: IdentityKey) -> bytes:
    plaintext = info.encode()
    try:
        read = ConnectionInfo.parse(plaintext, identity.public)
    except PeerError as error:
        raise UsageError(f"readers would refuse it: {error}") from error
    if read != info or info.server_public != identity.public:
        raise UsageError("readers would understand it otherwise")
    return plaintext


def _seal_connection_file(
    plaintext: bytes, discovery_secret: DiscoverySecret, identity: IdentityKey, now: int, iv: bytes
) -> bytes:
    sealed = aead_seal(aead_key(connection_file_key(discovery_secret)), iv, plaintext, b"")
    ciphertext, tag = sealed[:-TAG_BYTES], sealed[-TAG_BYTES:]
    unsigned = SealedConnectionFile(key_id(discovery_secret), iv, ciphertext, tag, ())
    signature = identity.sign(unsigned.signed())
    return SealedConnectionFile(unsigned.kid, iv, ciphertext, tag, (signature,)).encode(now)


def _encrypt_connection_file(plaintext: bytes, shared_secret: DiscoverySecret, iv: bytes) -> dict[str, str]:
    sealed = aead_seal(aead_key(connection_file_key(shared_secret)), iv, plaintext, b"")
    return {
        "iv": encode_base64(iv),
        "ciphertext": encode_base64(sealed[:-TAG_BYTES]),
        "tag": encode_base64(sealed[-TAG_BYTES:]),
        "algorithm": ALGORITHM,
    }


def _parse_envelope(data: bytes) -> dict[str, Any]:
    members = parse_json(data, CONNECTION_FILE_MAX_BYTES)
    if not isinstance(members, dict) or members.get("algorithm") != ALGORITHM:
        raise Malformed("not a connection file")
    return members


def _bytes(members: Mapping[str, Any], name: str, size: int | None = None) -> bytes:
    value = members.get(name)
    if not isinstance(value, str):
        raise Malformed(f"{name} is not text")
    data = parse_base64(value)
    if size is not None and len(data) != size:
        raise Malformed(f"{name} of {len(data)} bytes, expected {size}")
    return data
