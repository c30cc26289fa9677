"""The long soak: 100 Python members and two browsers through 50 moves. `python -m tests.soak --help`.

All are members of MLS rooms: the Python members in one of all and in small ones, the browsers in one of their own.
"""

import argparse
import asyncio
import json
import logging
import shutil
import sys
import tempfile
from pathlib import Path

from tests.e2e.browser import Browsers
from tests.e2e.server import ServerProcess
from tests.soak.people import BrowserPair
from tests.soak.rows import Rows
from tests.soak.soak import Outcome, Plan, Soak

INTERVAL, LEAD, GRACE = 6, 2, 3


def main() -> int:
    """Run it, print the figures, write them where `--json` says; 0 when all is well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--moves", type=int, default=50)
    parser.add_argument("--kills", type=int, default=4, help="how often the server is killed")
    parser.add_argument("--squatted", type=float, default=0.25, help="share of the port range that others have")
    parser.add_argument("--no-browsers", action="store_true")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    # A hundred newcomers who wait for their wraps would say so a hundred times.
    logging.getLogger("clawchat.client").setLevel(logging.ERROR)
    outcome = asyncio.run(soak(options))
    print(table(outcome))
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(outcome.figures, indent=2) + "\n")
    print("Nothing lost, nothing twice, nothing out of order." if outcome.is_good else "NOT GOOD: see above.")
    return 0 if outcome.is_good else 1


async def soak(options: argparse.Namespace) -> Outcome:
    """One run in a folder of its own that is gone afterwards."""
    kills = {options.moves * (turn + 1) // (options.kills + 1): "server" for turn in range(options.kills)}
    kills |= {options.moves // 10: "worker", options.moves * 9 // 10: "worker"}
    plan = Plan(clients=options.clients, moves=options.moves, kills=kills, squatted=options.squatted)
    with tempfile.TemporaryDirectory(prefix="clawchat-soak-") as folder:
        server = ServerProcess(Path(folder, "data"), interval=INTERVAL, lead=LEAD, grace=GRACE)
        run = Soak([server], Rows(server.data_dir), plan, Path(folder))
        chromium = None if options.no_browsers else shutil.which("chromium")
        try:
            await run.start()
            if chromium is None:
                print("No Chromium: only the Python clients talk.")
                await run.prepare()
                return await run.run()
            async with Browsers(chromium, Path(folder)) as browsers:
                pair = BrowserPair(browsers, server)
                await pair.arrive()
                await run.prepare()
                await pair.talk(texts=options.moves * 5, every_ms=1200)
                outcome = await run.run()
                outcome.wrong += await pair.judge(run.rows)
                outcome.complaints += pair.details
                outcome.figures["browsers"] = pair.figures
                return outcome
        finally:
            await run.close()
            await asyncio.to_thread(server.stop)


def table(outcome: Outcome) -> str:
    """The figures for people."""
    lines = [f"  {name:<42} {_cell(value)}" for name, value in outcome.figures.items()]
    wrong = {kind: count for kind, count in outcome.wrong.items() if count and kind not in ("sent", "received")}
    return "\n".join([*lines, *([f"  wrong: {wrong}"] if wrong else []), *outcome.complaints])


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {number}" for name, number in value.items()) or "-"
    return str(value)


if __name__ == "__main__":
    sys.exit(main())
