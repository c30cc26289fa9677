"""The statement by which a server's identity hands over to the next one, so that nobody has to be invited again.

Spec: 3.2
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from clawchat.protocol.encoding import Reader, u64
from clawchat.protocol.errors import Expired, Malformed, NotYetValid, UnknownPeer, UsageError
from clawchat.protocol.key_schedule import PREFIXES
from clawchat.protocol.keys import IdentityKey, IdentityPublic
from clawchat.protocol.limits import CLOCK_SKEW_SECONDS, SUCCESSION_BYTES, SUCCESSION_MAX_SECONDS


@dataclass(frozen=True, slots=True)
class SuccessorStatement:
    """One identity's word that another follows it, and that one's proof that it holds its key.

    Units: begins and until in seconds since 1970; both identities hold between them, at most 90 days.
    """

    old: IdentityPublic
    new: IdentityPublic
    begins: int
    until: int
    signature: bytes = b""
    proof: bytes = b""

    def encode(self) -> bytes:
        """The 208 bytes of TLV 17 and of `successor`.

        +------------+------------+------+-------+-----------+-------+
        | old_public | new_public | from | until | signature | proof |
        +------------+------------+------+-------+-----------+-------+

        offset  bytes  meaning
        0       32     the identity that hands over
        32      32     the one that follows
        64      8      seconds since 1970, from when
        72      8      seconds since 1970, until when both hold
        80      64     Ed25519 by the old one over the first 80 bytes
        144     64     Ed25519 by the new one over the same bytes
        """
        return self._signed_part() + self.signature + self.proof

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The statement in these bytes, not yet checked.

        Raises: malformed (length, times that are none or too far apart, an identity that follows itself).
        """
        if len(data) != SUCCESSION_BYTES:
            raise Malformed(f"successor statement of {len(data)} bytes, expected {SUCCESSION_BYTES}")
        reader = Reader(data)
        old, new = IdentityPublic(reader.take(32)), IdentityPublic(reader.take(32))
        statement = cls(old, new, reader.u64(), reader.u64(), reader.take(64), reader.take(64))
        statement._check_shape()
        return statement

    def check(self, pins: Sequence[IdentityPublic], now: int) -> None:
        """Nothing, when one of the pins hands over by it and it holds now; now is the server's clock as we know it.

        Units: seconds since 1970.
        Raises: unknown_peer (no pin of ours); unauthentic; expired; not_yet_valid (with 300 s for wrong clocks).
        """
        if self.old not in pins:
            raise UnknownPeer("another server hands over")
        self.old.verify(self.signature, PREFIXES["successor"] + self._signed_part())
        self.new.verify(self.proof, PREFIXES["successor proof"] + self._signed_part())
        if now >= self.until:
            raise Expired(f"handover until {self.until}")
        if self.begins > now + CLOCK_SKEW_SECONDS:
            raise NotYetValid(f"handover from {self.begins}")

    def _signed_part(self) -> bytes:
        return bytes(self.old) + bytes(self.new) + u64(self.begins) + u64(self.until)

    def _check_shape(self) -> None:
        if self.old == self.new:
            raise Malformed("an identity does not follow itself")
        if not 0 < self.until - self.begins <= SUCCESSION_MAX_SECONDS:
            raise Malformed(f"handover of {self.until - self.begins} s, expected 1 to {SUCCESSION_MAX_SECONDS}")


def sign_succession(old: IdentityKey, new: IdentityKey, begins: int, until: int) -> SuccessorStatement:
    """The statement by which `old` hands over to `new`.

    Units: seconds since 1970.
    Raises: usage (what readers would refuse: the same key, until not after begins or more than 90 days later).
    Spec: 3.2
    """
    unsigned = SuccessorStatement(old.public, new.public, begins, until)
    try:
        unsigned._check_shape()
    except Malformed as error:
        raise UsageError(error.text) from error
    part = unsigned._signed_part()
    return replace(
        unsigned,
        signature=old.sign(PREFIXES["successor"] + part),
        proof=new.sign(PREFIXES["successor proof"] + part),
    )
