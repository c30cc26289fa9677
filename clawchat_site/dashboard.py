"""The console's first page: is it well, who is in, what moved. Its figures also come as JSON, to be asked every few
seconds."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_safe

from chat.services import figures
from chat.services.connections import connected_by_suite, connected_count
from clawchat.protocol.schedule import LeaseState
from discovery.forms import KINDS
from discovery.models import Mirror
from rotation.models import LISTENING, Burn, LeaseKind, Node, PortLease
from rotation.services.burning import seconds_of, waiting_for
from rotation.services.plan import rotation_plan, seconds

from .attention import attention

FIRST_SPAN = "day"
# The timeline goes back by so many intervals and holds so many ports at most.
TIMELINE_INTERVALS = 6
TIMELINE_PORTS = 200


def with_dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the template of the first page needs: the figures, so that nothing has to be asked before it shows them."""
    return {**context, "dashboard": dashboard(request, FIRST_SPAN), "dashboard_address": reverse("dashboard")}


@require_safe
def dashboard_json(request: HttpRequest) -> JsonResponse:
    """The figures; `?span=` is one of hour, day, week and quarter."""
    span = request.GET.get("span", FIRST_SPAN)
    answer = JsonResponse(dashboard(request, span if span in figures.SPANS else FIRST_SPAN))
    add_never_cache_headers(answer)
    return answer


def dashboard(request: HttpRequest, span: str) -> dict[str, Any]:
    """All that this operator may see of it, in plain values. Units: seconds since 1970, bytes, percent, milliseconds.

    A part that he may not see is not there.
    """
    began = time.perf_counter()
    now = timezone.now()
    parts: dict[str, tuple[str, Callable[[datetime], Any]]] = {
        "now": ("chat.view_tally", _now),
        "series": ("chat.view_tally", lambda at: figures.series(figures.SPANS[span], at)),
        "nodes": ("rotation.view_node", _nodes),
        "timeline": ("rotation.view_portlease", _timeline),
        "mirrors": ("discovery.view_mirror", _mirrors),
        "burn": ("rotation.view_burn", _burn),
    }
    seen = {name: part(now) for name, (right, part) in parts.items() if request.user.has_perm(right)}
    told = {"at": seconds(now), "span": span, "attention": attention(request.user, now), "ways": _ways(request), **seen}
    return {**told, "took_ms": round((time.perf_counter() - began) * 1000)}


def _now(now: datetime) -> dict[str, Any]:
    people = {"people": connected_count(now), "without_mlkem": connected_by_suite(now)["classic"]}
    return {**people, **figures.last_minute(now), **figures.of_last_hour(now)}


def _nodes(now: datetime) -> list[dict[str, Any]]:
    used = figures.processes(now)
    return [_node(node, [row for row in used if row["node"] == node.name], now) for node in Node.objects.order_by("pk")]


def _node(node: Node, used: list[dict[str, Any]], now: datetime) -> dict[str, Any]:
    newest = used[-1] if used else {}
    return {
        "name": node.name,
        "host": node.host,
        "running": node.is_running(now),
        "seen_at": seconds(node.seen_at),
        "since": seconds(node.started_at),
        "people": sum(row["people"] for row in used),
        "cpu": _sum(used, "cpu_percent"),
        "memory_bytes": _sum(used, "memory_bytes"),
        "delay_ms": max((row["delay_p99_ms"] for row in used if row["delay_p99_ms"] is not None), default=None),
        "machine_cpu": newest.get("machine_cpu_percent"),
        "machine_memory": newest.get("machine_memory_percent"),
        "disk_free_bytes": newest.get("disk_free_bytes"),
        "disk_total_bytes": newest.get("disk_total_bytes"),
    }


def _sum(rows: list[dict[str, Any]], name: str) -> float | None:
    known = [row[name] for row in rows if row[name] is not None]
    return round(sum(known), 1) if known else None


def _timeline(now: datetime) -> dict[str, Any]:
    plan = rotation_plan()
    begin = now - timedelta(seconds=plan.interval * TIMELINE_INTERVALS)
    leases = PortLease.objects.select_related("node").exclude(kind=LeaseKind.DECOY).exclude(state=LeaseState.FAILED)
    rows = list(leases.filter(closes_at__gt=begin).order_by("-opens_at")[:TIMELINE_PORTS])
    rows += leases.filter(kind=LeaseKind.FIXED, state__in=LISTENING, closes_at__lte=begin)
    moves = [row.moves_at for row in rows if row.state == LeaseState.OPEN and row.moves_at and row.node.is_running(now)]
    return {
        "begin": seconds(begin),
        "end": seconds(now) + int(plan.interval * 1.25),
        "next_move": seconds(min(moves)) if moves else None,
        "interval": plan.interval,
        "ports": [
            {
                "lane": f"{row.node.name}{f' {row.slot + 1}' if row.slot else ''}",
                "port": row.port,
                "state": row.state,
                "fixed": row.kind == LeaseKind.FIXED,
                "late": row.late_since is not None,
                "opens_at": seconds(row.opens_at),
                "moves_at": seconds(row.moves_at) if row.moves_at else None,
                "closes_at": seconds(row.closes_at),
            }
            for row in sorted(rows, key=lambda row: (row.node_id, row.slot, row.opens_at))
        ],
    }


def _mirrors(now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "name": mirror.name,
            "kind": KINDS.get(mirror.kind, mirror.kind),
            "enabled": mirror.enabled,
            "state": mirror.state,
            "told": mirror.get_state_display(),
            "problem": mirror.last_error,
            "watched_at": max((seconds(at) for at in (mirror.visited_at, mirror.watched_at) if at), default=None),
            "link": reverse("admin:discovery_mirror_change", args=[mirror.pk]),
        }
        for mirror in Mirror.objects.order_by("pk")
    ]


def _burn(now: datetime) -> dict[str, Any] | None:
    newest = Burn.objects.order_by("-started_at").first()
    if newest is None:
        return None
    return {
        "started_at": seconds(newest.started_at),
        "drill": newest.drill,
        "waiting_for": waiting_for(newest),
        "safe_after": seconds_of(newest, "safe_at"),
    }


def _ways(request: HttpRequest) -> list[dict[str, str]]:
    """What is done from here: the buttons that this operator may press."""
    ways = [
        ("chat.add_invite", "Make an invite", "admin:chat_invite_add"),
        ("chat.change_connectionpolicy", "Set the limits", "admin:chat_connectionpolicy_changelist"),
        ("rotation.add_burn", "Burn drill", "admin:rotation_burn_add"),
    ]
    return [{"label": label, "link": reverse(name)} for right, label, name in ways if request.user.has_perm(right)]
