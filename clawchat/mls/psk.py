"""Pre-shared keys (RFC 9420 8.4): read and mixed in as the RFC has it; rooms refuse them (protocol.md 4.10)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from clawchat.mls import labels
from clawchat.mls.codec import Reader, u8, u16, u64, vector
from clawchat.mls.suite import CipherSuite
from clawchat.protocol.errors import Malformed


class PSKType(IntEnum):
    """Where a pre-shared key comes from."""

    EXTERNAL = 1
    RESUMPTION = 2


@dataclass(frozen=True, slots=True)
class PreSharedKeyID:
    """Which key: `psk_id` of an external one; `usage`, `psk_group_id` and `psk_epoch` of one of an earlier epoch."""

    psktype: PSKType
    psk_id: bytes
    usage: int
    psk_group_id: bytes
    psk_epoch: int
    psk_nonce: bytes

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Raises: malformed."""
        psktype = reader.u8()
        if psktype == PSKType.EXTERNAL:
            return cls(PSKType.EXTERNAL, reader.vector(), 0, b"", 0, reader.vector())
        if psktype != PSKType.RESUMPTION:
            raise Malformed(f"PSK type {psktype}")
        usage = reader.u8()
        if usage not in _USAGES:
            raise Malformed(f"PSK usage {usage}")
        return cls(PSKType.RESUMPTION, b"", usage, reader.vector(), reader.u64(), reader.vector())

    def encode(self) -> bytes:
        """u8 psktype | psk_id<V>, or u8 usage | psk_group_id<V> | u64 psk_epoch | psk_nonce<V>."""
        if self.psktype is PSKType.EXTERNAL:
            which = vector(self.psk_id)
        else:
            which = u8(self.usage) + vector(self.psk_group_id) + u64(self.psk_epoch)
        return u8(self.psktype) + which + vector(self.psk_nonce)


def psk_secret(suite: CipherSuite, psks: Sequence[tuple[PreSharedKeyID, bytes]]) -> bytes:
    """All pre-shared keys in one secret of Nh bytes; zeros without any (RFC 9420 8.4)."""
    zeros = bytes(suite.Nh)
    secret = zeros
    for index, (identifier, psk) in enumerate(psks):
        label = identifier.encode() + u16(index) + u16(len(psks))
        extracted = suite.extract(zeros, psk)
        psk_input = suite.expand_with_label(extracted, labels.DERIVED_PSK, label, suite.Nh)
        secret = suite.extract(psk_input, secret)
    return secret


# application, reinit, branch
_USAGES = (1, 2, 3)
