"""What an operator sees and may do: people, rooms and the server, never a key and never a message."""

from . import accounts, bans, invites, people, revocations, rooms, server

__all__ = ["accounts", "bans", "invites", "people", "revocations", "rooms", "server"]
