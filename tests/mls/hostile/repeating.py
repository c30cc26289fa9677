"""The room's suite with one encapsulation for each key, so that a thousand bytes of every sealed secret are the same.

A receiver sees no difference; the file of cases is smaller by half.
"""

import copy

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from clawchat.mls.hpke import Hpke
from clawchat.mls.suite import ROOM_SUITE, CipherSuite


class RepeatingHpke(Hpke):
    """HPKE whose sender encapsulates once to each key (RFC 9180 5.1, 6.1)."""

    def __init__(self) -> None:
        honest = ROOM_SUITE.hpke
        self.kem, self._kdf = honest.kem, honest._kdf
        self._suite = honest._suite
        self._made: dict[bytes, tuple[bytes, bytes]] = {}

    def seal_base(self, public: bytes, info: bytes, plaintext: bytes) -> tuple[bytes, bytes]:
        """Under the encapsulation that this key got first."""
        shared, enc = self._encapsulated(public)
        kdf = self._kdf
        context = b"\0" + kdf.extract(b"", b"psk_id_hash", b"") + kdf.extract(b"", b"info_hash", info)
        secret = kdf.extract(shared, b"secret", b"")
        key, nonce = kdf.expand(secret, b"key", context, 32), kdf.expand(secret, b"base_nonce", context, 12)
        return enc, AESGCM(key).encrypt(nonce, plaintext, b"")

    def export_sender(self, public: bytes, info: bytes, context: bytes, length: int) -> tuple[bytes, bytes]:
        """From the encapsulation that this key got first."""
        shared, enc = self._encapsulated(public)
        return enc, self._export(shared, info, context, length)

    def _encapsulated(self, public: bytes) -> tuple[bytes, bytes]:
        if public not in self._made:
            self._made[public] = self.kem.encapsulate(public)
        return self._made[public]


def _repeating() -> CipherSuite:
    suite = copy.copy(ROOM_SUITE)
    suite.hpke = RepeatingHpke()
    return suite


REPEATING_SUITE = _repeating()
