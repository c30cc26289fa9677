"""Names the app to Django."""

from django.apps import AppConfig


class ChatConfig(AppConfig):
    """The chat app."""

    name = "chat"

    def ready(self) -> None:
        """Register the checks."""
        from chat import checks  # noqa: F401
