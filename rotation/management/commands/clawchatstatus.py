"""`manage.py clawchatstatus`: how the server stands, from its rows."""

import json
import time
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from chat.services.connections import connected_count
from discovery.models import Publication
from rotation.models import LIVE, Node, PortLease

FINISHED_SHOWN = 5
PUBLICATIONS_SHOWN = 5


class Command(BaseCommand):
    """Show nodes, ports, publications and how many devices are connected."""

    help = "Show the server's processes, ports, publications and the number of connected devices."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --json."""
        parser.add_argument("--json", action="store_true", help="for programs; times are seconds since 1970")

    def handle(self, **options: object) -> None:
        """Print it."""
        status = _status()
        if options["json"]:
            self.stdout.write(json.dumps(status, indent=2))
        else:
            self.stdout.write("\n".join(_lines(status)))


def _status() -> dict[str, Any]:
    now = timezone.now()
    leases = PortLease.objects.select_related("node").order_by("-pk")
    finished = leases.exclude(state__in=LIVE)[:FINISHED_SHOWN]
    publications = Publication.objects.order_by("-serial").prefetch_related("results__mirror")
    return {
        "front": settings.CLAWCHAT_FRONT_URL if settings.CLAWCHAT_FRONT else None,
        "nodes": [_node(node, now) for node in Node.objects.order_by("pk")],
        "leases": [_lease(lease) for lease in [*leases.live(), *finished]],
        "publications": [_publication(publication) for publication in publications[:PUBLICATIONS_SHOWN]],
        "connections": connected_count(),
    }


def _node(node: Node, now: datetime) -> dict[str, Any]:
    return {
        "name": node.name,
        "host": node.host,
        "running": node.is_running(now),
        "started_at": _seconds(node.started_at),
        "seen_at": _seconds(node.seen_at),
    }


def _lease(lease: PortLease) -> dict[str, Any]:
    return {
        "node": lease.node.name,
        "port": lease.port,
        "state": lease.state,
        "opens_at": _seconds(lease.opens_at),
        "closes_at": _seconds(lease.closes_at),
        "late_since": _seconds(lease.late_since) if lease.late_since else None,
        "problem": lease.problem,
    }


def _publication(publication: Publication) -> dict[str, Any]:
    return {
        "serial": publication.serial,
        "created_at": _seconds(publication.created_at),
        "valid_until": _seconds(publication.valid_until),
        "mirrors": {result.mirror.name: result.state for result in publication.results.all()},
    }


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def _lines(status: dict[str, Any]) -> list[str]:
    now = int(time.time())
    nodes = [
        f"node         {node['name']} at {node['host']}, "
        + (f"running since {_clock(node['started_at'])}" if node["running"] else f"last seen {_clock(node['seen_at'])}")
        for node in status["nodes"]
    ]
    ports = [
        f"port {lease['port']}   {lease['state']:<10} opens {_clock(lease['opens_at'])}, "
        f"closes {_clock(lease['closes_at'])}{_late(lease, now)}{lease['problem'] and '; ' + lease['problem']}"
        for lease in status["leases"]
    ]
    files = [
        f"file         serial {publication['serial']}, "
        + ", ".join(f"{mirror}: {state}" for mirror, state in publication["mirrors"].items())
        for publication in status["publications"]
    ]
    return [
        f"front door   {status['front'] or 'off'}",
        *(nodes or ["node         none has ever run; start the server: make run"]),
        *ports,
        *files,
        f"connected    {status['connections']} devices",
    ]


def _late(lease: dict[str, Any], now: int) -> str:
    return f", late by {now - lease['late_since']} s: no mirror takes the file" if lease["late_since"] else ""


def _clock(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%S} UTC"
