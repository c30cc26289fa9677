"""`manage.py clawchatstatus`: how the server stands, on one screen that explains itself."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from rotation.services.status import server_status
from rotation.wording import counted

# What each state of a port means to an operator.
LEGEND = {
    "planned": "drawn; the server will listen on it within a second",
    "bound": "listens; waits until a mirror has given back the file that names it",
    "announced": "clients know it; it takes over at its time",
    "open": "serves: clients are sent here",
    "draining": "has given way; clients that are still on it move until it closes",
    "tripwire": "names nothing to anybody; whoever touches it is noted as a scanner",
    "closed": "over",
    "failed": "could not be had; the reason stands beside it, another took its place",
}
TRIPWIRE = "tripwire"
SUITES = {
    "hybrid": "X25519 with ML-KEM-768",
    "classic": "X25519 alone (CLAWCHAT_PQ_REQUIRED would shut them out)",
    "unknown": "a suite that was not written down yet",
}
# Names stand in a column of their own.
WIDTH = 13


class Command(BaseCommand):
    """Show nodes, ports, publications and how many devices are connected."""

    help = "Show the server's processes, ports, publications and connections, and what each state means."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --json."""
        parser.add_argument("--json", action="store_true", help="for programs; times are seconds since 1970")

    def handle(self, **options: object) -> None:
        """Print it."""
        status = server_status()
        self.stdout.write(json.dumps(status, indent=2) if options["json"] else "\n".join(_lines(status)))


def _lines(status: dict[str, Any]) -> list[str]:
    nodes = [line for node in status["nodes"] for line in _node(node, status)]
    return [
        _line("front door", status["front"] or "off"),
        _line("connected", counted(status["connections"], "device") + _suites(status["suites"])),
        *(nodes or [_line("node", "none has ever run; start the server: make run")]),
        _line("rotation", _rotation(status["rotation"], status["now"])),
        *[_port(lease, status) for lease in status["leases"] if lease["state"] != TRIPWIRE],
        *_tripwires(status["leases"]),
        *_file(status["publications"]),
        *[_mirror(mirror) for mirror in status["mirrors"]],
        *_handover(status),
        *_burn(status["burn"]),
        *([_line("bans", f"{status['bans']} in force (admin, Bans)")] if status["bans"] else []),
        *_clock(status["clock"]),
        *_legend(status["leases"]),
    ]


def _suites(counts: dict[str, int]) -> str:
    """How many of the connected devices have which suite."""
    told = [f"{counts[name]} by {words}" for name, words in SUITES.items() if counts[name]]
    return f": {', '.join(told)}" if told else ""


def _line(name: str, text: str) -> str:
    return f"{name:<{WIDTH}}{text}"


def _node(node: dict[str, Any], status: dict[str, Any]) -> Iterable[str]:
    place = f"{node['name']} at {node['host']}{node['region'] and ' in ' + node['region']}"
    if not node["running"]:
        yield _line("node", f"{place}, last seen {_time(node['seen_at'], status['now'])}; its ports are not listed")
        return
    tls = "TLS" if node["tls"] else "no TLS"
    running = f"running since {_time(node['started_at'], status['now'])}"
    yield _line("node", f"{place}, {running}, {tls}, {node['sockets']} sockets")
    because = node["reachable_because"] and f", because {node['reachable_because']}"
    outside = node["external_address"] and f" (our address there: {node['external_address']})"
    yield _line("  outside", f"reachable: {node['reachable']}{because}{outside}")
    if node["interval"] != status["rotation"]["interval"]:
        yield _line(
            "  scanners",
            f"{node['touches']} touches in {_span(node['watched_seconds'])}, so its ports move every "
            f"{_span(node['interval'])}; as usual again when that long has passed without one",
        )


def _rotation(rotation: dict[str, Any], now: int) -> str:
    sooner = f" less up to {_span(rotation['jitter'])}" if rotation["jitter"] else ""
    moves = rotation["next_move"]
    due = "" if moves is None else f"; the next move is {_until(moves, now)}"
    return (
        f"every {_span(rotation['interval'])}{sooner}, announced {_span(rotation['lead'])} before, "
        f"grace {_span(rotation['grace'])}{due}"
    )


def _port(lease: dict[str, Any], status: dict[str, Any]) -> str:
    now = status["now"]
    name = f"port {lease['port']:<5}"
    where = f" on {lease['node']}" if len(status["nodes"]) > 1 else ""
    parts = [
        f"{lease['state']:<10}{lease['kind'] if lease['kind'] != 'moving' else 'slot ' + str(lease['slot'])}{where}"
    ]
    parts += _times(lease, now)
    if lease["node"] in {node["name"] for node in status["nodes"] if not node["running"]}:
        parts.append("its server does not run")
    if lease["late_since"]:
        parts.append(f"late by {_span(now - lease['late_since'])}: no mirror takes the file")
    if lease["mapping"]:
        parts.append(f"let in by {lease['mapping']}")
    if lease["problem"]:
        parts.append(lease["problem"])
    return _line(name, ", ".join(parts))


def _times(lease: dict[str, Any], now: int) -> list[str]:
    opens, closes = _time(lease["opens_at"], now), _time(lease["closes_at"], now)
    if lease["state"] in ("planned", "bound", "announced"):
        return [f"opens {opens}"]
    if lease["state"] == "open":
        return [f"opened {opens}", f"moves {_time(lease['moves_at'], now)}" if lease["moves_at"] else "never moves"]
    if lease["state"] == "draining":
        return [f"closes {closes}"]
    return []


def _tripwires(leases: Iterable[dict[str, Any]]) -> list[str]:
    """Two lines at most: they are many, and all alike."""
    groups = {"moving": "retired", "decoy": "decoys"}
    ports = {
        kind: [lease for lease in leases if (lease["state"], lease["kind"]) == (TRIPWIRE, kind)] for kind in groups
    }
    return [
        _line("tripwires", f"{groups[kind]}: {' '.join(str(lease['port']) for lease in found)}")
        for kind, found in ports.items()
        if found
    ]


def _file(publications: list[dict[str, Any]]) -> list[str]:
    """The newest one; where it is stands in the lines of the mirrors."""
    return [_line("file", f"the newest is serial {newest['serial']}") for newest in publications[:1]]


def _mirror(mirror: dict[str, Any]) -> str:
    serial = f", serial {mirror['serial']}" if mirror["serial"] else ""
    problem = mirror["problem"] and f": {mirror['problem']}"
    return _line("mirror", f"{mirror['name']} {mirror['told']}{serial}{problem}")


def _handover(status: dict[str, Any]) -> list[str]:
    handover = status["handover"]
    if handover is None:
        return []
    left = counted(handover["devices_left"], "device")
    until = _time(handover["until"], status["now"])
    return [_line("identity", f"hands over to a new one until {until}; not come by it yet: {left}")]


def _burn(burn: dict[str, Any] | None) -> list[str]:
    if burn is None:
        return []
    return [_line("burn", f"since {_span(burn['seconds'])}; safe once {' and '.join(burn['waits_until'])}")]


def _clock(clock: dict[str, Any]) -> list[str]:
    return [_line("clock", f"{problem} {clock['remedy']}") for problem in clock["problems"]]


def _legend(leases: Iterable[dict[str, Any]]) -> list[str]:
    present = {lease["state"] for lease in leases}
    return (
        ["", *[_line(f"  {state}", meaning) for state, meaning in LEGEND.items() if state in present]]
        if present
        else []
    )


def _time(seconds: int, now: int) -> str:
    """The time of day, with the date when it is not today's."""
    at, today = datetime.fromtimestamp(seconds, UTC), datetime.fromtimestamp(now, UTC).date()
    return f"{at:%H:%M:%S} UTC" if at.date() == today else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _until(seconds: int, now: int) -> str:
    return f"in {_span(seconds - now)}" if seconds > now else f"due since {_span(now - seconds)}"


def _span(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds / 60:.0f} min" if seconds % 60 == 0 or seconds > 600 else f"{seconds // 60} min {seconds % 60} s"
