"""A ClawChat client as a library: `Member` is the way in, `Client` what it stands on."""

from .client import Client
from .errors import ConnectionLost, Unreachable
from .events import Event, Notice, Refused, RoomGone
from .member import Member, Message, Signal
from .rooms.pace import Pace
from .rooms.room import Room

__all__ = [
    "Client",
    "ConnectionLost",
    "Event",
    "Member",
    "Message",
    "Notice",
    "Pace",
    "Refused",
    "Room",
    "RoomGone",
    "Signal",
    "Unreachable",
]
