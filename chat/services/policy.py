"""The operators' limits."""

from django.db import transaction

from chat.models import ConnectionPolicy, News
from chat.services import audit, news
from clawchat.protocol.parameters import KeyLimits


def current_policy() -> ConnectionPolicy:
    """The limits in force; the defaults on a database that has none yet."""
    return ConnectionPolicy.objects.filter(pk=1).first() or ConnectionPolicy()


def key_limits(policy: ConnectionPolicy) -> tuple[KeyLimits, KeyLimits]:
    """The soft and the hard limits of a session's keys, as they are announced.

    A soft limit is at most half the hard one, whatever the row says: a rekey needs time before the keys end.
    """
    hard = KeyLimits(policy.keys_end_after_seconds, policy.keys_end_after_bytes, policy.keys_end_after_frames)
    soft = KeyLimits(policy.rekey_after_seconds, policy.rekey_after_bytes, policy.rekey_after_frames)
    return soft.at_most(KeyLimits(hard.seconds // 2, hard.volume_bytes // 2, hard.frames // 2)), hard


@transaction.atomic
def change_policy(actor: str, **limits: int) -> None:
    """Set some of the limits; every server process reads them again within a quarter of a second."""
    ConnectionPolicy.objects.update_or_create(pk=1, defaults=limits)
    audit.record("policy_changed", actor=actor, **limits)
    news.tell(News.Kind.POLICY)
