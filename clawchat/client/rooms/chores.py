"""What is to be done after a connection began or the server gave notice.

One after the other, each once however often it is asked for.

Spec: 3.14
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from clawchat.protocol.errors import ClawChatError

logger = logging.getLogger(__name__)

AGAIN_SECONDS = 5.0

Work = Callable[[], Awaitable[None]]


class Chores:
    """Named works; one that fails is tried again until it is done or the client ends."""

    def __init__(self, works: dict[str, Work]) -> None:
        self._works = works
        self._waiting: dict[str, None] = {}
        self._wake = asyncio.Event()

    def add(self, *names: str) -> None:
        """Have these done, those of them that are not waiting already."""
        self._waiting |= dict.fromkeys(names)
        self._wake.set()

    async def run(self) -> None:
        """Do them until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                name = next(iter(self._waiting))
                del self._waiting[name]
                try:
                    await self._works[name]()
                except ClawChatError as error:
                    logger.info("%s: %s; again in %g s", name, error, AGAIN_SECONDS)
                    await asyncio.sleep(AGAIN_SECONDS)
                    self.add(name)
