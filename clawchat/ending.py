"""Ends tasks for certain."""

import asyncio
from collections.abc import Iterable
from typing import Any

AGAIN_SECONDS = 0.2


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel these tasks and return when all have ended, whatever they raise.

    Asked again until it is so: what a task waits for can swallow a cancellation that comes in the same turn as its
    answer (`asyncio.wait_for` up to Python 3.11, clients of databases), and the task's loop would go on for ever.
    """
    waiting = {task for task in tasks if not task.done()}
    while waiting:
        for task in waiting:
            task.cancel()
        ended, waiting = await asyncio.wait(waiting, timeout=AGAIN_SECONDS)
        for task in ended:
            if not task.cancelled():
                task.exception()
