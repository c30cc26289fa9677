"""Signals in the rooms of this device: sent in passing and heard in passing, and never kept.

Spec: 4.12
"""

import asyncio
import contextlib
from dataclasses import dataclass

from clawchat.client.connection import Connection
from clawchat.mls.labels import SIGNALS
from clawchat.protocol.bodies import PresenceBody
from clawchat.protocol.credential import LeafIdentity
from clawchat.protocol.errors import ClawChatError
from clawchat.protocol.frame import MessageType
from clawchat.protocol.keys import SignalKey
from clawchat.protocol.signal import Read, Typing, open_signal, seal_signal

from .room import Room

# What waits for somebody to listen; an older one is worth nothing.
MOST_HEARD = 100


@dataclass(frozen=True, slots=True)
class Heard:
    """A signal that came, and who in the room sealed it: any member of it could have. Ids are 16 bytes."""

    room: Room
    device: bytes
    sender: bytes
    signal: Typing | Read


class Signals:
    """What goes and comes as 0x03."""

    def __init__(self, device_id: bytes) -> None:
        self._device_id = device_id
        self.heard: asyncio.Queue[Heard | ClawChatError] = asyncio.Queue()

    async def send(self, connection: Connection | None, room: Room, signal: Typing | Read) -> None:
        """Give it to who is there now; where that cannot be done at this moment, it is not done."""
        if connection is None or connection.over or room.group is None or not room.is_ready or room.is_unconfirmed:
            return
        sealed = seal_signal(_key_of(room), room.room_id, self._device_id, room.group.epoch, signal)
        with contextlib.suppress(ClawChatError):
            await connection.send(MessageType.PRESENCE, PresenceBody(room.room_id, sealed).encode())

    def hear(self, room: Room | None, body: PresenceBody) -> None:
        """Take one that came; what does not open, or is from nobody in the room, is dropped silently."""
        sealed = body.signal
        if room is None or room.group is None or sealed.epoch != room.group.epoch:
            return
        identities = (LeafIdentity.parse(each.leaf.credential.identity) for each in room.group.members)
        sender = next((each.user_id for each in identities if each.device_id == sealed.sender), None)
        if sender is None:
            return
        with contextlib.suppress(ClawChatError):
            signal = open_signal(_key_of(room), room.room_id, sealed)
            if signal is not None:
                self._put(Heard(room, sealed.sender, sender, signal))

    def fail(self, error: ClawChatError) -> None:
        """No more will come."""
        self.heard.put_nowait(error)

    def _put(self, heard: Heard) -> None:
        if self.heard.qsize() >= MOST_HEARD:
            self.heard.get_nowait()
        self.heard.put_nowait(heard)


def _key_of(room: Room) -> SignalKey:
    assert room.group is not None
    return SignalKey(room.group.export(SIGNALS, b"", SignalKey.SIZE))
