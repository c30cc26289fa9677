"""A server of this machine as if it stood far away: each byte to it, and from it, is late by a known time."""

import asyncio
import contextlib
import threading
from typing import Self


class Distance:
    """Listens on a loopback port and passes every byte on, each way after half of `round_trip` seconds.

    A context. A connection is made at once: only what is said on it is late.
    """

    def __init__(self, port: int, round_trip: float) -> None:
        self._port, self._one_way = port, round_trip / 2
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task] = set()

    def __enter__(self) -> Self:
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.current_task())
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            # Cancelled at the end only, and the stream's own callback would make a traceback of that.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(self._pass_on(reader, far_writer), self._pass_on(far_reader, writer))
        finally:
            writer.close()
            far_writer.close()
            self._tasks.discard(asyncio.current_task())

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        arriving = asyncio.create_task(self._arrive(under_way, writer))
        with contextlib.suppress(ConnectionError):
            data = b"-"
            while data:
                data = await reader.read(65536)
                under_way.put_nowait((self._loop.time() + self._one_way, data))
        await arriving

    async def _arrive(self, under_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):
            while True:
                at, data = await under_way.get()
                await asyncio.sleep(max(0.0, at - self._loop.time()))
                if not data:
                    return writer.write_eof()
                writer.write(data)
                await writer.drain()
