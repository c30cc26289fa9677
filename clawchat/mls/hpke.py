"""HPKE (RFC 9180) in base mode, and the two KEMs of ours: X25519 and X-Wing.

Sealing and opening are `cryptography`'s, which has no exporter; the exporter is composed here from its primitives.
The dice of an encapsulation are the primitive's own.
"""

import hashlib
import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from clawchat.protocol.errors import Malformed, Unauthentic, UsageError

_T = TypeVar("_T")
XWING_PUBLIC_BYTES = 1216
_MLKEM_PUBLIC_BYTES = 1184
_MLKEM_CIPHERTEXT_BYTES = 1088
_MLKEM_PRIME = 3329
# An X25519 secret that is good for one thing: to find out whether a public value is of small order.
_ANY_SCALAR = bytes([7]) * 32


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A KEM key: the secret as the KEM serializes it, and what others seal to."""

    secret: bytes
    public: bytes

    def __repr__(self) -> str:
        return f"KeyPair(..., {self.public[:4].hex()}...)"


class Kem(Protocol):
    """A key encapsulation mechanism (RFC 9180 4)."""

    number: int
    enc_bytes: int
    public_bytes: int

    def derive_key_pair(self, material: bytes) -> KeyPair:
        """DeriveKeyPair."""

    def public_key(self, secret: bytes) -> bytes:
        """The public key of a serialized secret."""

    def check_public_key(self, public: bytes) -> None:
        """Nothing, when sealing to this key is safe. Raises: malformed."""

    def encapsulate(self, public: bytes) -> tuple[bytes, bytes]:
        """A fresh shared secret and what carries it."""

    def decapsulate(self, secret: bytes, enc: bytes) -> bytes:
        """The shared secret. Raises: malformed."""

    def load_secret(self, secret: bytes) -> Any:
        """The secret as `cryptography` wants it."""

    def load_public(self, public: bytes) -> Any:
        """The public key as `cryptography` wants it."""


class LabeledKdf:
    """LabeledExtract and LabeledExpand (RFC 9180 4) under one suite_id."""

    __slots__ = ("_hash", "_suite_id")

    def __init__(self, hash_name: str, suite_id: bytes) -> None:
        self._hash = hash_name
        self._suite_id = suite_id

    def extract(self, salt: bytes, label: bytes, material: bytes) -> bytes:
        """As many bytes as the hash has."""
        return hmac.digest(salt, b"HPKE-v1" + self._suite_id + label + material, self._hash)

    def expand(self, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
        """At most as many bytes as the hash has: one block of HKDF-Expand (RFC 5869 2.3)."""
        head = length.to_bytes(2, "big") + b"HPKE-v1" + self._suite_id
        return expand(self._hash, key, head + label + info, length)


def expand(hash_name: str, key: bytes, info: bytes, length: int) -> bytes:
    """HKDF-Expand (RFC 5869 2.3) with N = 1, which is all MLS asks for.

    Raises: usage (more bytes than the hash has).
    """
    block = hmac.digest(key, info + b"\1", hash_name)
    if not 0 < length <= len(block):
        raise UsageError(f"cannot expand to {length} bytes")
    return block[:length]


class X25519Kem:
    """DHKEM(X25519, HKDF-SHA256), 0x0020 (RFC 9180 4.1)."""

    number = 0x0020
    enc_bytes = 32
    public_bytes = 32
    _kdf = LabeledKdf("sha256", b"KEM\x00\x20")

    def derive_key_pair(self, material: bytes) -> KeyPair:
        """RFC 9180 7.1.3."""
        secret = self._kdf.expand(self._kdf.extract(b"", b"dkp_prk", material), b"sk", b"", 32)
        return KeyPair(secret, self.public_key(secret))

    def public_key(self, secret: bytes) -> bytes:
        """32 bytes."""
        return self.load_secret(secret).public_key().public_bytes_raw()

    def check_public_key(self, public: bytes) -> None:
        """Raises: malformed (another length, or a point of small order)."""
        _exchange(X25519PrivateKey.from_private_bytes(_ANY_SCALAR), public)

    def encapsulate(self, public: bytes) -> tuple[bytes, bytes]:
        """RFC 9180 4.1, Encap."""
        ephemeral = X25519PrivateKey.generate()
        enc = ephemeral.public_key().public_bytes_raw()
        return self._shared(_exchange(ephemeral, public), enc + public), enc

    def decapsulate(self, secret: bytes, enc: bytes) -> bytes:
        """RFC 9180 4.1, Decap."""
        key = self.load_secret(secret)
        return self._shared(_exchange(key, enc), enc + key.public_key().public_bytes_raw())

    def load_secret(self, secret: bytes) -> X25519PrivateKey:
        """Raises: malformed (another length)."""
        return _refusing(X25519PrivateKey.from_private_bytes, secret)

    def load_public(self, public: bytes) -> X25519PublicKey:
        """Raises: malformed (another length)."""
        return _refusing(X25519PublicKey.from_public_bytes, public)

    def _shared(self, exchanged: bytes, context: bytes) -> bytes:
        return self._kdf.expand(self._kdf.extract(b"", b"eae_prk", exchanged), b"shared_secret", context, 32)


class XWingKem:
    """X-Wing (draft-connolly-cfrg-xwing-kem), 0x647A: ML-KEM-768 and X25519; the secret is a seed of 32 bytes."""

    number = 0x647A
    enc_bytes = _MLKEM_CIPHERTEXT_BYTES + 32
    public_bytes = XWING_PUBLIC_BYTES

    def derive_key_pair(self, material: bytes) -> KeyPair:
        """Spec: 4.4."""
        seed = hashlib.shake_256(material).digest(32)
        return KeyPair(seed, self.public_key(seed))

    def public_key(self, secret: bytes) -> bytes:
        """1,216 bytes."""
        mlkem, curve = self._keys(secret)
        return mlkem.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()

    def check_public_key(self, public: bytes) -> None:
        """Nothing, when every coefficient is reduced and the X25519 half is not of small order.

        Raises: malformed.
        Spec: 4.4
        """
        if len(public) != XWING_PUBLIC_BYTES:
            raise Malformed(f"X-Wing key of {len(public)} bytes")
        # 768 coefficients of 12 bits, two in three bytes, little endian (FIPS 203 4.2.1); then 32 bytes of rho.
        for first, middle, last in struct.iter_unpack("3B", public[: _MLKEM_PUBLIC_BYTES - 32]):
            if first | (middle & 15) << 8 >= _MLKEM_PRIME or middle >> 4 | last << 4 >= _MLKEM_PRIME:
                raise Malformed("ML-KEM coefficient out of range")
        _exchange(X25519PrivateKey.from_private_bytes(_ANY_SCALAR), public[_MLKEM_PUBLIC_BYTES:])

    def encapsulate(self, public: bytes) -> tuple[bytes, bytes]:
        """The shared secret (32 bytes) and the ciphertext (1,120 bytes)."""
        self.check_public_key(public)
        curve_public = public[_MLKEM_PUBLIC_BYTES:]
        shared, ciphertext = MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_PUBLIC_BYTES]).encapsulate()
        ephemeral = X25519PrivateKey.generate()
        enc = ephemeral.public_key().public_bytes_raw()
        return _combine(shared, _exchange(ephemeral, curve_public), enc, curve_public), ciphertext + enc

    def decapsulate(self, secret: bytes, enc: bytes) -> bytes:
        """The shared secret; a ciphertext made for another key gives an unrelated one."""
        if len(enc) != self.enc_bytes:
            raise Malformed(f"X-Wing ciphertext of {len(enc)} bytes")
        mlkem, curve = self._keys(secret)
        ciphertext, curve_enc = enc[:_MLKEM_CIPHERTEXT_BYTES], enc[_MLKEM_CIPHERTEXT_BYTES:]
        shared = mlkem.decapsulate(ciphertext)
        return _combine(shared, _exchange(curve, curve_enc), curve_enc, curve.public_key().public_bytes_raw())

    def load_secret(self, secret: bytes) -> hpke.MLKEM768X25519PrivateKey:
        """Raises: malformed (another length)."""
        return hpke.MLKEM768X25519PrivateKey(*self._keys(secret))

    def load_public(self, public: bytes) -> hpke.MLKEM768X25519PublicKey:
        """Raises: malformed (another length, or a coefficient out of range)."""
        if len(public) != XWING_PUBLIC_BYTES:
            raise Malformed(f"X-Wing key of {len(public)} bytes")
        return hpke.MLKEM768X25519PublicKey(
            _refusing(MLKEM768PublicKey.from_public_bytes, public[:_MLKEM_PUBLIC_BYTES]),
            _refusing(X25519PublicKey.from_public_bytes, public[_MLKEM_PUBLIC_BYTES:]),
        )

    def _keys(self, seed: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
        if len(seed) != 32:
            raise Malformed(f"X-Wing seed of {len(seed)} bytes")
        expanded = hashlib.shake_256(seed).digest(96)
        return MLKEM768PrivateKey.from_seed_bytes(expanded[:64]), X25519PrivateKey.from_private_bytes(expanded[64:])


class Hpke:
    """One triple of KEM, KDF and AEAD (RFC 9180 7). MLS leaves the associated data of single-shot HPKE empty."""

    __slots__ = ("_kdf", "_suite", "kem")

    def __init__(self, kem: Kem, names: tuple[str, str, str], hash_name: str) -> None:
        """`names` are those of `cryptography`'s KEM, KDF and AEAD."""
        kem_name, kdf_name, aead_name = names
        self.kem = kem
        self._suite = hpke.Suite(
            getattr(hpke.KEM, kem_name), getattr(hpke.KDF, kdf_name), getattr(hpke.AEAD, aead_name)
        )
        numbers = (kem.number, _KDF_NUMBERS[kdf_name], _AEAD_NUMBERS[aead_name])
        self._kdf = LabeledKdf(hash_name, b"HPKE" + struct.pack(">HHH", *numbers))

    def seal_base(self, public: bytes, info: bytes, plaintext: bytes) -> tuple[bytes, bytes]:
        """The encapsulated key and the ciphertext, 16 bytes longer than the plaintext (RFC 9180 6.1).

        Raises: malformed (a public key that the KEM refuses).
        """
        try:
            sealed = self._suite.encrypt(plaintext, self.kem.load_public(public), info)
        except ValueError:
            raise Malformed("HPKE public key refused") from None
        return sealed[: self.kem.enc_bytes], sealed[self.kem.enc_bytes :]

    def open_base(self, secret: bytes, enc: bytes, info: bytes, ciphertext: bytes) -> bytes:
        """The plaintext (RFC 9180 6.1).

        Raises: malformed (size of enc); unauthentic.
        """
        if len(enc) != self.kem.enc_bytes:
            raise Malformed(f"encapsulated key of {len(enc)} bytes")
        try:
            return self._suite.decrypt(enc + ciphertext, self.kem.load_secret(secret), info)
        except (InvalidTag, ValueError):
            raise Unauthentic from None

    def export_sender(self, public: bytes, info: bytes, context: bytes, length: int) -> tuple[bytes, bytes]:
        """The encapsulated key and a secret exported under `context` (RFC 9180 5.3)."""
        shared, enc = self.kem.encapsulate(public)
        return enc, self._export(shared, info, context, length)

    def export_receiver(self, secret: bytes, enc: bytes, info: bytes, context: bytes, length: int) -> bytes:
        """The same secret at the other end.

        Raises: malformed (an encapsulated key that the KEM refuses).
        """
        return self._export(self.kem.decapsulate(secret, enc), info, context, length)

    def _export(self, shared: bytes, info: bytes, context: bytes, length: int) -> bytes:
        kdf = self._kdf
        hashes = kdf.extract(b"", b"psk_id_hash", b"") + kdf.extract(b"", b"info_hash", info)
        secret = kdf.extract(shared, b"secret", b"")
        exporter = kdf.expand(secret, b"exp", b"\0" + hashes, len(secret))
        return kdf.expand(exporter, b"sec", context, length)


_KDF_NUMBERS = {"HKDF_SHA256": 1, "HKDF_SHA384": 2, "HKDF_SHA512": 3}
_AEAD_NUMBERS = {"AES_128_GCM": 1, "AES_256_GCM": 2, "CHACHA20_POLY1305": 3}


def _exchange(secret: X25519PrivateKey, public: bytes) -> bytes:
    try:
        return secret.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        raise Malformed("X25519 value refused") from None


def _combine(mlkem_shared: bytes, curve_shared: bytes, curve_enc: bytes, curve_public: bytes) -> bytes:
    """X-Wing's combiner, closed with its label, a small drawing of a wing."""
    return hashlib.sha3_256(mlkem_shared + curve_shared + curve_enc + curve_public + b"\\.//^\\").digest()


def _refusing(load: Callable[[bytes], _T], raw: bytes) -> _T:
    try:
        return load(raw)
    except ValueError:
        raise Malformed("KEM key refused") from None
