"""Cipher suites (RFC 9420 5.1, 17.1), and signing, sealing, hashing and deriving with labels."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Protocol, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from clawchat.mls import labels
from clawchat.mls.codec import u16, u32, vector
from clawchat.mls.hpke import Hpke, KeyPair, X25519Kem, XWingKem, expand
from clawchat.protocol.errors import Unauthentic, UsageError
from clawchat.protocol.primitives import constant_time_equal, ed25519_verify

__all__ = ["ROOM_SUITE", "X25519_SUITE", "CipherSuite", "KeyPair"]

# What signs for a device: the message in, the signature out.
Signer: TypeAlias = Callable[[bytes], bytes]


class _Aead(Protocol):
    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes: ...

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes: ...


class CipherSuite:
    """One suite. Sizes, in bytes: Nh of hash and secrets, Nk of AEAD keys, Nn of nonces."""

    __slots__ = ("Nh", "Nk", "Nn", "_aead", "_hash_name", "_verify", "hpke", "name", "number")

    def __init__(
        self,
        number: int,
        name: str,
        hpke: Hpke,
        hash_name: str,
        aead: Callable[[bytes], _Aead],
        key_bytes: int,
        verify: Callable[[bytes, bytes, bytes], None],
    ) -> None:
        self.number = number
        self.name = name
        self.hpke = hpke
        self.Nh = hashlib.new(hash_name).digest_size
        self.Nk = key_bytes
        self.Nn = 12
        self._hash_name = hash_name
        self._aead = aead
        self._verify = verify

    def __repr__(self) -> str:
        return f"CipherSuite({self.name})"

    def hash(self, data: bytes) -> bytes:
        """Nh bytes."""
        return hashlib.new(self._hash_name, data).digest()

    def mac(self, key: bytes, message: bytes) -> bytes:
        """HMAC, Nh bytes."""
        return hmac.digest(key, message, self._hash_name)

    def check_mac(self, key: bytes, message: bytes, tag: bytes) -> None:
        """Nothing, when the tag is the message's.

        Raises: unauthentic.
        """
        if not constant_time_equal(self.mac(key, message), tag):
            raise Unauthentic

    def extract(self, salt: bytes, material: bytes) -> bytes:
        """KDF.Extract, Nh bytes."""
        return hmac.digest(salt, material, self._hash_name)

    def expand(self, secret: bytes, info: bytes, length: int) -> bytes:
        """KDF.Expand, up to Nh bytes.

        Raises: usage (a longer one).
        """
        return expand(self._hash_name, secret, info, length)

    def seal(self, key: bytes, nonce: bytes, plaintext: bytes, associated_data: bytes) -> bytes:
        """AEAD.Seal: ciphertext and tag, 16 bytes longer than the plaintext."""
        return self._aead(key).encrypt(nonce, plaintext, associated_data)

    def open(self, key: bytes, nonce: bytes, sealed: bytes, associated_data: bytes) -> bytes:
        """AEAD.Open.

        Raises: unauthentic.
        """
        try:
            return self._aead(key).decrypt(nonce, sealed, associated_data)
        except InvalidTag:
            raise Unauthentic from None

    def verify(self, public: bytes, message: bytes, signature: bytes) -> None:
        """Nothing, when the signature is good.

        Raises: unauthentic.
        """
        self._verify(public, signature, message)

    def derive_key_pair(self, material: bytes) -> KeyPair:
        """KEM.DeriveKeyPair."""
        return self.hpke.kem.derive_key_pair(material)

    def check_public_key(self, public: bytes) -> None:
        """Nothing, when sealing to this key is safe.

        Raises: malformed.
        """
        self.hpke.kem.check_public_key(public)

    def sign_with_label(self, signer: Signer, label: str, content: bytes) -> bytes:
        """SignWithLabel (RFC 9420 5.1.2)."""
        return signer(labels.prefixed(label) + vector(content))

    def verify_with_label(self, public: bytes, label: str, content: bytes, signature: bytes) -> None:
        """VerifyWithLabel (RFC 9420 5.1.2).

        Raises: unauthentic.
        """
        self._verify(public, signature, labels.prefixed(label) + vector(content))

    def encrypt_with_label(self, public: bytes, label: str, context: bytes, plaintext: bytes) -> tuple[bytes, bytes]:
        """EncryptWithLabel (RFC 9420 5.1.3): the KEM output and the ciphertext.

        Raises: malformed (the public key).
        """
        return self.hpke.seal_base(public, labels.prefixed(label) + vector(context), plaintext)

    def decrypt_with_label(self, secret: bytes, label: str, context: bytes, kem_output: bytes, sealed: bytes) -> bytes:
        """DecryptWithLabel (RFC 9420 5.1.3).

        Raises: malformed (size of the KEM output); unauthentic.
        """
        return self.hpke.open_base(secret, kem_output, labels.prefixed(label) + vector(context), sealed)

    def ref_hash(self, label: str, value: bytes) -> bytes:
        """RefHash (RFC 9420 5.2), Nh bytes."""
        return self.hash(vector(label.encode("ascii")) + vector(value))

    def expand_with_label(self, secret: bytes, label: str, context: bytes, length: int) -> bytes:
        """ExpandWithLabel (RFC 9420 8), up to Nh bytes.

        Raises: usage (a longer one).
        """
        return self.expand(secret, u16(length) + labels.prefixed(label) + vector(context), length)

    def derive_secret(self, secret: bytes, label: str) -> bytes:
        """DeriveSecret (RFC 9420 8), Nh bytes."""
        return self.expand_with_label(secret, label, b"", self.Nh)

    def derive_tree_secret(self, secret: bytes, label: str, generation: int, length: int) -> bytes:
        """DeriveTreeSecret (RFC 9420 9)."""
        return self.expand_with_label(secret, label, u32(generation), length)


def _aes(key_bytes: int) -> Callable[[bytes], _Aead]:
    def make(key: bytes) -> _Aead:
        if len(key) != key_bytes:
            raise UsageError(f"AEAD key of {len(key)} bytes, expected {key_bytes}")
        return AESGCM(key)

    return make


# What rooms use (protocol.md 4.4): private use, X-Wing, HKDF-SHA384, AES-256-GCM, SHA-384, Ed25519.
ROOM_SUITE = CipherSuite(
    0xF04E,
    "CLAWCHAT_XWING_AES256GCM_SHA384_Ed25519",
    Hpke(XWingKem(), ("MLKEM768_X25519", "HKDF_SHA384", "AES_256_GCM"), "sha384"),
    "sha384",
    _aes(32),
    32,
    ed25519_verify,
)

# Every MLS library has it; for vectors and oracles, refused in rooms.
X25519_SUITE = CipherSuite(
    0x0001,
    "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519",
    Hpke(X25519Kem(), ("X25519", "HKDF_SHA256", "AES_128_GCM"), "sha256"),
    "sha256",
    _aes(16),
    16,
    ed25519_verify,
)
