"""Troubles that rows show: keys that are older than they should be, and an audit chain that does not hold."""

from datetime import timedelta

from django.utils import timezone

from chat.models import Alert, DiscoverySecret, ServerIdentity
from chat.services.alerts import Trouble, close_alert, keep, raise_alert
from chat.services.audit_chain import walk
from chat.services.audit_rows import BrokenLink
from chat.services.policy import current_policy

# By so much a key may be late: nobody changes it while no server runs.
LATE_AFTER = timedelta(days=2)
State = ServerIdentity.State


def look() -> None:
    """Raise and close the alerts about keys."""
    keep("key", _old_keys())


def check_audit() -> bool:
    """Walk the audit chain, which takes a while; False, and an alert, when it does not hold."""
    try:
        walk()
    except BrokenLink as broken:
        remedy = "Keep a copy of the database as it is, then run verifyaudit: somebody has written into the audit log."
        raise_alert("audit", "", Alert.Severity.URGENT, str(broken), remedy, number=broken.number)
        return False
    close_alert("audit")
    return True


def _old_keys() -> dict[str, Trouble]:
    policy, now = current_policy(), timezone.now()
    secret = DiscoverySecret.objects.filter(current=True).first()
    identity = ServerIdentity.objects.filter(state__in=[State.ACTIVE, State.SUCCESSOR]).order_by("-created_at").first()
    found = {}
    for name, option, since, days in (
        ("discovery secret", "--discovery", secret and secret.since, policy.discovery_secret_days),
        ("identity", "--identity", identity and identity.created_at, policy.identity_days),
    ):
        if since and days and now - since > timedelta(days=days) + LATE_AFTER:
            age = (now - since).days
            text = f"The {name} is {age} days old; every {days} days it should be another."
            remedy = f"Run manage.py rotate_keys {option}; nobody has to do anything else."
            found[name] = Trouble(Alert.Severity.WARNING, text, remedy, {"days": age})
    return found
