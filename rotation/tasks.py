"""What the Celery worker does for rotation."""

import time

from celery import shared_task
from django.utils import timezone

from . import services
from .services.renewing_keys import renew_old_keys


@shared_task
def tick() -> None:
    """Take every step of every port that is due; beat asks for it again and again."""
    services.tick(int(time.time()))


@shared_task
def renew_keys() -> None:
    """Renew what is older than the connection policy allows; beat asks for it every hour."""
    renew_old_keys(timezone.now())
