"""The meter: looks at what this process did and uses every five seconds, and writes it down minute by minute."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from django.conf import settings

from chat.counting import MINUTE_SECONDS, Minute
from chat.services import tallies
from chat.usage import Usage, UsageMeter
from clawchat.ending import end_tasks
from clawchat.protocol.errors import Unavailable

if TYPE_CHECKING:
    from chat.hub import Hub

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
# Minutes that wait for a database that is away; older ones are let go.
MOST_WAITING = 120


class Meter:
    """The meter of one hub. Units of the clock: seconds since 1970."""

    def __init__(self, hub: "Hub", clock: Callable[[], float] = time.time) -> None:
        self._hub, self._clock = hub, clock
        self._usage = UsageMeter(settings.CLAWCHAT_DATA_DIR)
        self._begin(self._this_minute())
        # What is not written yet, by the minute's begin.
        self._waiting: OrderedDict[int, tuple[Minute, Usage]] = OrderedDict()
        # The last minute that is over, and what was used in it.
        self.last: tuple[Minute, Usage] | None = None
        self._looking: asyncio.Task | None = None

    def start(self) -> None:
        """Begin to look."""
        self._looking = asyncio.create_task(self._look_again_and_again())

    async def stop(self) -> None:
        """Look no more, and write what was counted last."""
        if self._looking is not None:
            await end_tasks([self._looking])
        await self._try_to_look()

    async def look(self) -> None:
        """Count, and write what there is of this minute, after what waited.

        Raises: unavailable; what could not be written is kept for the next look.
        """
        self._count()
        this = self._this_minute()
        usage = await asyncio.to_thread(self._usage.look)
        self._keep(self._minute_so_far(), usage)
        if this != self._begun:
            await self._end_minute(this, usage)
        while self._waiting:
            minute, used = next(iter(self._waiting.values()))
            await self._hub.database.run(tallies.write_minute, self._hub.node, self._hub.process, minute, used)
            self._waiting.popitem(last=False)

    def _count(self) -> None:
        """Add what each session did, and see how many there are."""
        sessions = 0
        for session in self._hub.all_sessions():
            self._hub.counts.see(session)
            sessions += session.arrival is not None
        self._people = max(self._people, len(self._hub.sessions))
        self._sessions = max(self._sessions, sessions)

    def _minute_so_far(self) -> Minute:
        return self._hub.counts.since(self._before, self._begun, self._people, self._sessions)

    async def _end_minute(self, this: int, usage: Usage) -> None:
        """A minute is over: whoever judges minutes gets it whole, and another begins."""
        self.last = (self._minute_so_far(), usage)
        self._begin(this)
        await asyncio.to_thread(self._usage.begin)

    def _begin(self, minute: int) -> None:
        self._begun = minute
        self._hub.counts.take_devices()
        self._before = self._hub.counts.copy()
        self._people = len(self._hub.sessions)
        self._sessions = sum(map(len, self._hub.sessions.values()))

    def _keep(self, minute: Minute, usage: Usage) -> None:
        self._waiting[minute.begin] = (minute, usage)
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popitem(last=False)

    def _this_minute(self) -> int:
        return int(self._clock()) // MINUTE_SECONDS * MINUTE_SECONDS

    async def _look_again_and_again(self) -> None:
        while True:
            # By the clock on the wall, so that each minute is cut where it ends.
            await asyncio.sleep(LOOK_SECONDS - self._clock() % LOOK_SECONDS)
            await self._try_to_look()

    async def _try_to_look(self) -> None:
        try:
            await self.look()
        except Unavailable:
            logger.warning("the database does not answer; what was counted is written later")
        except Exception:
            logger.exception("counting failed")
