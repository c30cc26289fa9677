"""Ending tasks for certain."""

import asyncio

from clawchat.ending import end_tasks


async def test_a_task_that_swallows_a_cancellation_is_ended_all_the_same():
    """One cancellation may get lost in what a task waits for; the task ends nevertheless."""
    swallowed = 0

    async def work():
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed > 1:
                    raise

    async def fail():
        raise ValueError

    tasks = [asyncio.create_task(work()), asyncio.create_task(fail())]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await end_tasks(tasks)

    assert swallowed == 2
    assert all(task.done() for task in tasks)
