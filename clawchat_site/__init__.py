"""The wiring: settings, the two applications, the URLs, Celery."""

# Whoever sends a task finds the application by this import, in every process that reads the settings.
from .celery import app as celery_app

__all__ = ["celery_app"]
