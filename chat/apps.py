"""Names the app to Django."""

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class ChatConfig(AppConfig):
    """The chat app."""

    name = "chat"

    def ready(self) -> None:
        """Register the checks, listen to the admin, and have the roles written once every app has its permissions."""
        from chat import checks  # noqa: F401
        from chat.services import operators

        operators.listen()
        last = list(apps.get_app_configs())[-1]
        post_migrate.connect(_write_roles, sender=last, dispatch_uid="chat.roles")


def _write_roles(**_: object) -> None:
    from chat.services.roles import write_roles

    write_roles()
