"""The room profile's own bytes: capabilities, roles, vouchers, and what a message's authenticated data may be.

Spec: 4.4, 4.9
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from clawchat.mls.codec import vector_of
from clawchat.mls.member import profile_capabilities
from clawchat.mls.nodes import CredentialType, Extension, ExtensionType
from clawchat.mls.suite import ROOM_SUITE
from clawchat.protocol.authenticated_data import (
    AuthenticatedData,
    DataForm,
    device_revoked_message,
    join_message,
    member_data,
    own_device_data,
    resync_data,
    revoked_data,
    vouched_message,
    voucher_data,
)
from clawchat.protocol.encoding import Reader, u8, u16
from clawchat.protocol.errors import Malformed

__all__ = [
    "REQUIRED_CAPABILITIES",
    "ROLES_EXTENSION",
    "ROOM_CAPABILITIES",
    "ROOM_ID_BYTES",
    "VOUCHER_BYTES",
    "VOUCHER_EXTENSION",
    "AuthenticatedData",
    "DataForm",
    "Roles",
    "Vouch",
    "device_revoked_message",
    "join_message",
    "member_data",
    "own_device_data",
    "resync_data",
    "revoked_data",
    "room_extensions",
    "vouched_message",
    "voucher_data",
    "voucher_extension",
]

ROLES_EXTENSION = ExtensionType.ROLES
VOUCHER_EXTENSION = ExtensionType.VOUCHER
ROOM_ID_BYTES = 16
VOUCHER_BYTES = 32
_VERSION = 1

ROOM_CAPABILITIES = profile_capabilities(ROOM_SUITE.number)
# RFC 9420 11.1: extension types, no proposal types, credential types.
REQUIRED_CAPABILITIES = Extension(
    ExtensionType.REQUIRED_CAPABILITIES,
    vector_of((u16(ROLES_EXTENSION), u16(VOUCHER_EXTENSION))) + vector_of(()) + vector_of((u16(CredentialType.BASIC),)),
)


@dataclass(frozen=True, slots=True)
class Vouch:
    """One open voucher: its public key (32 bytes) and the user id (16 bytes) of the member who gave it."""

    public: bytes
    inviter: bytes


@dataclass(frozen=True, slots=True)
class Roles:
    """Who may do what in a room: extension 0xF0C1 of the group context.

    Spec: 4.4
    """

    every_member_may_add: bool
    administrators: tuple[bytes, ...]
    vouches: tuple[Vouch, ...] = ()

    def encode(self) -> bytes:
        """The extension's data; both lists are written in ascending order.

        +---------+-------------+----+----------------+----+----------------------------+
        | version | who_may_add | n  | administrators | m  | vouch_public, inviter      |
        +---------+-------------+----+----------------+----+----------------------------+

        offset    bytes  meaning
        0         1      version, 1
        1         1      0 administrators, 1 every member may add
        2         2      n
        4         16 n   user ids, ascending, distinct
        4 + 16 n  2      m
        6 + 16 n  48 m   public key of a voucher and the user id of its inviter, ascending by key, distinct
        """
        users = sorted(set(self.administrators))
        vouches = sorted(self.vouches, key=lambda vouch: vouch.public)
        return (
            u8(_VERSION)
            + u8(self.every_member_may_add)
            + u16(len(users))
            + b"".join(users)
            + u16(len(vouches))
            + b"".join(vouch.public + vouch.inviter for vouch in vouches)
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The roles in these bytes.

        Raises: malformed (another version or value, lists out of order, bytes too many).
        """
        reader = Reader(data)
        version, who_may_add = reader.u8(), reader.u8()
        if version != _VERSION or who_may_add > 1:
            raise Malformed(f"roles version {version}, who_may_add {who_may_add}")
        users = tuple(reader.take(16) for _ in range(reader.u16()))
        vouches = tuple(Vouch(reader.take(VOUCHER_BYTES), reader.take(16)) for _ in range(reader.u16()))
        reader.end()
        if not _ascend(users) or not _ascend(vouch.public for vouch in vouches):
            raise Malformed("roles out of order")
        return cls(bool(who_may_add), users, vouches)

    @classmethod
    def of(cls, extensions: Iterable[Extension]) -> Self:
        """The roles among the extensions of a group context.

        Raises: malformed (none, two, or no roles in it).
        """
        found = [each.extension_data for each in extensions if each.extension_type == ROLES_EXTENSION]
        if len(found) != 1:
            raise Malformed(f"{len(found)} roles in a group context")
        return cls.parse(found[0])

    def extension(self) -> Extension:
        """These roles as the group context carries them."""
        return Extension(ROLES_EXTENSION, self.encode())

    def administers(self, user_id: bytes, present: Iterable[bytes]) -> bool:
        """Whether a user is an administrator; present: the user ids of all leaves.

        A room that none of its administrators is in any more is administered by everybody.
        """
        return user_id in self.administrators or not set(self.administrators) & set(present)

    def may_add(self, user_id: bytes, present: Iterable[bytes]) -> bool:
        """Whether a user may add others; present: the user ids of all leaves."""
        return self.every_member_may_add or self.administers(user_id, present)

    def vouch(self, public: bytes) -> Vouch | None:
        """The open voucher of this public key."""
        return next((each for each in self.vouches if each.public == public), None)


def room_extensions(roles: Roles) -> tuple[Extension, ...]:
    """All that a room's group context carries, in its order."""
    return REQUIRED_CAPABILITIES, roles.extension()


def voucher_extension(vouch_public: bytes) -> Extension:
    """What the leaf of a newcomer carries who came by this voucher."""
    return Extension(VOUCHER_EXTENSION, vouch_public)


def _ascend(values: Iterable[bytes]) -> bool:
    return all(one < other for one, other in pairwise(values))
