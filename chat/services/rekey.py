"""New session keys on an operator's word."""

from django.db import transaction

from chat.models import News
from chat.services import audit, news


@transaction.atomic
def ask_everybody(actor: str) -> None:
    """Let every server process ask all its sessions for new keys; clients follow within seconds. Spec: 3.6"""
    audit.record("rekey_asked", actor=actor)
    news.tell(News.Kind.REKEY)
