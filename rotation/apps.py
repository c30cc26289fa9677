"""Names the app to Django."""

from django.apps import AppConfig


class RotationConfig(AppConfig):
    """The rotation app."""

    name = "rotation"
