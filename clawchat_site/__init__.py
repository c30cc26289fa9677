"""The wiring: settings, the two applications, the URLs, Celery."""
