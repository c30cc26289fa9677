"""A ClawChat client as a library: `Client` is the way in."""

from .client import Client
from .errors import ConnectionLost, Unreachable
from .events import Event, Notice, Refused, RoomGone

__all__ = ["Client", "ConnectionLost", "Event", "Notice", "Refused", "RoomGone", "Unreachable"]
