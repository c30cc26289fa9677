"""What the Celery worker does for discovery.

Visits wait for other people's servers, so they run beside the worker's own threads: however many mirrors hang, the
worker takes its next task at once.
"""

import time
from functools import partial

from celery import shared_task

from . import services


@shared_task
def carry_to_mirror(result_id: int) -> None:
    """Put one publication on one mirror and read it back; harmless when it was done already."""
    services.start_aside(partial(services.carry_one, result_id, int(time.time())))


@shared_task
def watch_mirror(mirror_id: int) -> None:
    """Read one mirror as a reader would; see services.watching."""
    services.start_aside(partial(services.watch, mirror_id, int(time.time())))
