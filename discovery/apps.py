"""Names the app to Django, registers its checks, and has invites name its mirrors."""

from django.apps import AppConfig


class DiscoveryConfig(AppConfig):
    """The discovery app."""

    name = "discovery"

    def ready(self) -> None:
        """Register the system checks and the mirrors' places."""
        # Models can be imported only now; the import of the checks registers them.
        from chat.services.places import add_source

        from . import checks  # noqa: F401
        from .services import public_locations

        add_source(public_locations)
