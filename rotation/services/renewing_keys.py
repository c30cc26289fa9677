"""Keys that are renewed because they are old, without anybody's asking."""

from datetime import datetime, timedelta

from django.db import transaction

from chat.models import DiscoverySecret, ServerIdentity
from chat.services import wraps
from chat.services.identity import renew_discovery_secret, successor_row
from chat.services.policy import current_policy
from chat.services.succession import begin_handover
from rotation.wording import counted

from .clock import clock_problems

ACTOR = "schedule"


def renew_old_keys(at: datetime) -> list[str]:
    """Renew what is older than the connection policy allows, and return the names of what was renewed.

    Call it as often as you like; two at once renew nothing twice. While there are signs that a clock is wrong nothing
    is: by one that is a year ahead every key is old, and a handover that it dates lasts until that year is over.
    """
    if clock_problems():
        return []
    policy = current_policy()
    renewed = []
    if policy.discovery_secret_days and _renew_secret(at, policy.discovery_secret_days):
        renewed.append("discovery")
    if policy.identity_days and _hand_over(at, policy.identity_days):
        renewed.append("identity")
    return renewed


@transaction.atomic
def _renew_secret(at: datetime, days: int) -> bool:
    if not DiscoverySecret.objects.filter(current=True, since__lt=at - timedelta(days=days)).exists():
        return False
    row = wraps.lock_secret()
    if row.since >= at - timedelta(days=days):
        return False
    renew_discovery_secret(f"it was {counted(days, 'day')} old", ACTOR)
    return True


@transaction.atomic
def _hand_over(at: datetime, days: int) -> bool:
    if not _old_identity(at, days).exists():
        return False
    wraps.lock_secret()
    if not _old_identity(at, days).exists() or successor_row() is not None:
        return False
    begin_handover(ACTOR)
    return True


def _old_identity(at: datetime, days: int):
    return ServerIdentity.objects.filter(state=ServerIdentity.State.ACTIVE, created_at__lt=at - timedelta(days=days))
