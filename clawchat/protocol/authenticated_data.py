"""What an MLS message of a room authenticates in the clear: which message it is, and by what right it was sent.

Form 1 stands with every message of a member, and with the external commit of a device that lost its state; the other
three carry a signature that everybody can check: a voucher's, or that of a person's root.
Spec: 4.4, 4.9
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from clawchat.protocol.encoding import Reader, u8, u64
from clawchat.protocol.errors import Malformed, UsageError
from clawchat.protocol.key_schedule import PREFIXES
from clawchat.protocol.primitives import ed25519_verify

_ID_BYTES = 16
_KEY_BYTES = 32
_SIGNATURE_BYTES = 64


class DataForm(IntEnum):
    """The first byte: by what right the message was sent."""

    MEMBER = 1
    VOUCHER = 2
    OWN_DEVICE = 3
    REVOKED = 4


_WITH_KEY = (DataForm.VOUCHER, DataForm.REVOKED)


@dataclass(frozen=True, slots=True)
class AuthenticatedData:
    """The parts of it. `key` (32 bytes) and `signature` (64 bytes) are empty where the form has none."""

    form: DataForm
    room_id: bytes
    message_id: bytes
    # VOUCHER: the voucher's public key. REVOKED: the signature key of the leaf that goes.
    key: bytes = b""
    # By the voucher's key (VOUCHER) or by the person's root key (OWN_DEVICE, REVOKED).
    signature: bytes = b""

    def encode(self) -> bytes:
        """33, 129, 97 or 129 bytes.

        +------+---------+------------+-----+-----------+
        | form | room_id | message_id | key | signature |
        +------+---------+------------+-----+-----------+

        offset  bytes  meaning
        0       1      form
        1       16     room id
        17      16     message id
        33      0, 32  forms 2 and 4: the voucher's public key, or the signature key of the leaf that goes
        then    0, 64  forms 2, 3 and 4: Ed25519

        Raises: usage (sizes).
        """
        sizes = [len(self.room_id), len(self.message_id), len(self.key), len(self.signature)]
        if sizes != [_ID_BYTES, _ID_BYTES, *_tail_sizes(self.form)]:
            raise UsageError(f"authenticated data of form {self.form:d} with parts of {sizes} bytes")
        return u8(self.form) + self.room_id + self.message_id + self.key + self.signature

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The parts of these bytes; signatures are not verified.

        Raises: malformed (another form, another size).
        """
        reader = Reader(data)
        first = reader.u8()
        if first not in set(DataForm):
            raise Malformed(f"authenticated data of form {first}")
        form = DataForm(first)
        room_id, message_id = reader.take(_ID_BYTES), reader.take(_ID_BYTES)
        key_bytes, signature_bytes = _tail_sizes(form)
        parsed = cls(form, room_id, message_id, reader.take(key_bytes), reader.take(signature_bytes))
        reader.end()
        return parsed

    def verify_voucher(self, leaf_key: bytes) -> None:
        """Nothing, when the voucher's key vouched for the leaf with this signature key (32 bytes).

        Raises: unauthentic.
        """
        ed25519_verify(self.key, self.signature, vouched_message(self.room_id, self.key, leaf_key))

    def verify_own_device(self, root_public: bytes, epoch: int, leaf_key: bytes) -> None:
        """Nothing, when this root (32 bytes) let the leaf with this signature key in, by a commit of this epoch.

        Raises: unauthentic.
        """
        ed25519_verify(root_public, self.signature, join_message(self.room_id, epoch, leaf_key))

    def verify_revoked(self, root_public: bytes) -> None:
        """Nothing, when this root (32 bytes) revoked the leaf whose signature key is `key`.

        Raises: unauthentic.
        """
        ed25519_verify(root_public, self.signature, device_revoked_message(self.key))


def member_data(room_id: bytes, message_id: bytes) -> bytes:
    """Form 1, 33 bytes: of a member's message or commit.

    Raises: usage (ids of other sizes than 16 bytes).
    """
    return AuthenticatedData(DataForm.MEMBER, room_id, message_id).encode()


def resync_data(room_id: bytes, message_id: bytes) -> bytes:
    """Form 1 as an external commit has it: the device takes the place of its own leaf.

    Raises: usage (ids of other sizes than 16 bytes).
    """
    return member_data(room_id, message_id)


def voucher_data(room_id: bytes, message_id: bytes, vouch_public: bytes, signature: bytes) -> bytes:
    """Form 2, 129 bytes: the external commit of somebody vouched for; the voucher's key signs `vouched_message`.

    Raises: usage (sizes).
    Spec: 4.9
    """
    return AuthenticatedData(DataForm.VOUCHER, room_id, message_id, vouch_public, signature).encode()


def own_device_data(room_id: bytes, message_id: bytes, signature: bytes) -> bytes:
    """Form 3, 97 bytes: the external commit of a further device of a member; the root signs `join_message`.

    Raises: usage (sizes).
    """
    return AuthenticatedData(DataForm.OWN_DEVICE, room_id, message_id, b"", signature).encode()


def revoked_data(room_id: bytes, message_id: bytes, leaf_key: bytes, signature: bytes) -> bytes:
    """Form 4, 129 bytes: a member's commit that removes a device whose owner's root signed `device_revoked_message`.

    Raises: usage (sizes).
    """
    return AuthenticatedData(DataForm.REVOKED, room_id, message_id, leaf_key, signature).encode()


def vouched_message(room_id: bytes, vouch_public: bytes, leaf_key: bytes) -> bytes:
    """What a voucher's key signs: the room, itself and the newcomer's leaf signature key."""
    return PREFIXES["vouched"] + room_id + vouch_public + leaf_key


def join_message(room_id: bytes, epoch: int, leaf_key: bytes) -> bytes:
    """What a person's root signs to let a device in: the room, the epoch of the commit and the leaf signature key."""
    return PREFIXES["join"] + room_id + u64(epoch) + leaf_key


def device_revoked_message(leaf_key: bytes) -> bytes:
    """What a person's root signs to have a device of theirs removed from every room."""
    return PREFIXES["device revoked"] + leaf_key


def _tail_sizes(form: DataForm) -> tuple[int, int]:
    return (_KEY_BYTES if form in _WITH_KEY else 0), (_SIGNATURE_BYTES if form != DataForm.MEMBER else 0)
