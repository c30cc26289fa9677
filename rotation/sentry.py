"""The sentry: carries the touches that this process saw into rows, and the operators' limits to the guard."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Protocol

from chat.hub import Hub
from chat.models import ConnectionPolicy
from clawchat.protocol.errors import Unavailable

from .deciding import Database
from .services.scans import note_touches, prune_scans

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
PRUNE_SECONDS = 3600.0


class Guarded(Protocol):
    """What the limits are for."""

    def limit(self, policy: ConnectionPolicy) -> None:
        """Go by these limits from now on."""


class Sentry:
    """The sentry of one node."""

    def __init__(
        self,
        node_pk: int,
        ports: Guarded,
        hub: Hub,
        database: Database,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._node_pk, self._ports, self._hub, self._database = node_pk, ports, hub, database
        self._clock, self._monotonic = clock, monotonic
        self._pruned_at: float | None = None
        self._ending = asyncio.Event()
        # Whether the last look failed; only the first failure of a row is logged.
        self._failing = False
        self._watching: asyncio.Task | None = None

    def start(self) -> None:
        """Begin to look."""
        self._ports.limit(self._hub.policy)
        self._watching = asyncio.ensure_future(self._watch())

    async def stop(self) -> None:
        """Write down what was seen last, and look no more."""
        # Not cancelled: touches that are being written would be taken for lost, and written again.
        self._ending.set()
        if self._watching is not None:
            await self._watching

    async def look_once(self) -> None:
        """Hand on the limits, and write down the touches since the last look.

        Raises: unavailable, and whatever else keeps the touches from being written; they are kept for the next look.
        """
        self._ports.limit(self._hub.policy)
        touches = self._hub.strangers.take_touches()
        if touches:
            now = self._hub.clock()
            known = {touch.address for touch in touches if self._hub.admission.is_known(touch.address, now)}
            try:
                has_banned = await self._database.run(note_touches, self._node_pk, touches, known, self._clock())
            except Exception:
                self._hub.strangers.give_back(touches)
                raise
            if has_banned:
                self._hub.tell_news()
        if self._pruned_at is None or self._monotonic() - self._pruned_at >= PRUNE_SECONDS:
            await self._database.run(prune_scans, self._clock())
            self._pruned_at = self._monotonic()

    async def _watch(self) -> None:
        is_last = False
        while not is_last:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._ending.wait()
            is_last = self._ending.is_set()
            await self._try_to_look()

    async def _try_to_look(self) -> None:
        try:
            await self.look_once()
        except Exception as error:
            if not self._failing:
                unexpected = None if isinstance(error, Unavailable) else error
                logger.warning("touches of ports are written down later: %s", error, exc_info=unexpected)
            self._failing = True
        else:
            self._failing = False
