"""Alerts and channels in the admin: looked at, seen, learnt anew; filled in, tried, and silent about secrets."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from chat.models import AlertChannel, AuditEvent, Habit
from chat.services.alerts import close_alert, raise_alert
from chat.services.channels import read_secrets, write_secrets
from tests.chat.listening import WebServer, running

pytestmark = pytest.mark.django_db
URL, KEY = "https://hooks.example.org/services/very-secret", "sixteen and more characters"


@pytest.fixture
def alice(admin_client):
    """Alice, who runs the server, signed in."""
    return admin_client


@pytest.fixture
def charlie(client):
    """Charlie, who may look and do nothing."""
    user = User.objects.create_user("charlie", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_alert", "view_alertchannel"]))
    client.force_login(user)
    return client


@pytest.fixture
def web_server() -> Iterator[WebServer]:
    """A web server that takes posts."""
    with running(WebServer()) as server:
        yield server


@pytest.fixture
def channel() -> AlertChannel:
    """A webhook that is filled in."""
    row = AlertChannel.objects.create(name="hook", kind="webhook", options={"host": "hooks.example.org"})
    write_secrets(row, {"url": URL, "key": KEY})
    return row


def act(client, model: str, action: str, *rows) -> str:
    """Choose rows of a list and an action; the page that follows."""
    page = reverse(f"admin:chat_{model}_changelist")
    chosen = {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(page, chosen, follow=True).content.decode()


def edit(client, row: AlertChannel, **fields):
    """Save the page of a channel."""
    form = {"name": row.name, "least": "warning", "enabled": "on", **fields}
    return client.post(reverse("admin:chat_alertchannel_change", args=[row.pk]), form)


def test_alerts_are_there_with_what_to_do(alice) -> None:
    row = raise_alert("flood", "192.0.2.66", "warning", "192.0.2.66 came 2,000 times.", "Ban it.", count=2000)
    raise_alert("scan", "192.0.2.67", "warning", "Scanned.", "")
    close_alert("scan", "192.0.2.67")
    page = reverse("admin:chat_alert_changelist")
    assert "192.0.2.66 came 2,000 times." in alice.get(page).content.decode()
    assert "Ban it." in alice.get(reverse("admin:chat_alert_change", args=[row.pk])).content.decode()
    assert "Scanned." not in alice.get(page, {"closed_at__isempty": "1"}).content.decode()


def test_who_has_seen_an_alert_stands_beside_it(alice) -> None:
    row = raise_alert("flood", "a", "warning", "Much.", "")
    act(alice, "alert", "mark_seen", row)
    row.refresh_from_db()
    assert row.seen_by == "admin"
    assert AuditEvent.objects.get(code="admin_action").subject == f"chat.alert {row.pk}"


def test_what_is_usual_is_learnt_anew_on_one_click(alice) -> None:
    when = datetime.fromisoformat("2026-11-01T00:00:00Z")
    Habit.objects.create(subject="ab", metric="messages", samples=[1], learnt=30, updated_at=when)
    Habit.objects.create(subject="cd", metric="messages", samples=[1], learnt=30, updated_at=when)
    unusual = raise_alert("unusual", "ab", "warning", "Much.", "")
    other = raise_alert("flood", "cd", "warning", "Much.", "")
    act(alice, "alert", "learn_anew", unusual, other)
    assert list(Habit.objects.values_list("subject", flat=True)) == ["cd"]
    assert "Only for alerts of the kind unusual" in act(alice, "alert", "learn_anew", other)


def test_a_webhook_is_added_filled_in_and_says_nothing_of_its_secrets(alice) -> None:
    made = alice.post(reverse("admin:chat_alertchannel_add"), {"name": "hook", "kind": "webhook"})
    row = AlertChannel.objects.get()
    assert made.status_code == 302
    assert made["Location"] == reverse("admin:chat_alertchannel_change", args=[row.pk])
    assert not row.enabled

    assert edit(alice, row, url=URL, key=KEY).status_code == 302

    row.refresh_from_db()
    assert (row.enabled, row.options) == (True, {"host": "hooks.example.org"})
    assert read_secrets(row) == {"url": URL, "key": KEY}
    for page in (made["Location"], reverse("admin:chat_alertchannel_changelist")):
        text = alice.get(page).content.decode()
        assert "hooks.example.org" in text
        assert "very-secret" not in text
        assert KEY not in text
    assert "very-secret" not in str(list(AuditEvent.objects.values()))


def test_what_is_left_empty_stays(alice, channel) -> None:
    edit(alice, channel, url="", key="another key of some length", least="urgent")
    channel.refresh_from_db()
    assert read_secrets(channel) == {"url": URL, "key": "another key of some length"}
    assert channel.least == "urgent"


@pytest.mark.parametrize(
    ("kind", "fields", "wrong"),
    [
        ("webhook", {"url": "http://hooks.example.org/x", "key": KEY}, "url"),
        ("webhook", {"url": URL, "key": "short"}, "key"),
        ("webhook", {"url": URL}, "key"),
        ("slack", {"url": "nonsense"}, "url"),
        ("slack", {}, "url"),
        ("mail", {"to": "nobody"}, "to"),
        ("mail", {"to": "a@example.org, b"}, "to"),
    ],
)
def test_what_could_not_work_is_said_beside_the_field(alice, kind, fields, wrong) -> None:
    row = AlertChannel.objects.create(name="new", kind=kind, enabled=False)
    answer = edit(alice, row, **fields)
    assert answer.status_code == 200
    assert list(answer.context["adminform"].form.errors) == [wrong]
    row.refresh_from_db()
    assert (row.enabled, row.secrets_sealed) == (False, None)


def test_mail_is_filled_in(alice) -> None:
    row = AlertChannel.objects.create(name="mail", kind="mail", enabled=False)
    assert edit(alice, row, to="a@example.org,b@example.org").status_code == 302
    row.refresh_from_db()
    assert row.options == {"to": "a@example.org, b@example.org"}


def test_a_channel_is_tried_out(alice, channel, web_server) -> None:
    write_secrets(channel, {"url": web_server.url, "key": KEY})
    assert "the test was sent" in act(alice, "alertchannel", "try_out", channel)
    assert b'"news": "test"' in web_server.posts[0][1]
    web_server.status = 410
    assert "127.0.0.1 answered 410." in act(alice, "alertchannel", "try_out", channel)


def test_charlie_looks_and_does_nothing(charlie, channel, web_server) -> None:
    row = raise_alert("flood", "a", "warning", "Much.", "")
    write_secrets(channel, {"url": web_server.url, "key": KEY})
    act(charlie, "alert", "mark_seen", row)
    act(charlie, "alertchannel", "try_out", channel)
    assert edit(charlie, channel, url="", key="").status_code == 403
    assert charlie.post(reverse("admin:chat_alertchannel_add"), {"name": "x", "kind": "mail"}).status_code == 403
    row.refresh_from_db()
    assert (row.seen_by, web_server.posts) == ("", [])
