"""Names the app to Django and registers its checks."""

from django.apps import AppConfig


class RotationConfig(AppConfig):
    """The rotation app."""

    name = "rotation"

    def ready(self) -> None:
        """Register the system checks."""
        from . import checks  # noqa: F401  (the import registers them)
