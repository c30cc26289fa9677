"""The revocation list: what must not be trusted any more, numbered, signed, and sealed like the connection file.

Spec: 3.12
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any, ClassVar, Self

from clawchat.protocol._sealed_object import SealedObject, parse_bytes, signers_of
from clawchat.protocol.encoding import encode_base64, encode_json, parse_json
from clawchat.protocol.errors import Malformed, PeerError, Unauthentic, UsageError
from clawchat.protocol.key_schedule import PREFIXES
from clawchat.protocol.keys import DiscoverySecret, IdentityKey, IdentityPublic
from clawchat.protocol.limits import CONNECTION_FILE_MAX_BYTES
from clawchat.protocol.primitives import NONCE_BYTES, constant_time_equal, random_bytes, sha256

REVOKED_ID_BYTES = 16
REASON_MAX_CHARACTERS = 128
MAX_REVOKED = 400
# As base64, with the envelope around it, this fits the 64 KiB of the published object.
REVOCATION_LIST_INNER_MAX_BYTES = 48_000
_STATEMENT_BYTES = 64
_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
# A reason is shown, also in terminals.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class RevocationKind(StrEnum):
    """What was revoked, and so what its id was made from."""

    # A device's public key.
    DEVICE = "device"
    # A server's public key.
    IDENTITY = "identity"
    # A discovery secret's `kid`.
    DISCOVERY = "discovery"
    # A TLS certificate's SubjectPublicKeyInfo, DER.
    CERTIFICATE = "certificate"


# What is left out first when a list is full: old secrets open nothing anyway, and the server knows its devices.
_DISPENSABLE_FIRST = (
    RevocationKind.DISCOVERY,
    RevocationKind.DEVICE,
    RevocationKind.CERTIFICATE,
    RevocationKind.IDENTITY,
)


@dataclass(frozen=True, slots=True)
class Revoked:
    """One entry. Units: since in seconds since 1970. Sizes: id 16 bytes, reason at most 128 characters.

    The statement (64 bytes) is the revoked identity's own and stands in entries of that kind alone.
    """

    kind: RevocationKind
    id: bytes
    since: int
    reason: str
    statement: bytes = b""

    def to_members(self) -> dict[str, Any]:
        """As it stands in the list."""
        members = {"kind": self.kind.value, "id": self.id.hex(), "since": self.since, "reason": self.reason}
        return members | ({"statement": encode_base64(self.statement)} if self.statement else {})

    @classmethod
    def from_members(cls, members: object) -> Self:
        """The entry these members of a list describe.

        Raises: malformed.
        """
        if not isinstance(members, dict) or members.get("kind") not in list(RevocationKind):
            raise Malformed("revocation of a kind that is none")
        kind = RevocationKind(members["kind"])
        if ("statement" in members) != (kind is RevocationKind.IDENTITY):
            raise Malformed("identities are revoked by their own statement, and nothing else is")
        statement = parse_bytes(members, "statement", _STATEMENT_BYTES) if "statement" in members else b""
        number, reason = members.get("id"), members.get("reason")
        if not isinstance(number, str) or not _ID.fullmatch(number):
            raise Malformed("revoked id is not 32 hex digits")
        if not isinstance(reason, str) or len(reason) > REASON_MAX_CHARACTERS or _CONTROL.search(reason):
            raise Malformed(f"reason is not a text of at most {REASON_MAX_CHARACTERS} characters")
        return cls(kind, bytes.fromhex(number), _integer(members, "since"), reason, statement)


@dataclass(frozen=True, slots=True)
class RevocationList:
    """An open list. Units: issued in seconds since 1970; serial grows with every list."""

    serial: int
    issued: int
    entries: tuple[Revoked, ...]

    def find(self, kind: RevocationKind, id: bytes) -> Revoked | None:
        """The entry that revokes it, if there is one; the id is `revoked_id`'s."""
        return next((each for each in self.entries if each.kind is kind and each.id == id), None)

    def encode(self) -> bytes:
        """The inner JSON, its entries in order."""
        entries = [each.to_members() for each in sorted(self.entries, key=_place)]
        return encode_json({"serial": self.serial, "issued": self.issued, "entries": entries})

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The list in an inner JSON.

        Raises: malformed (also when entries are out of order, or more than 400); too_large.
        """
        members = parse_json(data, CONNECTION_FILE_MAX_BYTES)
        if not isinstance(members, dict):
            raise Malformed("revocation list without members")
        listed = members.get("entries")
        if not isinstance(listed, list) or len(listed) > MAX_REVOKED:
            raise Malformed(f"entries are not a list of at most {MAX_REVOKED}")
        entries = tuple(Revoked.from_members(each) for each in listed)
        if any(_place(later) <= _place(earlier) for earlier, later in pairwise(entries)):
            raise Malformed("entries out of order")
        read = cls(_integer(members, "serial"), _integer(members, "issued"), entries)
        if read.serial == 0:
            raise Malformed("revocation list without serial")
        return read


def revoked_id(key_or_kid: bytes) -> bytes:
    """The 16 bytes by which a list names a key, a certificate's key or a `kid`, without telling it.

    Spec: 3.12
    """
    return sha256(PREFIXES["revoked"], key_or_kid)[:REVOKED_ID_BYTES]


def entries_that_fit(entries: Iterable[Revoked]) -> tuple[Revoked, ...]:
    """The entries, in order, that one list can hold: all of them, or as many as fit.

    Left out are the oldest secrets first, then the oldest devices, then certificates, and identities last.
    Sizes: at most 400 entries and 48,000 bytes of inner JSON.
    Spec: 3.12
    """
    kept = sorted(entries, key=lambda each: (_DISPENSABLE_FIRST.index(each.kind), each.since, each.id))
    sizes = [len(encode_json(each.to_members())) + 1 for each in kept]
    room = REVOCATION_LIST_INNER_MAX_BYTES - len(RevocationList(2**53 - 1, 2**53 - 1, ()).encode())
    start, size = 0, sum(sizes)
    while len(kept) - start > MAX_REVOKED or size > room:
        size -= sizes[start]
        start += 1
    return tuple(sorted(kept[start:], key=_place))


def sign_identity_revocation(identity: IdentityKey) -> bytes:
    """The 64 bytes with which a server's identity ends itself; they count whoever publishes them.

    Spec: 3.12
    """
    return identity.sign(PREFIXES["identity revoked"] + bytes(identity.public))


def check_identity_revocation(entry: Revoked, public: IdentityPublic) -> bool:
    """Whether this entry ends this identity, by the identity's own word.

    Spec: 3.12
    """
    if entry.kind is not RevocationKind.IDENTITY or not constant_time_equal(entry.id, revoked_id(bytes(public))):
        return False
    try:
        public.verify(entry.statement, PREFIXES["identity revoked"] + bytes(public))
    except Unauthentic:
        return False
    return True


def seal_revocation_list(
    revocation_list: RevocationList,
    discovery_secret: DiscoverySecret,
    identity: IdentityKey,
    now: int,
    *,
    successor: IdentityKey | None = None,
) -> bytes:
    """The object to publish beside the connection file.

    Sizes: a multiple of 4 KiB, at most 64 KiB.
    Raises: too_large; usage (a list that no reader would accept).
    Spec: 3.12
    """
    plaintext, signers = _checked(revocation_list), signers_of(identity, successor)
    return SealedRevocationList.seal(plaintext, discovery_secret, random_bytes(NONCE_BYTES), signers).encode(now)


@dataclass(frozen=True, slots=True)
class SealedRevocationList(SealedObject):
    """A published list whose shape was checked; nothing in it is believed before `open`.

    `parse` raises: too_large; malformed (also without a signature); unsupported_version.
    """

    NOUN: ClassVar[str] = "revocation list"

    @classmethod
    def _parse_wraps(cls, members: Mapping[str, Any]) -> bytes:
        return b""

    def open(
        self, secrets: DiscoverySecret | Mapping[bytes, DiscoverySecret], pins: Sequence[IdentityPublic]
    ) -> RevocationList:
        """What the list says, when a pinned server signed it; secrets may be one, or several by `kid`.

        Whether it is the one to use tells the connection file: `RevocationsHead.matches`.
        Raises: unknown_peer (sealed under a secret we do not hold); unauthentic; malformed; too_large.
        Spec: 3.12
        """
        plaintext, _ = self.plaintext(secrets, pins)
        return RevocationList.parse(plaintext)


def _checked(revocation_list: RevocationList) -> bytes:
    plaintext = revocation_list.encode()
    try:
        read = RevocationList.parse(plaintext)
    except PeerError as error:
        raise UsageError(f"readers would refuse it: {error}") from error
    if read.encode() != plaintext:
        raise UsageError("readers would understand it otherwise")
    return plaintext


def _place(entry: Revoked) -> tuple[str, bytes]:
    return entry.kind.value, entry.id


def _integer(members: Mapping[str, Any], name: str) -> int:
    value = members.get(name)
    if type(value) is not int:
        raise Malformed(f"{name} is not an integer")
    return value
