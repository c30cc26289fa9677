"""Keys that are renewed by their age, as the connection policy says."""

from datetime import timedelta

import pytest
from django.utils import timezone

from chat.models import AuditEvent, DiscoverySecret, ServerIdentity
from chat.services import wraps
from chat.services.identity import current_kid, ensure_server, successor_row
from chat.services.policy import change_policy
from rotation.models import Node
from rotation.services.renewing_keys import renew_old_keys
from rotation.tasks import renew_keys


@pytest.fixture
def server(db):
    """A server whose keys are a year and a day old."""
    ensure_server()
    age = timezone.now() - timedelta(days=366)
    DiscoverySecret.objects.update(since=age)
    ServerIdentity.objects.update(created_at=age)


def test_what_is_too_old_is_renewed_once(server):
    """The secret at once, the identity by a handover; the next look finds nothing to do."""
    kid = current_kid()

    assert renew_old_keys(timezone.now()) == ["discovery", "identity"]
    assert renew_old_keys(timezone.now()) == []

    assert current_kid() != kid and successor_row() is not None
    assert AuditEvent.objects.get(code="discovery_secret_renewed").actor == "schedule"
    assert AuditEvent.objects.get(code="handover_begun").actor == "schedule"


def test_what_another_process_has_just_renewed_is_not_renewed_again(server, monkeypatch):
    """Both have seen that it is old; the second one waits for the first, and looks again."""
    lock = wraps.lock_secret

    def lock_late():
        monkeypatch.setattr(wraps, "lock_secret", lock)
        assert renew_old_keys(timezone.now()) == ["discovery", "identity"]
        return lock()

    monkeypatch.setattr(wraps, "lock_secret", lock_late)

    assert renew_old_keys(timezone.now()) == []
    assert (DiscoverySecret.objects.count(), ServerIdentity.objects.count()) == (2, 2)


def test_zero_days_renew_nothing(server):
    """The operator does it by hand."""
    change_policy("olga", discovery_secret_days=0, identity_days=0)

    assert renew_old_keys(timezone.now()) == []


def test_a_clock_that_is_wrong_renews_nothing(server):
    """By one that was set a year ahead every key is old."""
    now = timezone.now()
    node = Node.objects.create(name="alpha", host="h", started_at=now, seen_at=now, clock_jump=366 * 86_400)
    assert renew_old_keys(now) == []

    Node.objects.filter(pk=node.pk).update(clock_jump=0)
    assert renew_old_keys(now) == ["discovery", "identity"]


def test_each_has_its_own_age(server):
    """Only the identity is allowed to be older."""
    change_policy("olga", identity_days=400)
    renew_keys()

    assert successor_row() is None
    assert DiscoverySecret.objects.count() == 2
