"""One session of one device: a day's worth of rekeys and a gigabyte, and no nonce twice. `python -m tests.soak.session`

A real server process and real clients over WebSockets, one of which is watched. The clock is scaled: an hour of its
keys is four seconds, in each of which files go up and come down again while two members talk.
"""

import argparse
import asyncio
import json
import logging
import sys
import tempfile
from pathlib import Path

from clawchat.client import Member
from clawchat.client.rooms.pace import Pace
from tests.e2e.pairs import converse
from tests.e2e.server import ServerProcess
from tests.soak.day import HOURS, Course, Day, Slow
from tests.soak.rows import Rows
from tests.soak.scaled import ScaledRecorder, recordings_of
from tests.soak.session_outcome import SessionOutcome, recorder_sees_a_reuse
from tests.soak.watching import Watch

BYTES, REKEYS = 1_000_000_000, HOURS + 16
LONGEST_SECONDS = 3600
# The port stays where it is: a session never outlives its port.
INTERVAL_SECONDS = 6 * 3600
# No path update amid a log that is compared row by row.
PACE = Pace(help=0.2, resync=0.2, update_messages=1_000_000)


def main() -> int:
    """Run it, print the figures, write them where `--json` says; 0 when all is well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bytes", type=int, default=BYTES, help="of frames through the session, both ways together")
    parser.add_argument("--rekeys", type=int, default=REKEYS, help="at least; three of five by time (24 of 40)")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    logging.getLogger("clawchat.client").setLevel(logging.ERROR)
    if not recorder_sees_a_reuse():
        print("NOT GOOD: the recorder passes over a counter that comes again.")
        return 1
    print("The recorder sees a counter that comes again: tried on keys of its own.", flush=True)
    with tempfile.TemporaryDirectory(prefix="clawchat-session-") as folder:
        outcome = asyncio.run(soak(Course.of(options.bytes, options.rekeys), Path(folder)))
    print(outcome.table())
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(outcome.figures, indent=2) + "\n")
    print("One session: nothing lost, twice or out of order, no nonce twice." if outcome.is_good else "NOT GOOD.")
    return 0 if outcome.is_good else 1


async def soak(course: Course, folder: Path) -> SessionOutcome:
    """One run, with all that it writes in this folder."""
    settings = {"DJANGO_SETTINGS_MODULE": "tests.soak.settings"}
    server = ServerProcess(folder / "data", interval=INTERVAL_SECONDS, lead=60, grace=60, environment=settings)
    recordings = recordings_of(server.data_dir)
    with ScaledRecorder(recordings), Watch() as watch:
        await asyncio.to_thread(server.start)
        try:
            day = await live(server, folder, course, watch)
        finally:
            await asyncio.to_thread(server.stop)
    return SessionOutcome.of(day, Rows(server.data_dir), recordings)


async def live(server: ServerProcess, folder: Path, course: Course, watch: Watch) -> Day:
    """Two members talk, and one of them carries files, in a session each."""
    await asyncio.to_thread(server.run, "shell", "-c", course.limits())
    invites = [await asyncio.to_thread(server.create_invite, *role) for role in (["--owner"], [])]
    alice = await Member.enrol(invites[0]["invite"], folder / "alice", name="Alice", pace=PACE)
    async with alice.client:
        bob = await Member.enrol(invites[1]["invite"], folder / "bob", name="Bob", pace=PACE)
        async with bob.client:
            day = Day(server, alice, course, watch)
            async with asyncio.timeout(LONGEST_SECONDS):
                await day.begin()
                day.talkers, day.log = await converse((alice.client, bob.client), Slow, lambda _: day.run())
                await day.end()
    return day


if __name__ == "__main__":
    sys.exit(main())
