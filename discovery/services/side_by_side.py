"""Visits to mirrors side by side, on threads of their own: the slowest one is waited for, or nobody waits at all."""

import logging
import threading
import time
from collections.abc import Callable, Iterable

from django.db import connections

logger = logging.getLogger(__name__)

# Beyond so many at a time the next ones wait for their turn to come again.
MOST = 32
_running = threading.BoundedSemaphore(MOST)


def start_aside(call: Callable[[], object]) -> threading.Thread | None:
    """Run it on a thread of its own, whose database connection ends with it; None when too many run already.

    Nobody waits for it when the process ends: what is visited here may be visited twice, or broken off.
    """
    if not _running.acquire(blocking=False):
        logger.warning("%d mirrors are being visited at this moment: the others wait", MOST)
        return None
    thread = threading.Thread(target=_run, args=(call,), daemon=True, name="mirrors")
    thread.start()
    return thread


def run_all(calls: Iterable[Callable[[], object]], seconds: float | None = None) -> None:
    """Run all of them side by side and return when the last one has ended; the first is run right here.

    With `seconds` nobody is waited for longer than that: who takes longer goes on aside.
    """
    calls = [*calls]
    here, threads = (calls[:1] if seconds is None else []), []
    for call in calls[len(here) :]:
        thread = start_aside(call)
        if thread is not None:
            threads.append(thread)
        elif seconds is None:
            here.append(call)
    for call in here:
        call()
    ends = None if seconds is None else time.monotonic() + seconds
    for thread in threads:
        thread.join(None if ends is None else max(0.0, ends - time.monotonic()))


def _run(call: Callable[[], object]) -> None:
    try:
        call()
    except Exception:
        # Nobody else hears of it: a fault of ours, as what mirrors do wrong is no exception any more here.
        logger.exception("a visit to a mirror broke off")
    finally:
        connections.close_all()
        _running.release()
