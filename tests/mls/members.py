"""Devices of people as MLS members, the same ones at every run: all their keys come from their names."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from clawchat.mls.member import Member
from clawchat.mls.suite import ROOM_SUITE, KeyPair
from clawchat.protocol.credential import DeviceKind, LeafIdentity, sign_identity, user_id
from clawchat.protocol.keys import DeviceKey, RootKey

NOW = 1_800_000_000


def seed(*names: object) -> bytes:
    """32 bytes that belong to these names."""
    return hashlib.sha256("/".join(map(str, names)).encode()).digest()


def dice(*names: object) -> Callable[[int], bytes]:
    """A source of random bytes that gives the same ones for the same names."""
    drawn = [0]

    def draw(count: int) -> bytes:
        drawn[0] += 1
        return hashlib.shake_256(seed(*names, drawn[0])).digest(count)

    return draw


@cache
def key_pair(*names: object) -> KeyPair:
    """An X-Wing key pair that belongs to these names."""
    return ROOM_SUITE.derive_key_pair(seed(*names))


@dataclass(frozen=True)
class Device:
    """One device of a person; number tells a person's devices apart."""

    person: str
    number: int = 1
    kind: DeviceKind = DeviceKind.HUMAN

    @property
    def root(self) -> RootKey:
        """The person's root."""
        return RootKey(seed("root", self.person))

    @property
    def user(self) -> bytes:
        """The person's user id."""
        return user_id(self.root.public)

    @property
    def key(self) -> DeviceKey:
        """What signs for the device."""
        return DeviceKey(seed("device", self.person, self.number))

    @property
    def signature_key(self) -> bytes:
        """What its leaves are verified with."""
        return bytes(self.key.public)

    def identity(self, not_before: int = NOW - 3600, not_after: int = NOW + 31_536_000) -> LeafIdentity:
        """Its certified identity."""
        return sign_identity(self.root, self.key.public, self.kind, not_before, not_after)

    def member(self, identity: bytes | None = None) -> Member:
        """The device as MLS sees it."""
        return Member(ROOM_SUITE, identity or self.identity().encode(), self.signature_key, self.key.sign)


ANNA, BERT, CARL, DORA = Device("anna"), Device("bert"), Device("carl"), Device("dora")
