"""What a program hears from a client."""

from dataclasses import dataclass
from typing import Any

from clawchat.protocol.bodies import ChatDelivery
from clawchat.protocol.errors import PeerError


@dataclass(frozen=True, slots=True)
class Notice:
    """The server says that an operation has something new: `welcome` or `directory`. Spec: 3.14"""

    op: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RoomGone:
    """This device is not in the room any more; it is followed no longer."""

    room_id: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that waited from an earlier run was refused for good, and nobody was waiting for its answer."""

    message_id: bytes
    error: PeerError


# A ChatDelivery is a row of a room's log, in order, each once.
Event = ChatDelivery | Notice | RoomGone | Refused
