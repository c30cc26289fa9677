"""What sessions, moving ports, rooms, finding the server and the console cost on this machine, and what our timing
tells. `python -m tests.bench`; `--json FILE` keeps it, `--only PART` runs one part, `--write` puts session and timing
into docs/.

Everything is measured in one run. Nothing is asserted: a busy machine is slower; goals stand beside the figures.
"""

import argparse
import asyncio
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.console import console
from tests.bench.finding import finding
from tests.bench.first_visit import first_visit
from tests.bench.mls import DEVICES, mls
from tests.bench.moving import idle, moves
from tests.bench.page import write_session, write_timing
from tests.bench.publishing import publishing, sizes
from tests.bench.session import session
from tests.bench.timing import timing
from tests.soak.soak import machine

GOALS = {
    "tick with nothing due, ms": "under 20",
    "100 clients all moved, s": "under 5",
    "pause of a client at a move, ms": "p99 under 100",
    "whole server process, idle, 16 decoys, % of a core": "under 1 for keeper and tripwires",
    "together, of the slowest alone": "1",
    "the object for 100 devices, bytes": "at most 16384",
    "limits of a message: device, address, bytes, us": "under 20",
    "bans of a new connection, a thousand in force, us": "under 20, limits and bans together",
    "audit events written beside delivery, a second": "2000, and delivery as quick as without",
    "the dashboard, a million audit rows, ms": "under 300",
    "all processes at rest, PSS, MiB": "under 200",
    **{f"{verb} 256 bytes, a second": "at least 200000" for verb in ("seal", "open")},
    "server handshakes, hybrid, a second": "at least 2000",
    **{f"a stranger, {gates} gates, reception, us": "under 50" for gates in (1, 4)},
    "Chromium, encrypt and decrypt 4096, ms": "p99 under 5",
    "MEGA, requests of a publication": "2 calls, 1 upload and the read-back",
    **{
        f"Python, {devices} devices, {name} 200 bytes, a second": "at least 4000"
        for devices in DEVICES
        for name in ("encrypt", "decrypt")
    },
    "Python, 100 devices, process, ms": "under 15",
    **{f"Chromium, {devices} devices, encrypt and decrypt 4096, ms": "p99 under 5" for devices in DEVICES},
    **{
        f"Chromium, 50 devices, {name}, ms": "under 100"
        for name in ("commit", "process", "join", "external join", "process an external join")
    },
}

Part = Callable[[Path, int], dict[str, Any]]
PARTS: dict[str, Part] = {
    "session": lambda folder, clients: session(folder),
    "timing": lambda folder, clients: timing(folder),
    "mls": lambda folder, clients: mls(folder),
    "publishing": lambda folder, clients: publishing(folder) | sizes(),
    "finding": lambda folder, clients: finding(folder),
    "first visit": lambda folder, clients: first_visit(folder),
    "console": lambda folder, clients: console(folder),
    "idle": lambda folder, clients: idle(folder),
    "moves": lambda folder, clients: asyncio.run(moves(folder, clients)),
}
# What is put into docs/, by part.
WRITERS = {"session": write_session, "timing": write_timing}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    # A hundred newcomers who wait for their wraps would say so a hundred times.
    logging.getLogger("clawchat.client").setLevel(logging.ERROR)
    where = {"machine": machine(), "load when it began": round(os.getloadavg()[0], 2)}
    figures: dict[str, Any] = dict(where)
    with tempfile.TemporaryDirectory(prefix="clawchat-bench-") as folder:
        for name in options.only or PARTS:
            began = time.monotonic()
            found = PARTS[name](Path(folder), options.clients)
            print(f"{name}, {time.monotonic() - began:.0f} s", flush=True)
            _show(found)
            figures |= found
            if options.write and name in WRITERS:
                WRITERS[name](where | found)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


def _show(figures: dict[str, Any]) -> None:
    for name, value in figures.items():
        goal = f"   (goal: {GOALS[name]})" if name in GOALS else ""
        print(f"  {name:<52} {value}{goal}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
