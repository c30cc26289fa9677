"""Rows that the services' tests stand on."""

import pytest

from chat.models import Device, Member, Membership, Room
from chat.services.identity import ensure_server
from chat.services.sealed import seal_device_psk
from clawchat.protocol.credential import DeviceKind, device_id, sign_identity, user_id
from clawchat.protocol.keys import DeviceKey, PreSharedKey, RootKey
from clawchat.protocol.primitives import random_bytes


class Person:
    """Somebody with an account and one device, as rows."""

    def __init__(self, name: str) -> None:
        self.root, self.key, self.psk = RootKey.generate(), DeviceKey.generate(), PreSharedKey.generate()
        self.member = Member.objects.create(
            user_id=user_id(self.root.public), root_public=bytes(self.root.public), name=name
        )
        identity = sign_identity(self.root, self.key.public, DeviceKind.HUMAN, 0, 2**32)
        self.device = Device.objects.create(
            device_id=device_id(self.key.public),
            public=bytes(self.key.public),
            member=self.member,
            identity=identity.encode(),
            psk_id=random_bytes(16),
            psk_sealed=seal_device_psk(device_id(self.key.public), self.psk),
        )

    @property
    def pk(self) -> int:
        """The row of the device."""
        return self.device.pk

    @property
    def id(self) -> bytes:
        """The device's id."""
        return bytes(self.device.device_id)


@pytest.fixture
def server(db) -> None:
    """A database with a server in it."""
    ensure_server()


@pytest.fixture
def alice(server) -> Person:
    """Alice, who makes the rooms."""
    return Person("Alice")


@pytest.fixture
def bob(server) -> Person:
    """Bob, a member."""
    return Person("Bob")


@pytest.fixture
def charlie(server) -> Person:
    """Charlie, who is in no room."""
    return Person("Charlie")


@pytest.fixture
def room(alice, bob) -> Room:
    """A room of alice and bob at epoch 1 with an empty log, which began long ago."""
    room = Room.objects.create(room_id=random_bytes(16), scheme=0xF04E, epoch=1, epoch_since_ms=0, made_by=alice.device)
    for person in (alice, bob):
        Membership.objects.create(room=room, device=person.device, joined_seq=0)
    return room
