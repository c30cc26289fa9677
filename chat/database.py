"""Database calls off the event loop: a few threads of our own, each with its connection."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection

from clawchat.protocol.errors import Unavailable

THREADS = 4

Result = TypeVar("Result")


class DatabaseThreads:
    """Runs functions that ask the database. `sync_to_async` would run them all in one thread, one after the other."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="clawchat-database")

    async def run(self, function: Callable[..., Result], *arguments: object) -> Result:
        """What the function returns.

        Raises: unavailable (the database is away, full or locked), and whatever the function raises.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, _run, function, arguments)

    def close(self) -> None:
        """Wait for what runs, and give the connections back."""
        # Each thread has to close its own; the barrier makes sure that each of them gets one of these calls.
        together = threading.Barrier(THREADS)
        for _ in range(THREADS):
            self._threads.submit(_close_connection, together)
        self._threads.shutdown(wait=True)


def _run(function: Callable[..., Result], arguments: tuple[object, ...]) -> Result:
    try:
        return _run_anew(function, arguments)
    except (OperationalError, InterfaceError) as error:
        connection.close()
        raise Unavailable("the database does not answer") from error


def _run_anew(function: Callable[..., Result], arguments: tuple[object, ...]) -> Result:
    """The function, once more when the connection had died while nobody looked; everything here may be repeated."""
    try:
        return function(*arguments)
    except (OperationalError, InterfaceError):
        if connection.is_usable():
            raise
        connection.close()
        return function(*arguments)


def _close_connection(together: threading.Barrier) -> None:
    together.wait()
    connection.close()
