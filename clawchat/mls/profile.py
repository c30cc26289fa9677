"""The room profile's own bytes: capabilities, roles, vouchers, and what a message's authenticated data may be.

Spec: 4.4, 4.9
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import Self

from clawchat.mls.codec import vector_of
from clawchat.mls.member import profile_capabilities
from clawchat.mls.nodes import CredentialType, Extension, ExtensionType
from clawchat.mls.suite import ROOM_SUITE
from clawchat.protocol.encoding import Reader, u8, u16, u64
from clawchat.protocol.errors import Malformed, UsageError
from clawchat.protocol.key_schedule import PREFIXES
from clawchat.protocol.primitives import ed25519_verify

ROLES_EXTENSION = ExtensionType.ROLES
VOUCHER_EXTENSION = ExtensionType.VOUCHER
ROOM_ID_BYTES = 16
MESSAGE_ID_BYTES = 16
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


class DataForm(IntEnum):
    """The first byte of a message's authenticated data."""

    MEMBER = 1
    VOUCHER = 2
    OWN_DEVICE = 3
    REVOKED = 4


# Bytes of key and signature after the message id.
_TAILS = {
    DataForm.MEMBER: (0, 0),
    DataForm.VOUCHER: (VOUCHER_BYTES, 64),
    DataForm.OWN_DEVICE: (0, 64),
    DataForm.REVOKED: (32, 64),
}


@dataclass(frozen=True, slots=True)
class AuthenticatedData:
    """What every message of a room shows to the server and binds to its content.

    key: of form 2 the voucher's, of form 4 the revoked leaf's signature key, else empty; signature: empty in form 1.
    Spec: 4.4, 4.9
    """

    form: DataForm
    room_id: bytes
    message_id: bytes
    key: bytes = b""
    signature: bytes = b""

    def encode(self) -> bytes:
        """The bytes.

        offset  bytes  meaning
        0       1      form: 1 member or resync, 2 voucher, 3 own device, 4 revoked device
        1       16     room id
        17      16     message id
        33      32     forms 2 and 4: public key
        then    64     forms 2, 3 and 4: Ed25519 signature
        """
        ids = (len(self.room_id), len(self.message_id))
        if ids != (ROOM_ID_BYTES, MESSAGE_ID_BYTES) or (len(self.key), len(self.signature)) != _TAILS[self.form]:
            raise UsageError("authenticated data with a part of another size")
        return u8(self.form) + self.room_id + self.message_id + self.key + self.signature

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The parts, nothing verified.

        Raises: malformed (an unknown form, another size).
        """
        reader = Reader(data)
        form = reader.u8()
        if form not in set(DataForm):
            raise Malformed(f"authenticated data of form {form}")
        key_bytes, signature_bytes = _TAILS[DataForm(form)]
        ids = reader.take(ROOM_ID_BYTES), reader.take(MESSAGE_ID_BYTES)
        parsed = cls(DataForm(form), *ids, reader.take(key_bytes), reader.take(signature_bytes))
        reader.end()
        return parsed

    def verify_voucher(self, leaf_key: bytes) -> None:
        """Nothing, when the voucher's key vouched for the leaf with this signature key (32 bytes).

        Raises: unauthentic.
        """
        ed25519_verify(self.key, self.signature, vouched_message(self.room_id, self.key, leaf_key))

    def verify_own_device(self, root_public: bytes, epoch: int, leaf_key: bytes) -> None:
        """Nothing, when this root let the leaf with this signature key in, by a commit of this epoch.

        Raises: unauthentic.
        """
        ed25519_verify(root_public, self.signature, join_message(self.room_id, epoch, leaf_key))

    def verify_revoked(self, root_public: bytes) -> None:
        """Nothing, when this root revoked the leaf whose signature key is `key`.

        Raises: unauthentic.
        """
        ed25519_verify(root_public, self.signature, device_revoked_message(self.key))


def member_data(room_id: bytes, message_id: bytes) -> bytes:
    """Form 1: of every message and of a member's commit. 33 bytes."""
    return AuthenticatedData(DataForm.MEMBER, room_id, message_id).encode()


def resync_data(room_id: bytes, message_id: bytes) -> bytes:
    """Form 1 as an external commit has it: the device takes the place of its own leaf. 33 bytes."""
    return member_data(room_id, message_id)


def voucher_data(room_id: bytes, message_id: bytes, vouch_public: bytes, signature: bytes) -> bytes:
    """Form 2: a newcomer's external commit; signature: of `vouched_message` by the voucher's key. 129 bytes."""
    return AuthenticatedData(DataForm.VOUCHER, room_id, message_id, vouch_public, signature).encode()


def own_device_data(room_id: bytes, message_id: bytes, signature: bytes) -> bytes:
    """Form 3: an external commit of a member's further device; signature: of `join_message` by the root. 97 bytes."""
    return AuthenticatedData(DataForm.OWN_DEVICE, room_id, message_id, b"", signature).encode()


def revoked_data(room_id: bytes, message_id: bytes, leaf_key: bytes, signature: bytes) -> bytes:
    """Form 4: of a commit that removes one revoked device; signature: of `device_revoked_message` by its root.

    Sizes: 129 bytes.
    """
    return AuthenticatedData(DataForm.REVOKED, room_id, message_id, leaf_key, signature).encode()


def vouched_message(room_id: bytes, vouch_public: bytes, leaf_key: bytes) -> bytes:
    """What a voucher's key signs: the newcomer's leaf, in this room."""
    return PREFIXES["vouched"] + room_id + vouch_public + leaf_key


def join_message(room_id: bytes, epoch: int, leaf_key: bytes) -> bytes:
    """What a user's root signs to let a further device in; epoch: the one the commit ends."""
    return PREFIXES["join"] + room_id + u64(epoch) + leaf_key


def device_revoked_message(leaf_key: bytes) -> bytes:
    """What a user's root signs to have a device removed from every room."""
    return PREFIXES["device revoked"] + leaf_key


def _ascend(values: Iterable[bytes]) -> bool:
    return all(one < other for one, other in pairwise(values))
