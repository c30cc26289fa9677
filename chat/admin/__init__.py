"""What an operator sees and may do: people, rooms and the server, never a key and never a message."""

from django.contrib.admin import site

from . import accounts, alerts, audit, bans, channels, invites, limits, measures, people, revocations, rooms, server

__all__ = [
    "accounts",
    "alerts",
    "audit",
    "bans",
    "channels",
    "invites",
    "limits",
    "measures",
    "people",
    "revocations",
    "rooms",
    "server",
]

# One by one: each deletion has its confirmation, and its event in the audit log.
site.disable_action("delete_selected")
