"""How the server stands, from its rows: what `clawchatstatus` prints and programs read."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from chat.models import Ban
from chat.services.connections import connected_by_suite, connected_count
from chat.services.identity import successor_row
from chat.services.succession import waiting_devices
from clawchat.protocol.schedule import WATCH_SECONDS, LeaseState
from discovery.models import Mirror, Publication
from rotation.models import LIVE, LeaseKind, Node, PortLease

from .burning import STEPS, burn_under_way, waiting_for
from .clock import REMEDY, clock_problems
from .plan import rotation_plan, seconds
from .watching import touches_of

FINISHED_SHOWN = 5
PUBLICATIONS_SHOWN = 5


def server_status() -> dict[str, Any]:
    """Everything an operator asks for, in plain values. Units: seconds, instants since 1970."""
    now = timezone.now()
    leases = PortLease.objects.select_related("node").order_by("-pk")
    finished = leases.exclude(state__in=LIVE).exclude(kind=LeaseKind.DECOY)[:FINISHED_SHOWN]
    live = list(leases.live())
    publications = Publication.objects.order_by("-serial").prefetch_related("results__mirror")
    return {
        "now": seconds(now),
        "front": settings.CLAWCHAT_FRONT_URL if settings.CLAWCHAT_FRONT else None,
        "rotation": _rotation(live, now),
        "nodes": _nodes(now),
        "leases": [_lease(lease) for lease in [*live, *finished]],
        "mirrors": [_mirror(mirror) for mirror in Mirror.objects.enabled()],
        "publications": [_publication(publication) for publication in publications[:PUBLICATIONS_SHOWN]],
        "handover": _handover(),
        "burn": _burn(now),
        "bans": Ban.objects.in_force(now).count(),
        "connections": connected_count(),
        "suites": connected_by_suite(),
        "clock": {"problems": clock_problems(), "remedy": REMEDY},
    }


def _handover() -> dict[str, Any] | None:
    """The identity's handover while there is one, and how many devices have not come by the new identity yet."""
    row = successor_row()
    if row is None:
        return None
    return {"until": _maybe(row.handover_until), "devices_left": waiting_devices(row).count()}


def _burn(now: datetime) -> dict[str, Any] | None:
    """The burn that goes on, and what it waits for."""
    burn = burn_under_way()
    if burn is None:
        return None
    return {
        "started_at": seconds(burn.started_at),
        "seconds": int((now - burn.started_at).total_seconds()),
        "waits_until": [STEPS[step] for step in waiting_for(burn)],
    }


def _rotation(live: list[PortLease], now: datetime) -> dict[str, Any]:
    plan = rotation_plan()
    moves = [
        lease.moves_at
        for lease in live
        if lease.state == LeaseState.OPEN and lease.moves_at and lease.node.is_running(now)
    ]
    return {
        "interval": plan.interval,
        "jitter": plan.jitter,
        "lead": plan.lead,
        "grace": plan.grace,
        "next_move": seconds(min(moves)) if moves else None,
    }


def _nodes(now: datetime) -> list[dict[str, Any]]:
    plan, touches = rotation_plan(), touches_of(seconds(now))
    return [
        {
            "name": node.name,
            "host": node.host,
            "region": node.region,
            "tls": node.tls,
            "running": node.is_running(now),
            "started_at": seconds(node.started_at),
            "seen_at": seconds(node.seen_at),
            "sockets": node.connections,
            "reachable": node.reachable,
            "reachable_because": node.reachable_because,
            "external_address": node.external_address,
            "interval": plan.watched(node.alert).interval,
            "touches": touches.get(node.pk, 0),
            "watched_seconds": WATCH_SECONDS,
            "clock_jump": node.clock_jump,
        }
        for node in Node.objects.order_by("pk")
    ]


def _lease(lease: PortLease) -> dict[str, Any]:
    return {
        "node": lease.node.name,
        "kind": lease.kind,
        "slot": lease.slot,
        "port": lease.port,
        "state": lease.state,
        "opens_at": seconds(lease.opens_at),
        "moves_at": _maybe(lease.moves_at),
        "closes_at": seconds(lease.closes_at),
        "late_since": _maybe(lease.late_since),
        "mapping": lease.mapping,
        "mapped_until": _maybe(lease.mapped_until),
        "problem": lease.problem,
    }


def _mirror(mirror: Mirror) -> dict[str, Any]:
    return {
        "name": mirror.name,
        "kind": mirror.kind,
        "state": mirror.state,
        "told": mirror.get_state_display(),
        "problem": mirror.last_error,
        "serial": mirror.last_serial,
    }


def _publication(publication: Publication) -> dict[str, Any]:
    return {
        "serial": publication.serial,
        "created_at": seconds(publication.created_at),
        "valid_until": seconds(publication.valid_until),
        "mirrors": {result.mirror.name: result.state for result in publication.results.all()},
    }


def _maybe(at: datetime | None) -> int | None:
    return None if at is None else seconds(at)
