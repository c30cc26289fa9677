"""What the Celery worker does for chat."""

from celery import shared_task

from chat.services import channels, troubles


@shared_task
def tell_alerts() -> None:
    """Tell the channels what is due; beside the worker's threads, because it waits for other people's servers."""
    channels.tell_due()


@shared_task
def check_audit() -> None:
    """Walk the audit chain; what does not hold is an alert."""
    troubles.check_audit()
