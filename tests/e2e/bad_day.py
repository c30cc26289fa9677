"""A server on a bad day: a few people talk, something goes wrong, and afterwards everything must be there."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.server import ServerProcess
from tests.soak.rows import Lease, Rows
from tests.soak.soak import Plan, Soak
from tests.soak.watchman import Watchman

CLIENTS, TALK_SECONDS = 6, 0.5
INTERVAL, LEAD, GRACE = 6, 2, 3
# How long a live lease may lack its socket, and the published file name a dead port: a tick, and what a machine with
# other work to do adds to it.
SLACK_SECONDS = 6.0
SOON_SECONDS = 110.0
LOOK_SECONDS = 0.02


@dataclass
class Day:
    """What a test needs to do harm and to look."""

    server: ServerProcess
    rows: Rows
    soak: Soak
    watchman: Watchman

    @property
    def last_move(self) -> int:
        """The number of the newest lease that serves, or has."""
        done = ("open", "draining", "tripwire", "closed")
        return max((one.pk for one in self.rows.leases() if one.kind == "moving" and one.state in done), default=0)

    async def until(self, holds: Callable[[], bool], what: str, seconds: float = SOON_SECONDS) -> None:
        """Return when it is so; rows that cannot be read just now are asked again."""
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(Exception):
                if await asyncio.to_thread(holds):
                    return
            assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}\n{self.server.log_tail()}"
            await asyncio.sleep(LOOK_SECONDS)

    async def until_moves(self, count: int, seconds: float = SOON_SECONDS) -> None:
        """Return when the port has moved so often from now on."""
        begin = await asyncio.to_thread(lambda: self.last_move)

        def moved() -> bool:
            serving = [one for one in self.rows.leases() if one.kind == "moving" and one.state == "open"]
            later = [one for one in self.rows.leases() if one.kind == "moving" and one.pk > begin]
            taken_over = [one for one in later if one.state in ("open", "draining", "tripwire", "closed")]
            return bool(serving) and len(taken_over) >= count

        await self.until(moved, f"{count} moves", seconds)

    async def until_a_lease(self, state: str) -> Lease:
        """Return a moving lease as soon as it has come into this state."""
        seen = {one.pk for one in self.rows.leases() if one.state == state}
        found: list[Lease] = []

        def there() -> bool:
            found[:] = [
                one
                for one in self.rows.leases()
                if one.kind == "moving" and one.state == state and (one.pk not in seen or state == "draining")
            ]
            return bool(found)

        await self.until(there, f"a lease that is {state}")
        return found[-1]

    async def kill_and_start(self) -> None:
        """SIGKILL, and another start at once."""
        await asyncio.to_thread(self.server.kill)
        await asyncio.to_thread(self.server.start)

    async def everybody_is_back(self, seconds: float = SOON_SECONDS) -> None:
        """Return when every client is connected."""
        talkers = self.soak.crowd.talkers
        await self.until(lambda: all(one.client.status == "connected" for one in talkers), "all connected", seconds)


@contextlib.asynccontextmanager
async def bad_day(
    folder: Path,
    *,
    environment: dict[str, str] | None = None,
    database_url: str | None = None,
    data_dir: Path | None = None,
    keeps_order: bool = True,
    slack_seconds: float = SLACK_SECONDS,
) -> AsyncIterator[Day]:
    """A server and six people who talk as long as the block lasts; then two more moves, and the logs are compared.

    A server that cannot store refuses messages one by one, and what was under way behind a refused one may come before
    it: who makes it so sets `keeps_order` to False.
    """
    more = {"DATABASE_URL": database_url} if database_url else {}
    server = ServerProcess(
        data_dir or folder / "data",
        interval=INTERVAL,
        lead=LEAD,
        grace=GRACE,
        environment={**more, **(environment or {})},
    )
    rows = Rows(server.data_dir, database_url)
    soak = Soak([server], rows, Plan(clients=CLIENTS, room_of=3, squatted=0.0), folder)
    try:
        await soak.start()
        await soak.prepare()
        soak.crowd.start(TALK_SECONDS)
        async with Watchman(server, rows, soak.crowd.talkers[0].client) as watchman:
            day = Day(server, rows, soak, watchman)
            yield day
            await day.everybody_is_back()
            await day.until_moves(2)
        await soak.crowd.quiet(rows)
        wrong = soak.crowd.judge(await asyncio.to_thread(rows.logs))
    finally:
        await soak.close()
        if server.process is not None:
            await asyncio.to_thread(server.stop)

    kinds = ["lost", "twice", "foreign", "complaints", *(["reordered"] if keeps_order else [])]
    bad = {kind: wrong[kind] for kind in kinds}
    assert not any(bad.values()), (bad, soak.crowd.details[:9], server.log_tail())
    assert wrong["received"] > wrong["sent"] > CLIENTS
    assert watchman.looks > 10, (watchman.looks, watchman.blind)
    assert watchman.without_a_socket < slack_seconds, server.log_tail(80)
    assert watchman.dead_in_file < slack_seconds, server.log_tail(80)
