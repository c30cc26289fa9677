"""What the Celery worker does for rotation."""

import time

from celery import shared_task

from . import services


@shared_task
def tick() -> None:
    """Take every step of every port that is due; beat asks for it again and again."""
    services.tick(int(time.time()))
