"""What an operator sees and may do: people, rooms and the server, never a key and never a message."""

from . import invites, people, rooms, server

__all__ = ["invites", "people", "rooms", "server"]
