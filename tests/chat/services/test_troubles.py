"""Keys that are too old, an audit chain that does not hold: told, and over when they are."""

from datetime import timedelta

import pytest
from django.utils import timezone

from chat.models import Alert, AuditEvent, DiscoverySecret, ServerIdentity
from chat.services import audit, troubles
from chat.services.alerts import Trouble, keep
from chat.services.policy import change_policy

pytestmark = pytest.mark.django_db


def opened(kind: str) -> dict[str, Alert]:
    """What is open of a kind, by its subject."""
    return {row.subject: row for row in Alert.objects.filter(kind=kind, closed_at=None)}


def test_keys_are_told_of_when_nobody_changed_them_in_time(server) -> None:
    troubles.look()
    assert opened("key") == {}
    DiscoverySecret.objects.update(since=timezone.now() - timedelta(days=33))
    ServerIdentity.objects.update(created_at=timezone.now() - timedelta(days=400))
    troubles.look()
    found = opened("key")
    assert set(found) == {"discovery secret", "identity"}
    assert found["discovery secret"].text == "The discovery secret is 33 days old; every 30 days it should be another."
    DiscoverySecret.objects.update(since=timezone.now())
    change_policy("admin", identity_days=0)
    troubles.look()
    assert opened("key") == {}


def test_an_audit_chain_that_does_not_hold_is_urgent(server) -> None:
    for number in range(5):
        audit.record("something", count=number)
    audit.seal_batch()
    assert troubles.check_audit()
    AuditEvent.objects.filter(number=3).update(code="nothing")
    assert not troubles.check_audit()
    row = opened("audit")[""]
    assert (row.severity, row.facts) == ("urgent", {"number": 3})
    assert "3" in row.text
    AuditEvent.objects.filter(number=3).update(code="something")
    assert troubles.check_audit()
    assert opened("audit") == {}


def test_what_is_looked_at_again_and_again_is_counted_once_a_minute(django_assert_num_queries) -> None:
    wrong = {"a": Trouble("warning", "A is down.", "Mend it."), "b": Trouble("warning", "B is down.", "Mend it.")}
    keep("mirror", wrong)
    with django_assert_num_queries(1):
        keep("mirror", wrong)
    Alert.objects.update(last_at=timezone.now() - timedelta(minutes=2))
    keep("mirror", {"a": Trouble("urgent", "A lies.", "Turn it off.")})
    (row,) = opened("mirror").values()
    assert (row.subject, row.count, row.text, row.severity) == ("a", 2, "A lies.", "urgent")
