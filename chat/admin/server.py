"""The server itself: identity, limits, audit log, news."""

import re
from datetime import datetime

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from chat.models import (
    AuditEvent,
    AuditHead,
    ConnectionPolicy,
    DiscoverySecret,
    DiscoveryWrap,
    News,
    ServerIdentity,
)
from chat.services.policy import change_policy
from chat.services.rekey import ask_everybody
from clawchat.protocol.fingerprint import fingerprint, server_id

from .base import LookedAt, instant

_ID = re.compile("[0-9a-f]{32}")


def _brief(name: str) -> str:
    return name[:16] if _ID.fullmatch(name) else name


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


@admin.register(ConnectionPolicy)
class ConnectionPolicyAdmin(ModelAdmin):
    """The limits, the one thing here that is edited; servers follow within a second."""

    list_display = ["__str__", "max_devices", "messages_per_second", "max_message_bytes", "retention_days"]
    actions = ["make_new_session_keys"]

    def save_model(self, request: HttpRequest, obj: ConnectionPolicy, form: ModelForm, change: bool) -> None:
        """Through the service, so that the audit log and every server process hear of it."""
        limits = {name: form.cleaned_data[name] for name in form.changed_data}
        change_policy(request.user.get_username(), **limits)

    @admin.action(description="Make new session keys for everybody", permissions=["change"])
    def make_new_session_keys(self, request: HttpRequest, queryset: QuerySet[ConnectionPolicy]) -> None:
        """Ask every session of every server process for new keys."""
        ask_everybody(request.user.get_username())
        self.message_user(request, "Every session is asked; within seconds it has new keys.", messages.SUCCESS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """There is one, made by the server."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ConnectionPolicy | None = None) -> bool:
        """There is always one."""
        return False


@admin.register(AuditEvent)
class AuditEventAdmin(LookedAt):
    """What happened that matters to safety, in the order of its chain."""

    list_display = ["number", "when", "code", "by", "about", "address", "details"]
    list_filter = ["code"]
    search_fields = ["actor", "subject", "address"]
    ordering = ["-id"]
    shown = ("when", "chain_hash")

    @admin.display(description="actor", ordering="actor")
    def by(self, event: AuditEvent) -> str:
        """Who did it; an id as in the other lists."""
        return _brief(event.actor)

    @admin.display(description="subject", ordering="subject")
    def about(self, event: AuditEvent) -> str:
        """Whom or what it concerns; an id as in the other lists."""
        return _brief(event.subject)

    @admin.display(description="time (UTC)", ordering="time_ms")
    def when(self, event: AuditEvent) -> datetime:
        """When it happened."""
        return instant(event.time_ms)

    @admin.display(description="hash")
    def chain_hash(self, event: AuditEvent) -> str:
        """The link; empty until the sealer came by."""
        return bytes(event.hash or b"").hex()


@admin.register(AuditHead)
class AuditHeadAdmin(LookedAt):
    """The end of the audit chain: write it down elsewhere, and nobody can shorten the log unseen."""

    list_display = ["number", "chain_hash"]
    shown = ("chain_hash",)

    @admin.display(description="hash")
    def chain_hash(self, head: AuditHead) -> str:
        """The last link."""
        return bytes(head.hash).hex()


@admin.register(News)
class NewsAdmin(LookedAt):
    """What server processes tell each other."""

    list_display = ["id", "kind", "subject", "created_at"]
    list_filter = ["kind"]
    ordering = ["-id"]
