"""The detector: hands each minute that is over to those who judge it. Units of its clock: seconds since 1970."""

import asyncio
import functools
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from chat.counting import MINUTE_SECONDS
from chat.services import alerts, channels, habits, resources, troubles
from chat.usage import Usage
from clawchat.ending import end_tasks
from clawchat.protocol.errors import Unavailable

if TYPE_CHECKING:
    from chat.hub import Hub

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
OTHERS_SECONDS = 15.0
# After a minute's end all processes have written their tallies of it.
TALLIES_AFTER_SECONDS = 15.0
# What is due and was not told by then is told here: no worker takes the tasks.
LATE_AFTER = timedelta(seconds=60)


class Detector:
    """The detector of one hub."""

    def __init__(self, hub: "Hub", clock: Callable[[], float] = time.time) -> None:
        self._hub, self._clock = hub, clock
        # Begins of the last minutes that were judged: of this process's devices, and of the server.
        self._judged = self._server_judged = 0
        self._usages: deque[Usage] = deque(maxlen=resources.BUSY_MINUTES)
        # What others look for, and when they did last.
        self._others: list[Callable[[], None]] = [troubles.look]
        self._others_at = float("-inf")
        self._looking: asyncio.Task | None = None

    def watch_also(self, look: Callable[[], None]) -> None:
        """Have this called again and again, in a thread that asks the database: it raises and closes alerts."""
        self._others.append(look)

    def start(self) -> None:
        """Begin to look."""
        self._looking = asyncio.create_task(self._look_again_and_again())

    async def stop(self) -> None:
        """Look no more."""
        if self._looking is not None:
            await end_tasks([self._looking])

    async def look(self) -> None:
        """Judge what has not been judged yet.

        Raises: unavailable; a minute that could not be judged is judged at the next look, unless another is over then.
        """
        run = self._hub.database.run
        if abs(self._clock() - self._others_at) >= OTHERS_SECONDS:
            self._others_at = self._clock()
            for other in self._others:
                await self._guard(functools.partial(run, other))
        if self._hub.meter.last is None:
            return
        minute, usage = self._hub.meter.last
        begin = minute.begin
        if begin != self._judged:
            await run(habits.judge_devices, _instant(begin), minute.devices)
            await run(resources.judge_usage, self._hub.node, [*self._usages, usage])
            await run(alerts.close_quiet)
            self._judged = begin
            self._usages.append(usage)
        elif begin != self._server_judged and self._clock() >= begin + MINUTE_SECONDS + TALLIES_AFTER_SECONDS:
            await run(habits.judge_server, _instant(begin))
            self._server_judged = begin
            if await run(channels.is_anything_late, LATE_AFTER):
                await run(channels.tell_due)

    async def _look_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._guard(self.look)

    @staticmethod
    async def _guard(work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Unavailable:
            logger.warning("the database does not answer; nothing is judged meanwhile")
        except Exception:
            logger.exception("looking for what an operator should know of failed")


def _instant(begin: int) -> datetime:
    return datetime.fromtimestamp(begin, UTC)
