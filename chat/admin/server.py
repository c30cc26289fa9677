"""The server itself: identity, discovery secrets, news."""

from django.contrib import admin

from chat.models import (
    DiscoverySecret,
    DiscoveryWrap,
    News,
    ServerIdentity,
)
from clawchat.protocol.fingerprint import fingerprint, server_id

from .base import Long, LookedAt


@admin.register(ServerIdentity)
class ServerIdentityAdmin(LookedAt):
    """Who this server is."""

    list_display = ["name", "key_fingerprint", "state", "created_at"]
    shown = ("name", "key_fingerprint")

    @admin.display(description="server id")
    def name(self, identity: ServerIdentity) -> str:
        """The id that only this key has."""
        return server_id(identity.public)

    @admin.display(description="fingerprint")
    def key_fingerprint(self, identity: ServerIdentity) -> str:
        """For people to compare."""
        return fingerprint(identity.public)


@admin.register(DiscoverySecret)
class DiscoverySecretAdmin(LookedAt):
    """Since when which discovery secret is in use."""

    list_display = ["key_id", "current", "since", "until"]
    shown = ("key_id",)

    @admin.display(description="kid")
    def key_id(self, secret: DiscoverySecret) -> str:
        """The id that the connection file shows."""
        return bytes(secret.kid).hex()


@admin.register(DiscoveryWrap)
class DiscoveryWrapAdmin(LookedAt):
    """For which devices and invites the connection file carries the secret; the others are padding."""

    list_display = ["secret", "device", "invite"]
    list_select_related = ["secret", "device", "invite"]


@admin.register(News)
class NewsAdmin(Long):
    """What server processes tell each other."""

    list_display = ["id", "kind", "subject", "created_at"]
    list_filter = ["kind"]
    ordering = ["-id"]
