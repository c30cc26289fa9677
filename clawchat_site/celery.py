"""The Celery application; tasks are found in each app's `tasks.py`."""

import os

from celery import Celery

from . import file_broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clawchat_site.settings")

file_broker.use()
app = Celery("clawchat_site")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
