"""The suites of RFC 9420 17.1 that only vectors ask for: 2, 3, 5 and 7. The app does not import this file.

4 and 6 stand on X448 and Ed448, which our primitives do not have.
"""

import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from clawchat.mls.hpke import Hpke, KeyPair, LabeledKdf, X25519Kem
from clawchat.mls.suite import ROOM_SUITE, X25519_SUITE, CipherSuite, Signer
from clawchat.protocol.errors import Malformed, Unauthentic
from clawchat.protocol.primitives import ed25519_sign, ed25519_verify

_HASHES: Mapping[str, hashes.HashAlgorithm] = MappingProxyType(
    {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
)


class EllipticKem:
    """DHKEM over a NIST curve (RFC 9180 4.1, 7.1.3)."""

    def __init__(self, number: int, curve: ec.EllipticCurve, hash_name: str, secret_bytes: int, mask: int) -> None:
        self.number = number
        self.enc_bytes = self.public_bytes = 2 * secret_bytes + 1
        self._curve = curve
        self._hash = hash_name
        self._secret_bytes = secret_bytes
        self._mask = mask
        self._suite_id = b"KEM" + struct.pack(">H", number)
        self._kdf = LabeledKdf(hash_name, self._suite_id)

    def derive_key_pair(self, material: bytes) -> KeyPair:
        """RFC 9180 7.1.3: the first candidate that is a scalar of the curve."""
        key = self._kdf.extract(b"", b"dkp_prk", material)
        for counter in range(256):
            head = struct.pack(">H", self._secret_bytes) + b"HPKE-v1" + self._suite_id
            # P-521 takes more than one block.
            expand = HKDFExpand(_HASHES[self._hash], self._secret_bytes, head + b"candidate" + bytes([counter]))
            candidate = expand.derive(key)
            secret = bytes([candidate[0] & self._mask]) + candidate[1:]
            try:
                return KeyPair(secret, self.public_key(secret))
            except Malformed:
                continue
        raise Malformed("no key pair in this material")

    def public_key(self, secret: bytes) -> bytes:
        """The uncompressed point."""
        return self._point(self.load_secret(secret).public_key())

    def check_public_key(self, public: bytes) -> None:
        """Raises: malformed."""
        self.load_public(public)

    def encapsulate(self, public: bytes) -> tuple[bytes, bytes]:
        """RFC 9180 4.1, Encap."""
        ephemeral = ec.generate_private_key(self._curve)
        enc = self._point(ephemeral.public_key())
        return self._shared(ephemeral.exchange(ec.ECDH(), self.load_public(public)), enc + public), enc

    def decapsulate(self, secret: bytes, enc: bytes) -> bytes:
        """RFC 9180 4.1, Decap."""
        key = self.load_secret(secret)
        return self._shared(key.exchange(ec.ECDH(), self.load_public(enc)), enc + self._point(key.public_key()))

    def load_secret(self, secret: bytes) -> ec.EllipticCurvePrivateKey:
        """Raises: malformed (no scalar of the curve)."""
        try:
            return ec.derive_private_key(int.from_bytes(secret, "big"), self._curve)
        except ValueError:
            raise Malformed("KEM key refused") from None

    def load_public(self, public: bytes) -> ec.EllipticCurvePublicKey:
        """Raises: malformed (no point of the curve)."""
        return _point_of(self._curve, public)

    def _point(self, key: ec.EllipticCurvePublicKey) -> bytes:
        return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def _shared(self, exchanged: bytes, context: bytes) -> bytes:
        length = _HASHES[self._hash].digest_size
        extracted = self._kdf.extract(b"", b"eae_prk", exchanged)
        return self._kdf.expand(extracted, b"shared_secret", context, length)


def _point_of(curve: ec.EllipticCurve, public: bytes) -> ec.EllipticCurvePublicKey:
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(curve, public)
    except ValueError:
        raise Malformed("no point of the curve") from None


def _ecdsa(curve: ec.EllipticCurve, hash_name: str) -> Callable[[bytes, bytes, bytes], None]:
    def verify(public: bytes, signature: bytes, message: bytes) -> None:
        try:
            _point_of(curve, public).verify(signature, message, ec.ECDSA(_HASHES[hash_name]))
        except InvalidSignature:
            raise Unauthentic from None

    return verify


_P256 = EllipticKem(0x0010, ec.SECP256R1(), "sha256", 32, 0xFF)
_P384 = EllipticKem(0x0011, ec.SECP384R1(), "sha384", 48, 0xFF)
_P521 = EllipticKem(0x0012, ec.SECP521R1(), "sha512", 66, 0x01)

# Every suite that vectors may ask for, by number.
SUITES: Mapping[int, CipherSuite] = MappingProxyType(
    {
        suite.number: suite
        for suite in (
            X25519_SUITE,
            CipherSuite(
                2,
                "MLS_128_DHKEMP256_AES128GCM_SHA256_P256",
                Hpke(_P256, ("P256", "HKDF_SHA256", "AES_128_GCM"), "sha256"),
                "sha256",
                AESGCM,
                16,
                _ecdsa(ec.SECP256R1(), "sha256"),
            ),
            CipherSuite(
                3,
                "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519",
                Hpke(X25519Kem(), ("X25519", "HKDF_SHA256", "CHACHA20_POLY1305"), "sha256"),
                "sha256",
                ChaCha20Poly1305,
                32,
                ed25519_verify,
            ),
            CipherSuite(
                5,
                "MLS_256_DHKEMP521_AES256GCM_SHA512_P521",
                Hpke(_P521, ("P521", "HKDF_SHA512", "AES_256_GCM"), "sha512"),
                "sha512",
                AESGCM,
                32,
                _ecdsa(ec.SECP521R1(), "sha512"),
            ),
            CipherSuite(
                7,
                "MLS_256_DHKEMP384_AES256GCM_SHA384_P384",
                Hpke(_P384, ("P384", "HKDF_SHA384", "AES_256_GCM"), "sha384"),
                "sha384",
                AESGCM,
                32,
                _ecdsa(ec.SECP384R1(), "sha384"),
            ),
            ROOM_SUITE,
        )
    }
)
# Suites that are skipped, and why.
SKIPPED: Mapping[int, str] = MappingProxyType(
    {
        4: "suite 4: no X448",
        6: "suite 6: no X448",
    }
)
_CURVES: Mapping[int, tuple[ec.EllipticCurve, str]] = MappingProxyType(
    {2: (ec.SECP256R1(), "sha256"), 5: (ec.SECP521R1(), "sha512"), 7: (ec.SECP384R1(), "sha384")}
)


def signer(suite: CipherSuite, private: bytes) -> Signer:
    """What signs with a vector's private key: an Ed25519 seed, or a scalar."""
    if suite.number not in _CURVES:
        return lambda message: ed25519_sign(private, message)
    curve, hash_name = _CURVES[suite.number]
    key = ec.derive_private_key(int.from_bytes(private, "big"), curve)
    return lambda message: key.sign(message, ec.ECDSA(_HASHES[hash_name]))
