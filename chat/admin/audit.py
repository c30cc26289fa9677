"""The audit log: its events, its end, and the checkpoints that stand for what has left it."""

import re
import time
from datetime import datetime

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from chat.models import AuditCheckpoint, AuditEvent, AuditHead
from chat.services.audit_export import codes

from .base import Long, LookedAt, as_text, instant, short

_ID = re.compile("[0-9a-f]{32}")
HOUR_MS = 3_600_000
TIMES = {"hour": 1, "day": 24, "week": 7 * 24, "month": 30 * 24}


def _brief(name: str) -> str:
    return name[:16] if _ID.fullmatch(name) else name


class CodeFilter(admin.SimpleListFilter):
    """By code, of those that there are; the stock filter would read the whole table to find them."""

    title = parameter_name = "code"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        """Each code by its own name, as the guide explains it."""
        return [(code, code) for code in codes()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        """Events of this code."""
        return queryset.filter(code=self.value()) if self.value() else queryset


class TimeFilter(admin.SimpleListFilter):
    """By how long ago it was."""

    title, parameter_name = "time", "within"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        """Spans up to now."""
        return [(name, f"the last {name}") for name in TIMES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        """Events since then."""
        hours = TIMES.get(self.value() or "")
        return queryset.filter(time_ms__gte=int(time.time() * 1000) - hours * HOUR_MS) if hours else queryset


@admin.register(AuditEvent)
class AuditEventAdmin(Long):
    """What happened that matters to safety, in the order of its chain."""

    list_display = ["number", "when", "code", "by", "about", "address", "facts"]
    list_filter = [CodeFilter, TimeFilter]
    # Whole words and beginnings: of a million rows nobody looks into each.
    search_fields = ["=actor", "^subject", "=address"]
    search_help_text = "A name, the beginning of an id, or an address."
    sortable_by = ["number", "when"]
    ordering = ["-id"]
    shown = ("when", "chain_hash")

    @admin.display(description="actor")
    def by(self, event: AuditEvent) -> str:
        """Who did it; an id as in the other lists."""
        return _brief(event.actor)

    @admin.display(description="subject")
    def about(self, event: AuditEvent) -> str:
        """Whom or what it concerns; an id as in the other lists."""
        return _brief(event.subject)

    @admin.display(description="details")
    def facts(self, event: AuditEvent) -> str:
        """Sizes, counts, reasons."""
        return as_text(event.details)

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


@admin.register(AuditCheckpoint)
class AuditCheckpointAdmin(LookedAt):
    """What the log begins behind: events up to here have had their time, and this signature vouches for the rest."""

    list_display = ["number", "made_at", "chain_hash", "signer"]
    shown = ("chain_hash", "signer")

    @admin.display(description="hash")
    def chain_hash(self, checkpoint: AuditCheckpoint) -> str:
        """Of the last event that it stands for."""
        return bytes(checkpoint.hash).hex()

    @admin.display(description="signed by")
    def signer(self, checkpoint: AuditCheckpoint) -> str:
        """The identity's public key, shortened."""
        return short(checkpoint.public)
