"""Mirrors and publications as an operator sees them: where the file is, never what is in it."""

import time
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin, TabularInline

from . import services
from .forms import FORMS, KINDS, MirrorForm, NewMirrorForm, form_of
from .models import Mirror, Publication, PublicationResult

ANEW = "As of when this page was loaded; load it again a few seconds after saving."


@admin.register(Mirror)
class MirrorAdmin(ModelAdmin):
    """Where the connection file is put; an operator adds mirrors, fills them in, turns them on and off."""

    list_display = ["name", "what_it_is", "enabled", "state", "last_error", "visited", "watched"]
    readonly_fields = ["what_it_is", "state", "last_error", "last_serial", "visited", "watched"]
    ordering = ["pk"]
    actions = ["try_again"]

    @admin.display(description="kind", ordering="kind")
    def what_it_is(self, mirror: Mirror) -> str:
        """Its kind in words."""
        return KINDS.get(mirror.kind, mirror.kind)

    @admin.display(description="last file put (UTC)", ordering="visited_at")
    def visited(self, mirror: Mirror) -> datetime | None:
        """When a file was put there, or could not be."""
        return mirror.visited_at

    @admin.display(description="last read (UTC)", ordering="watched_at")
    def watched(self, mirror: Mirror) -> datetime | None:
        """When it was read as a client would."""
        return mirror.watched_at

    def get_form(
        self, request: HttpRequest, obj: Mirror | None = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm]:
        """Name and kind at first, then what this kind asks for; as Django does it for its users."""
        return NewMirrorForm if obj is None else form_of(obj)

    def get_fieldsets(self, request: HttpRequest, obj: Mirror | None = None) -> list[tuple[str | None, dict]]:
        """What can be entered, and below it how the mirror fares."""
        form = self.get_form(request, obj)
        entered = list(form(instance=obj).fields)
        fares = [] if obj is None else [("How it fares", {"fields": self.readonly_fields, "description": ANEW})]
        return [(None, {"fields": entered}), *fares]

    def get_readonly_fields(self, request: HttpRequest, obj: Mirror | None = None) -> list[str]:
        """Of a new one there is nothing to read yet."""
        return [] if obj is None else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: Mirror, form: ModelForm, change: bool) -> None:
        """Store the row, then seal its secrets; the newest file goes there at the next look at what is due."""
        super().save_model(request, obj, form, change)
        if isinstance(form, MirrorForm):
            form.store_secrets()
            services.retry_now(Mirror.objects.filter(pk=obj.pk), int(time.time()))

    def response_add(self, request: HttpRequest, obj: Mirror, post_url_continue: str | None = None) -> HttpResponse:
        """On to what its kind asks for."""
        self.message_user(request, "Fill in the rest: the newest file goes there within seconds of saving.")
        request.POST = request.POST.copy()
        request.POST["_continue"] = "1"
        return super().response_add(request, obj, post_url_continue)

    def has_delete_permission(self, request: HttpRequest, obj: Mirror | None = None) -> bool:
        """One that was added can go, its password with it; those that every server has are disabled instead."""
        return obj is not None and obj.kind in FORMS and super().has_delete_permission(request, obj)

    @admin.action(description="Try the newest file again now", permissions=["change"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[Mirror]) -> None:
        """Make the next attempt due for the chosen mirrors."""
        due = services.retry_now(queryset, int(time.time()))
        self.message_user(request, f"{due} to be tried again.", messages.SUCCESS)


class PublicationResultInline(TabularInline):
    """How a publication fares at each mirror."""

    model = PublicationResult
    fields = readonly_fields = ["mirror", "state", "detail", "attempts", "at", "next_attempt_at"]
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Publication | None = None) -> bool:
        """Results are written by the server."""
        return False


@admin.register(Publication)
class PublicationAdmin(ModelAdmin):
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
