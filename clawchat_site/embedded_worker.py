"""The Celery child of the embedded default: `python -m clawchat_site.embedded_worker THREADS`.

It is the worker of `celery worker -B -P threads`, at half the memory: beat is a thread of it where Celery would fork a
whole second process to look at a clock, and neither Celery's command line nor the pages of the admin are loaded.
"""

import sys
from typing import Any

from celery import bootsteps
from celery.beat import EmbeddedService
from celery.worker import WorkController
from django.contrib import admin

from . import celery_app


class BeatThread(bootsteps.StartStopStep):
    """Beat, started and stopped with the worker."""

    label = "Beat thread"
    requires = ("celery.worker.components:Pool",)

    def create(self, parent: WorkController) -> Any:
        """The thread."""
        return EmbeddedService(
            parent.app, thread=True, schedule_filename=parent.schedule_filename, scheduler_cls=parent.scheduler
        )


def main(threads: int) -> int:
    """Work until told to end; the exit status."""
    # Django would look for them in each app, and nobody opens a page here.
    admin.autodiscover = lambda: None
    celery_app.steps["worker"].add(BeatThread)
    worker = celery_app.Worker(
        pool="threads",
        concurrency=threads,
        loglevel="WARNING",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    worker.start()
    return worker.exitcode or 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
