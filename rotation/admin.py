"""Nodes and their ports in the admin: to look at, never to change; the path of a port is not shown."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from .models import Node, PortLease


class ReadOnly(admin.ModelAdmin):
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


@admin.register(Node)
class NodeAdmin(ReadOnly):
    """The server processes, and whether they are at home."""

    list_display = ("name", "host", "running", "connections", "started_at", "seen_at")

    @admin.display(boolean=True)
    def running(self, node: Node) -> bool:
        """Whether its process lives."""
        return node.is_running(timezone.now())


@admin.register(PortLease)
class PortLeaseAdmin(ReadOnly):
    """The ports, the newest first."""

    list_display = ("port", "state", "opens_at", "closes_at", "late_since", "node", "problem")
    list_filter = ("state", "node")
    ordering = ("-pk",)
    exclude = ("path",)
