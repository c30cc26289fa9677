"""Nodes, ports and scans in the admin: to look at, never to change; the path of a port is not shown. Ports can be
moved early."""

import time

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin

from .models import Node, PortLease, Scan
from .services.manual import NothingMoves, rotate_ports


class ReadOnly(ModelAdmin):
    """Rows that only the server writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds one."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Nobody changes one."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Nobody deletes one."""
        return False

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
