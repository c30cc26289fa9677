"""Names the app to Django and registers its checks."""

from django.apps import AppConfig


class DiscoveryConfig(AppConfig):
    """The discovery app."""

    name = "discovery"

    def ready(self) -> None:
        """Register the system checks."""
        from . import checks  # noqa: F401  (the import registers them; models can be imported only now)
