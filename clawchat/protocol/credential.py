"""Who a device belongs to: the identity in an MLS leaf, certified by a person's root key, and that key's sealed blob.

Spec: 3.13, 4.4
"""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Self

from clawchat.protocol.encoding import Reader, u8, u64
from clawchat.protocol.errors import Malformed, Unauthentic, UnsupportedVersion
from clawchat.protocol.key_schedule import PREFIXES, root_blob_key
from clawchat.protocol.keys import DevicePublic, RecoveryKey, RootKey, RootPublic
from clawchat.protocol.primitives import (
    NONCE_BYTES,
    aead_key,
    aead_open,
    aead_seal,
    constant_time_equal,
    random_bytes,
    sha256,
)

IDENTITY_BYTES = 146
ROOT_BLOB_BYTES = 77
_VERSION = 1


class DeviceKind(IntEnum):
    """Who is behind a device; a person's agent is never taken for the person."""

    HUMAN = 1
    AGENT = 2


def user_id(root_public: RootPublic) -> bytes:
    """A person's id, 16 bytes: nobody assigns it.

    Spec: 4.4
    """
    return sha256(PREFIXES["user"], bytes(root_public))[:16]


def device_id(device_public: DevicePublic) -> bytes:
    """A device's id, 16 bytes: nobody assigns it.

    Spec: 3.13
    """
    return sha256(PREFIXES["device"], bytes(device_public))[:16]


@dataclass(frozen=True, slots=True)
class LeafIdentity:
    """What an MLS leaf says about itself. Its dates are for trust to judge, not for `verify`."""

    user_id: bytes
    device_id: bytes
    kind: DeviceKind
    root_public: RootPublic
    not_before: int
    not_after: int
    signature: bytes

    def encode(self) -> bytes:
        """The 146 bytes of the credential.

        +---------+---------+-----------+------+-------------+------------+-----------+-----------+
        | version | user_id | device_id | kind | root_public | not_before | not_after | signature |
        +---------+---------+-----------+------+-------------+------------+-----------+-----------+

        offset  bytes  meaning
        0       1      version, 1
        1       16     user id
        17      16     device id
        33      1      kind, 1 human or 2 agent
        34      32     root public key
        66      8      seconds since 1970, not before
        74      8      seconds since 1970, not after
        82      64     Ed25519 by the root over all before and the leaf's signature key
        """
        return self._signed_part() + self.signature

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The identity in these bytes, not yet verified.

        Raises: malformed; unsupported_version.
        """
        reader = Reader(data)
        version = reader.u8()
        if version != _VERSION:
            raise UnsupportedVersion(f"leaf identity version {version}, expected {_VERSION}")
        user, device, kind = reader.take(16), reader.take(16), reader.u8()
        if kind not in set(DeviceKind):
            raise Malformed(f"device kind {kind}")
        root_public = RootPublic(reader.take(32))
        identity = cls(user, device, DeviceKind(kind), root_public, reader.u64(), reader.u64(), reader.take(64))
        reader.end()
        return identity

    def verify(self, device_public: DevicePublic) -> None:
        """Nothing, when this root certified this device under these ids.

        Raises: unauthentic.
        """
        ours = user_id(self.root_public) + device_id(device_public)
        if not constant_time_equal(ours, self.user_id + self.device_id):
            raise Unauthentic("an id that does not belong to its key")
        self.root_public.verify(self.signature, self._signed_message(device_public))

    def _signed_part(self) -> bytes:
        return (
            u8(_VERSION)
            + self.user_id
            + self.device_id
            + u8(self.kind)
            + bytes(self.root_public)
            + u64(self.not_before)
            + u64(self.not_after)
        )

    def _signed_message(self, device_public: DevicePublic) -> bytes:
        return PREFIXES["device cert"] + self._signed_part() + bytes(device_public)


def sign_identity(
    root_key: RootKey, device_public: DevicePublic, kind: DeviceKind, not_before: int, not_after: int
) -> LeafIdentity:
    """The identity of a device, certified by its person's root.

    Units: seconds since 1970.
    Spec: 4.4
    """
    public = root_key.public
    unsigned = LeafIdentity(user_id(public), device_id(device_public), kind, public, not_before, not_after, bytes(64))
    return replace(unsigned, signature=root_key.sign(unsigned._signed_message(device_public)))


def seal_root_blob(root_key: RootKey, recovery_key: RecoveryKey) -> bytes:
    """The root key as a server may keep it: only the recovery key opens it.

    Sizes: 77 bytes.
    Spec: 3.13
    """
    return _seal_root_blob(root_key, recovery_key, random_bytes(NONCE_BYTES))


def open_root_blob(blob: bytes, recovery_key: RecoveryKey) -> RootKey:
    """The root key.

    Raises: malformed; unsupported_version; unauthentic (another recovery key, or another person's blob).
    Spec: 3.13
    """
    reader = Reader(blob)
    version = reader.u8()
    if version != _VERSION:
        raise UnsupportedVersion(f"root blob version {version}, expected {_VERSION}")
    owner, nonce, sealed = reader.take(16), reader.take(NONCE_BYTES), reader.take(48)
    reader.end()
    root_key = RootKey(aead_open(aead_key(root_blob_key(recovery_key)), nonce, sealed, PREFIXES["root"] + owner))
    if not constant_time_equal(user_id(root_key.public), owner):
        raise Unauthentic("root blob of another person")
    return root_key


def _seal_root_blob(root_key: RootKey, recovery_key: RecoveryKey, nonce: bytes) -> bytes:
    owner = user_id(root_key.public)
    key = aead_key(root_blob_key(recovery_key))
    return u8(_VERSION) + owner + nonce + aead_seal(key, nonce, bytes(root_key), PREFIXES["root"] + owner)
