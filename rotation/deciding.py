"""When the decider runs in this process: right after a row of ours has changed, and when nobody else runs it."""

import asyncio
import functools
import logging
from collections.abc import Callable
from typing import Any, Protocol

from .services import tick

logger = logging.getLogger(__name__)

LAST_DECISION_SECONDS = 3.0


class Database(Protocol):
    """What runs a function in a thread that may ask the database."""

    async def run(self, function: Callable, *arguments: object) -> Any:
        """What the function returns."""


class Deciding:
    """Runs passes of the decider, one at a time; `decided` is called after each.

    A stopped worker, or a wall clock that was set back, must not stop the port: whether others run the decider is
    told by their count and the monotonic clock alone. Units: `quiet_seconds` without a pass before one is run here.
    """

    def __init__(
        self,
        database: Database,
        quiet_seconds: float,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        decided: Callable[[], None],
    ) -> None:
        self._database, self._quiet_seconds = database, quiet_seconds
        self._clock, self._monotonic = clock, monotonic
        self._tell_decided = decided
        # How many passes there were, how many were ours, when others and when anybody last ran one.
        self._ticks: int | None = None
        self._our_ticks = 0
        self.others_seen_at: float | None = None
        self.ticked_at: float | None = None
        self._running: asyncio.Future | None = None
        self._again = False

    @property
    def is_running(self) -> bool:
        """Whether a pass of ours is under way."""
        return self._running is not None and not self._running.done()

    def see_to_it(self, ticks: int, changed: bool) -> None:
        """Run a pass when a row of ours has changed, or when nobody else runs one; `ticks` counts all passes so far."""
        if not self.is_running:
            self._count(ticks)
        if changed or self.is_quiet_since(self.ticked_at):
            self.decide()

    def is_quiet_since(self, moment: float | None) -> bool:
        """Whether that moment is so long ago that somebody should do something."""
        return moment is None or self._monotonic() - moment >= self._quiet_seconds

    def decide(self) -> None:
        """Run a pass, or another one after the one that is under way."""
        if self.is_running:
            # It may have read the rows before we changed them.
            self._again = True
            return
        self._again = False
        # While no worker is at work, nobody else carries the file to the mirrors.
        alone = self.is_quiet_since(self.others_seen_at)
        decide = functools.partial(tick, int(self._clock()), visit_all_mirrors=alone)
        self._running = asyncio.ensure_future(self._database.run(decide))
        self._running.add_done_callback(self._decided)

    async def finish(self) -> None:
        """Wait for the pass that is under way, and begin no other."""
        self._again = False
        if self._running is not None:
            await asyncio.wait([self._running], timeout=LAST_DECISION_SECONDS)

    def _count(self, ticks: int) -> None:
        """Note when the decider last ran, and when it last ran elsewhere."""
        if self._ticks is not None and ticks != self._ticks:
            self.ticked_at = self._monotonic()
            if ticks - self._ticks > self._our_ticks:
                self.others_seen_at = self._monotonic()
        self._ticks, self._our_ticks = ticks, 0

    def _decided(self, deciding: asyncio.Future) -> None:
        if not deciding.cancelled() and deciding.exception() is not None:
            logger.error("what is due could not be decided", exc_info=deciding.exception())
        else:
            self._our_ticks += 1
        if self._again:
            self.decide()
        self._tell_decided()
