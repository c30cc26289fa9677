"""The operators' limits."""

from django.db import transaction

from chat.models import ConnectionPolicy, News
from chat.services import audit, news


def current_policy() -> ConnectionPolicy:
    """The limits in force; the defaults on a database that has none yet."""
    return ConnectionPolicy.objects.filter(pk=1).first() or ConnectionPolicy()


@transaction.atomic
def change_policy(actor: str, **limits: int) -> None:
    """Set some of the limits; every server process reads them again within a quarter of a second."""
    ConnectionPolicy.objects.update_or_create(pk=1, defaults=limits)
    audit.record("policy_changed", actor=actor, **limits)
    news.tell(News.Kind.POLICY)
