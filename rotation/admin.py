"""Nodes, ports, scans and burns in the admin: to look at, never to change; the path of a port is not shown. Ports can
be moved early, and everything can be burnt."""

import time

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin

from .models import Burn, Node, PortLease, Scan
from .services.burning import BurnUnderWay, prospect, seconds_of, start_burn
from .services.manual import NothingMoves, rotate_ports


class ReadOnly(ModelAdmin):
    """Rows that only the server writes."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds one."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Nobody changes one."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Nobody deletes one."""
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Not by a column that is not shown: whoever may filter by its beginning reads it letter by letter."""
        is_hidden = lookup.partition("__")[0] in (self.exclude or ())
        return not is_hidden and super().lookup_allowed(lookup, value, request)

    def has_move_permission(self, request: HttpRequest) -> bool:
        """Who may change leases elsewhere may let ports move early."""
        return request.user.has_perm("rotation.change_portlease")

    def _move(self, request: HttpRequest, **choice: object) -> None:
        """Move the chosen ports and say what becomes of them."""
        try:
            moves = rotate_ports(int(time.time()), request.user.get_username(), at_once=True, **choice)
        except NothingMoves as error:
            self.message_user(request, str(error), messages.WARNING)
            return
        for move in moves:
            to = f" to {move.successor}" if move.successor else ""
            self.message_user(request, f"Port {move.port} moves{to} as soon as clients know the next one.")


@admin.register(Node)
class NodeAdmin(ReadOnly):
    """The server processes, and whether they are at home."""

    list_display = ("name", "host", "region", "running", "reachable", "connections", "alert", "started_at", "seen_at")
    actions = ("move_ports",)

    @admin.display(boolean=True)
    def running(self, node: Node) -> bool:
        """Whether its process lives."""
        return node.is_running(timezone.now())

    @admin.action(description="Move the open ports of the chosen nodes now", permissions=["move"])
    def move_ports(self, request: HttpRequest, queryset: QuerySet[Node]) -> None:
        """Let every open port of these nodes move early."""
        for node in queryset:
            self._move(request, node=node.name)


@admin.register(PortLease)
class PortLeaseAdmin(ReadOnly):
    """The ports, the newest first."""

    list_display = (
        "port",
        "kind",
        "slot",
        "state",
        "opens_at",
        "moves_at",
        "closes_at",
        "late_since",
        "node",
        "problem",
    )
    list_filter = ("state", "kind", "node")
    list_select_related = ("node",)
    ordering = ("-pk",)
    exclude = ("path",)
    actions = ("move_ports",)

    @admin.action(description="Move the chosen open ports now", permissions=["move"])
    def move_ports(self, request: HttpRequest, queryset: QuerySet[PortLease]) -> None:
        """Let these ports move early."""
        for lease in queryset.select_related("node"):
            self._move(request, node=lease.node.name, port=lease.port)


@admin.register(Scan)
class ScanAdmin(ReadOnly):
    """Who touched ports that no client of ours would touch, the newest first."""

    list_display = ("last_at", "address", "port", "count", "tripwire", "where", "node")
    list_filter = ("tripwire", "where", "node")
    list_select_related = ("node",)
    search_fields = ("address",)
    ordering = ("-last_at",)


class BurnForm(forms.Form):
    """Why everything is made new, and whether it is meant."""

    why = forms.CharField(max_length=128, required=False, help_text="For the log: what made you do it.")
    drill = forms.BooleanField(required=False, initial=True, help_text="Only the log says so; all of it is done.")


@admin.register(Burn)
class BurnAdmin(ReadOnly):
    """What was made worthless at once, when each step was done, and how long it took to safe."""

    list_display = ("started_at", "drill", "made_by", "why", "secret", "ports", "sessions", "mirrors", "safe")
    ordering = ("-started_at",)

    @admin.display(description="secret (s)")
    def secret(self, burn: Burn) -> str:
        """Until the new discovery secret was in force on every node."""
        return _took(burn, "secret_at")

    @admin.display(description="ports (s)")
    def ports(self, burn: Burn) -> str:
        """Until every port from before took nobody any more."""
        return _took(burn, "ports_at")

    @admin.display(description="sessions (s)")
    def sessions(self, burn: Burn) -> str:
        """Until every session had new keys."""
        return _took(burn, "sessions_at")

    @admin.display(description="mirrors (s)")
    def mirrors(self, burn: Burn) -> str:
        """Until a mirror had the file and the list."""
        return _took(burn, "mirrors_at")

    @admin.display(description="time to safe (s)")
    def safe(self, burn: Burn) -> str:
        """The longest of these."""
        return _took(burn, "safe_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Operators may burn, by a page of their own."""
        return request.user.has_perm("rotation.add_burn")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        """Say what it does and ask why; then begin."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = BurnForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            return self._begin(request, **form.cleaned_data)
        context = {**self.admin_site.each_context(request), "title": "Burn", "form": form, "prospect": prospect()}
        return TemplateResponse(request, "admin/rotation/burn/make.html", {**context, "opts": self.opts})

    def _begin(self, request: HttpRequest, why: str, drill: bool) -> HttpResponse:
        try:
            start_burn(request.user.get_username(), why, drill)
        except BurnUnderWay as refusal:
            self.message_user(request, str(refusal), messages.WARNING)
        else:
            self.message_user(request, "It has begun. Load this page again to see how far it is.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:rotation_burn_changelist"))


def _took(burn: Burn, step: str) -> str:
    took = seconds_of(burn, step)
    return "under way" if took is None else f"{took:.1f}"
