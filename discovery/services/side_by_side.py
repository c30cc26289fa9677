"""Visits to mirrors side by side, on threads of their own: the slowest one is waited for, or nobody waits at all."""

import logging
import threading
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


def run_all(calls: Iterable[Callable[[], object]]) -> None:
    """Run all of them side by side and return when the last one has ended; a single one is run right here."""
    first, *others = [*calls] or [lambda: None]
    threads = []
    for call in others:
        thread = start_aside(call)
        if thread is None:
            call()
        else:
            threads.append(thread)
    first()
    for thread in threads:
        thread.join()


def _run(call: Callable[[], object]) -> None:
    try:
        call()
    except Exception:
        # Nobody else hears of it: a fault of ours, as what mirrors do wrong is no exception any more here.
        logger.exception("a visit to a mirror broke off")
    finally:
        connections.close_all()
        _running.release()
