"""The algorithms, from `cryptography` and the standard library, and the only dice.

Everything here takes and gives raw bytes; keys.py gives them types and key_schedule.py their purposes. In the place of
a private key's bytes may stand what `_x25519_key`, `_mlkem768_key` or `_ed25519_key` made of them: making one computes
the public key, which takes OpenSSL as long as using it, and whoever uses a key twice keeps it.
Spec: 3.1
"""

import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from clawchat.protocol.errors import Malformed, Unauthentic, UsageError

AeadKey = AESGCM
TAG_BYTES = 16
NONCE_BYTES = 12

# Field prime of edwards25519, and the y coordinates of its eight points of small order (RFC 8032 5.1).
_P = 2**255 - 19
_Y8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022
_SMALL_ORDER_Y = frozenset({0, 1, _P - 1, _Y8, _P - _Y8})


def sha256(*parts: bytes) -> bytes:
    """SHA-256 of the parts, joined."""
    return hashlib.sha256(b"".join(parts)).digest()


class Sha256:
    """SHA-256 of what comes in pieces."""

    __slots__ = ("_hash",)

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def update(self, data: bytes) -> None:
        """Take the next piece in."""
        self._hash.update(data)

    def digest(self) -> bytes:
        """The 32 bytes, when all is in; asked for once."""
        return self._hash.digest()


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA256, 32 bytes."""
    return hmac.digest(key, message, "sha256")


def hkdf_extract(salt: bytes, key_material: bytes) -> bytes:
    """HKDF-Extract with SHA-256 (RFC 5869 2.2), 32 bytes."""
    return HKDF.extract(SHA256(), salt, key_material)


def hkdf_expand(pseudorandom_key: bytes, info: bytes, length: int) -> bytes:
    """HKDF-Expand with SHA-256 (RFC 5869 2.3), 1..8160 bytes."""
    if not 1 <= length <= 255 * 32:
        raise UsageError(f"cannot expand to {length} bytes")
    return HKDFExpand(SHA256(), length, info).derive(pseudorandom_key)


def aead_key(raw: bytes) -> AeadKey:
    """An AES-256-GCM key made ready; keep it, making one costs more than sealing a message."""
    if len(raw) != 32:
        raise UsageError(f"AEAD key of {len(raw)} bytes, expected 32")
    return AeadKey(raw)


def aead_seal(key: AeadKey, nonce: bytes, plaintext: bytes, associated_data: bytes) -> bytes:
    """Ciphertext and tag, 16 bytes longer than the plaintext. A nonce must never serve a key twice."""
    if len(nonce) != NONCE_BYTES:
        raise UsageError(f"nonce of {len(nonce)} bytes, expected {NONCE_BYTES}")
    return key.encrypt(nonce, plaintext, associated_data)


def aead_open(key: AeadKey, nonce: bytes, sealed: bytes, associated_data: bytes) -> bytes:
    """The plaintext.

    Raises: unauthentic, whatever was wrong; usage (nonce size).
    """
    if len(nonce) != NONCE_BYTES:
        raise UsageError(f"nonce of {len(nonce)} bytes, expected {NONCE_BYTES}")
    try:
        return key.decrypt(nonce, sealed, associated_data)
    except InvalidTag:
        raise Unauthentic from None


def constant_time_equal(ours: bytes, theirs: bytes) -> bool:
    """Whether both are the same, in a time that tells nothing about where they differ."""
    return hmac.compare_digest(ours, theirs)


def random_bytes(count: int) -> bytes:
    """Fresh bytes from the system's generator."""
    return secrets.token_bytes(count)


def random_below(limit: int) -> int:
    """A uniform integer in 0..limit-1."""
    return secrets.randbelow(limit)


def x25519_public(secret: bytes | X25519PrivateKey) -> bytes:
    """The public value of a 32-byte secret."""
    return _x25519_key(secret).public_key().public_bytes_raw()


def x25519(secret: bytes | X25519PrivateKey, their_public: bytes) -> bytes:
    """The shared 32 bytes.

    Raises: malformed (a public value of small order, which would make the result known to everybody).
    """
    try:
        return _x25519_key(secret).exchange(X25519PublicKey.from_public_bytes(their_public))
    except ValueError:
        raise Malformed("X25519 value refused") from None


def mlkem768_public(seed: bytes | MLKEM768PrivateKey) -> bytes:
    """The 1184-byte encapsulation key of a 64-byte seed."""
    return _mlkem768_key(seed).public_key().public_bytes_raw()


def mlkem768_encapsulate(their_public: bytes) -> tuple[bytes, bytes]:
    """A fresh shared secret (32 bytes) and its ciphertext (1088 bytes).

    Raises: malformed (an encapsulation key with a coefficient out of range).
    """
    try:
        return MLKEM768PublicKey.from_public_bytes(their_public).encapsulate()
    except ValueError:
        raise Malformed("ML-KEM key refused") from None


def mlkem768_decapsulate(seed: bytes | MLKEM768PrivateKey, ciphertext: bytes) -> bytes:
    """The shared secret; a ciphertext made for another key gives an unrelated one (implicit rejection).

    Raises: malformed (ciphertext size).
    """
    try:
        return _mlkem768_key(seed).decapsulate(ciphertext)
    except ValueError:
        raise Malformed("ML-KEM ciphertext refused") from None


def ed25519_public(seed: bytes | Ed25519PrivateKey) -> bytes:
    """The 32-byte public key of a 32-byte seed."""
    return _ed25519_key(seed).public_key().public_bytes_raw()


def ed25519_sign(seed: bytes | Ed25519PrivateKey, message: bytes) -> bytes:
    """The 64-byte signature; the same for the same seed and message."""
    return _ed25519_key(seed).sign(message)


def ed25519_verify(public: bytes, signature: bytes, message: bytes) -> None:
    """Nothing, when the signature is good.

    Public keys and R values of small order or in a second spelling are refused before OpenSSL sees them: it accepts
    them and libsodium does not, and the two sides must never judge differently.
    Raises: unauthentic. Spec: 4.4
    """
    if len(signature) != 64 or not _proper_point(public) or not _proper_point(signature[:32]):
        raise Unauthentic
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise Unauthentic from None


def uuid7(now_ms: int, random10: bytes) -> bytes:
    """The 16 bytes of a UUID version 7 (RFC 9562 5.7) for this instant; random10 supplies its random bits."""
    if len(random10) != 10 or not 0 <= now_ms < 1 << 48:
        raise UsageError("uuid7 takes 48 bits of time and 10 random bytes")
    value = bytearray(now_ms.to_bytes(6, "big") + random10)
    value[6] = 0x70 | (value[6] & 0x0F)
    value[8] = 0x80 | (value[8] & 0x3F)
    return bytes(value)


def new_message_id(now_ms: int) -> bytes:
    """A fresh id for a message a client sends.

    Spec: 3.5
    """
    return uuid7(now_ms, random_bytes(10))


def _x25519_key(secret: bytes | X25519PrivateKey) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(secret) if isinstance(secret, bytes) else secret


def _mlkem768_key(seed: bytes | MLKEM768PrivateKey) -> MLKEM768PrivateKey:
    return MLKEM768PrivateKey.from_seed_bytes(seed) if isinstance(seed, bytes) else seed


def _ed25519_key(seed: bytes | Ed25519PrivateKey) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed) if isinstance(seed, bytes) else seed


def _proper_point(encoded: bytes) -> bool:
    y = int.from_bytes(encoded, "little") & (2**255 - 1)
    return len(encoded) == 32 and y < _P and y not in _SMALL_ORDER_Y
