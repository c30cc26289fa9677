"""The inner part of what lies on mirrors: sealed under the discovery secret, signed by the server, padded.

The connection file and the revocation list are such objects; each signs with its own label, so that neither passes for
the other.
Spec: 3.8, 3.12
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from clawchat.protocol.encoding import encode_base64, encode_json, parse_base64, parse_json, u32
from clawchat.protocol.errors import Malformed, TooLarge, Unauthentic, UnknownPeer, UnsupportedVersion, UsageError
from clawchat.protocol.key_schedule import PREFIXES, connection_file_key, key_id
from clawchat.protocol.keys import DiscoverySecret, IdentityKey, IdentityPublic
from clawchat.protocol.limits import CONNECTION_FILE_MAX_BYTES, CONNECTION_FILE_STEP_BYTES
from clawchat.protocol.primitives import NONCE_BYTES, TAG_BYTES, aead_key, aead_open, aead_seal, sha256
from clawchat.protocol.wraps import check_wraps

ALGORITHM = "aes-256-gcm"
FILE_VERSION = 2
_KID = re.compile(r"[0-9a-f]{16}", re.ASCII)


@dataclass(frozen=True, slots=True)
class SealedObject:
    """A published object whose shape was checked; nothing in it is believed before its signature was."""

    NOUN: ClassVar[str]

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
        members = parse_envelope(data, cls.NOUN)
        if members.get("v") != FILE_VERSION or type(members["v"]) is not int:
            raise UnsupportedVersion(f"{cls.NOUN} without our additions")
        kid = members.get("kid")
        if not isinstance(kid, str) or not _KID.fullmatch(kid):
            raise Malformed("kid is not 16 hex digits")
        signatures = [parse_bytes(members, "sig", 64)]
        if "sig_next" in members:
            signatures.append(parse_bytes(members, "sig_next", 64))
        return cls(
            bytes.fromhex(kid),
            parse_bytes(members, "iv", NONCE_BYTES),
            parse_bytes(members, "ciphertext"),
            parse_bytes(members, "tag", TAG_BYTES),
            tuple(signatures),
            cls._parse_wraps(members),
        )

    @classmethod
    def _parse_wraps(cls, members: Mapping[str, Any]) -> bytes:
        """What the object carries for those who do not hold its secret yet."""
        wraps = parse_bytes(members, "wraps") if "wraps" in members else b""
        check_wraps(wraps)
        return wraps

    @classmethod
    def seal(
        cls, plaintext: bytes, secret: DiscoverySecret, iv: bytes, signers: Sequence[IdentityKey], wraps: bytes = b""
    ) -> Self:
        """The object around this inner JSON, signed by each of the signers."""
        sealed = aead_seal(aead_key(connection_file_key(secret)), iv, plaintext, b"")
        unsigned = cls(key_id(secret), iv, sealed[:-TAG_BYTES], sealed[-TAG_BYTES:], (), wraps)
        return replace(unsigned, signatures=tuple(signer.sign(unsigned.signed()) for signer in signers))

    def plaintext(
        self, secrets: DiscoverySecret | Mapping[bytes, DiscoverySecret], pins: Sequence[IdentityPublic]
    ) -> tuple[bytes, IdentityPublic]:
        """The inner JSON, and the pinned server that signed it.

        Raises: unknown_peer (sealed under a secret we do not hold); unauthentic; usage (no pins).
        """
        if isinstance(secrets, DiscoverySecret):
            secrets = {key_id(secrets): secrets}
        if self.kid not in secrets:
            raise UnknownPeer("sealed under another discovery secret")
        signer = self.verify(pins)
        key = aead_key(connection_file_key(secrets[self.kid]))
        return aead_open(key, self.iv, self.ciphertext + self.tag, b""), signer

    def verify(self, pins: Sequence[IdentityPublic]) -> IdentityPublic:
        """The pinned server that signed it.

        Raises: unauthentic; usage (no pins).
        """
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

    def signed(self) -> bytes:
        """What the server's identity signs."""
        head = PREFIXES[self.NOUN] + self.kid + self.iv
        return head + u32(len(self.ciphertext)) + self.ciphertext + self.tag + sha256(self.wraps)

    def encode(self, now: int) -> bytes:
        """The published JSON, padded. The outer timestamp is the specification's and means nothing.

        Raises: too_large.
        """
        members: dict[str, Any] = {
            "v": FILE_VERSION,
            "kid": self.kid.hex(),
            "iv": encode_base64(self.iv),
            "ciphertext": encode_base64(self.ciphertext),
            "tag": encode_base64(self.tag),
            "algorithm": ALGORITHM,
            "timestamp": now,
            **dict(zip(("sig", "sig_next"), map(encode_base64, self.signatures), strict=False)),
            **({"wraps": encode_base64(self.wraps)} if self.wraps else {}),
            "pad": "",
        }
        members["pad"] = "0" * (-len(encode_json(members)) % CONNECTION_FILE_STEP_BYTES)
        data = encode_json(members)
        if len(data) > CONNECTION_FILE_MAX_BYTES:
            raise TooLarge(f"{self.NOUN} of {len(data)} bytes, at most {CONNECTION_FILE_MAX_BYTES}")
        return data


def signers_of(identity: IdentityKey, successor: IdentityKey | None) -> list[IdentityKey]:
    """Who signs: the server, and during a handover its successor.

    Raises: usage (a server that succeeds itself).
    """
    if successor == identity:
        raise UsageError("a server does not succeed itself")
    return [identity] if successor is None else [identity, successor]


def parse_envelope(data: bytes, noun: str) -> dict[str, Any]:
    """The outer members.

    Raises: too_large; malformed.
    """
    members = parse_json(data, CONNECTION_FILE_MAX_BYTES)
    if not isinstance(members, dict) or members.get("algorithm") != ALGORITHM:
        raise Malformed(f"not a {noun}")
    return members


def parse_bytes(members: Mapping[str, Any], name: str, size: int | None = None) -> bytes:
    """The bytes of a base64 member, exactly `size` of them when it is given.

    Raises: malformed.
    """
    value = members.get(name)
    if not isinstance(value, str):
        raise Malformed(f"{name} is not text")
    data = parse_base64(value)
    if size is not None and len(data) != size:
        raise Malformed(f"{name} of {len(data)} bytes, expected {size}")
    return data
