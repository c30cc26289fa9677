"""Names the app to Django."""

from django.apps import AppConfig


class DiscoveryConfig(AppConfig):
    """The discovery app."""

    name = "discovery"
