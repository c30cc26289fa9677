"""The operators' limits."""

from django.db import transaction

from chat.models import ConnectionPolicy, News
from chat.services import audit, news


def current_policy() -> ConnectionPolicy:
    """The limits in force; the defaults on a database that has none yet."""
    return ConnectionPolicy.objects.filter(pk=1).first() or ConnectionPolicy()


@transaction.atomic
def change_policy(policy: ConnectionPolicy, actor: str) -> None:
    """Save changed limits; every server process reads them again within a quarter of a second."""
    policy.save()
    limits = {field.name: getattr(policy, field.name) for field in policy._meta.fields if field.name != "id"}
    audit.record("policy_changed", actor=actor, **limits)
    news.tell(News.Kind.POLICY)
