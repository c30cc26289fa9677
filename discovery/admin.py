"""Mirrors and publications as an operator sees them: where the file is, never what is in it."""

import time

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from . import services
from .models import Mirror, Publication, PublicationResult


@admin.register(Mirror)
class MirrorAdmin(admin.ModelAdmin):
    """Where the connection file is put; an operator turns mirrors on and off."""

    list_display = ["name", "kind", "enabled", "state", "last_serial", "visited_at", "last_error"]
    list_filter = ["enabled", "state", "kind"]
    readonly_fields = ["kind", "state", "last_serial", "visited_at", "last_error"]
    actions = ["try_again"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Mirrors are made by the server: each kind has its one row."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Mirror | None = None) -> bool:
        """A mirror that is not wanted is disabled; its history stays."""
        return False

    @admin.action(description="Try the newest file again now", permissions=["change"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[Mirror]) -> None:
        """Make the next attempt due for the chosen mirrors."""
        due = services.retry_now(queryset, int(time.time()))
        self.message_user(request, f"{due} to be tried again.", messages.SUCCESS)


class PublicationResultInline(admin.TabularInline):
    """How a publication fares at each mirror."""

    model = PublicationResult
    fields = readonly_fields = ["mirror", "state", "detail", "attempts", "at", "next_attempt_at"]
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Publication | None = None) -> bool:
        """Results are written by the server."""
        return False


@admin.register(Publication)
class PublicationAdmin(admin.ModelAdmin):
    """Every file that was sealed: number, times and size."""

    list_display = ["serial", "kid", "created_at", "valid_from", "valid_until", "bytes", "where"]
    fields = readonly_fields = ["serial", "kid", "created_at", "valid_from", "valid_until", "bytes"]
    ordering = ["-serial"]
    inlines = [PublicationResultInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Publication]:
        """With the results, so that a page costs two queries."""
        return super().get_queryset(request).prefetch_related("results__mirror")

    @admin.display(description="size in bytes")
    def bytes(self, publication: Publication) -> int:
        """How large the published object is."""
        return len(publication.body)

    @admin.display(description="safe on")
    def where(self, publication: Publication) -> str:
        """The mirrors that gave it back unchanged."""
        safe = [result for result in publication.results.all() if result.state == PublicationResult.State.SAFE]
        return ", ".join(result.mirror.name for result in safe) or "no mirror"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Publications are sealed by the server."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Publication | None = None) -> bool:
        """A publication never changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Publication | None = None) -> bool:
        """The serials that were used are remembered."""
        return False
