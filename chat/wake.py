"""Wake-ups and signals between server processes, over the channel layer. At most once: nothing depends on one."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from channels.layers import get_channel_layer

from clawchat.ending import end_tasks

logger = logging.getLogger(__name__)

GROUP = "clawchat.hub"
RETRY_SECONDS = 1.0
# What waits for a layer that is slow: later ones take the place of the first.
MOST_SIGNALS = 1000


class Wake:
    """One process's ear and voice in the group of all hubs."""

    def __init__(
        self,
        process: str,
        hear_room: Callable[[bytes, int], None],
        hear_news: Callable[[], None],
        hear_signal: Callable[[bytes], None],
    ) -> None:
        self._process = process
        self._hear_room, self._hear_news, self._hear_signal = hear_room, hear_news, hear_signal
        self._layer = get_channel_layer()
        # Room and head to tell of; only the latest head of each matters. An empty room stands for news.
        self._pending: dict[bytes, int] = {}
        self._signals: deque[bytes] = deque(maxlen=MOST_SIGNALS)
        self._something = asyncio.Event()
        self._tasks: list[asyncio.Task] = []

    def start(self) -> None:
        """Listen and speak, as long as there is a channel layer."""
        if self._layer is not None:
            self._tasks = [asyncio.create_task(self._keep(self._listen)), asyncio.create_task(self._keep(self._speak))]

    async def stop(self) -> None:
        """Fall silent."""
        await end_tasks(self._tasks)

    def tell_room(self, room_id: bytes, head: int) -> None:
        """Let the other processes know how far a room's log goes."""
        self._pending[room_id] = head
        self._something.set()

    def tell_news(self) -> None:
        """Let the other processes read the news now."""
        self._pending[b""] = 0
        self._something.set()

    def tell_signal(self, payload: bytes) -> None:
        """Let the other processes pass a signal on."""
        self._signals.append(payload)
        self._something.set()

    async def _keep(self, work: Callable) -> None:
        """Do it again for as long as the channel layer fails: it heals, and until then everybody looks by himself."""
        while True:
            try:
                await work()
            except Exception as error:
                logger.warning("no wake-ups between processes: %s", type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)
                # What waited meanwhile tells of a moment that is over.
                self._signals.clear()

    async def _listen(self) -> None:
        channel = await self._layer.new_channel()
        await self._layer.group_add(GROUP, channel)
        while True:
            self._hear(await self._layer.receive(channel))

    def _hear(self, message: dict) -> None:
        if message.get("process") == self._process:
            return
        if "signal" in message:
            self._hear_signal(bytes.fromhex(message["signal"]))
            return
        room_id = bytes.fromhex(message["room"])
        if room_id:
            self._hear_room(room_id, message["head"])
        else:
            self._hear_news()

    async def _speak(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            pending, self._pending = self._pending, {}
            for room_id, head in pending.items():
                message = {"type": "hub.wake", "process": self._process, "room": room_id.hex(), "head": head}
                await self._layer.group_send(GROUP, message)
            while self._signals and not self._pending:
                signal = self._signals.popleft().hex()
                await self._layer.group_send(GROUP, {"type": "hub.wake", "process": self._process, "signal": signal})
