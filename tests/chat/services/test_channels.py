"""Channels: a mail, a signed post, a line for Slack, against servers that are there; and what happens when none is."""

import email
import email.policy
import hmac
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256

import pytest
from django.utils import timezone

from chat.models import Alert, AlertChannel, AlertTelling
from chat.services import channels
from chat.services.alerts import close_alert, raise_alert
from chat.services.channels import CannotTell, send_test, tell_channel, tell_due, write_secrets
from chat.telling import Message, Post, post, send_mail
from tests.chat.listening import MailServer, WebServer, running

pytestmark = pytest.mark.django_db
Kind, State, Heard = AlertChannel.Kind, AlertTelling.State, AlertTelling.Heard
KEY = "a key that both know"


@pytest.fixture
def mail_server(settings) -> Iterator[MailServer]:
    """A mail server, and settings that name it."""
    with running(MailServer()) as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.DEFAULT_FROM_EMAIL = "clawchat@example.org"
        yield server


@pytest.fixture
def web_server() -> Iterator[WebServer]:
    """A web server that takes posts."""
    with running(WebServer()) as server:
        yield server


@pytest.fixture
def by_mail(mail_server) -> AlertChannel:
    """A channel of mail."""
    return AlertChannel.objects.create(name="mail", kind=Kind.MAIL, options={"to": "ops@example.org, b@example.org"})


@pytest.fixture
def by_webhook(web_server) -> AlertChannel:
    """A webhook."""
    row = AlertChannel.objects.create(name="hook", kind=Kind.WEBHOOK)
    write_secrets(row, {"url": web_server.url, "key": KEY})
    return row


@pytest.fixture
def by_slack(web_server) -> AlertChannel:
    """A channel of Slack."""
    row = AlertChannel.objects.create(name="slack", kind=Kind.SLACK)
    write_secrets(row, {"url": web_server.url})
    return row


def flood() -> Alert:
    """Something to tell."""
    return raise_alert("flood", "192.0.2.1", "warning", "2,000 <came>\r\nBcc: eve@example.org", "Ban it.", count=2000)


def later(by: timedelta = timedelta(hours=2)) -> None:
    """Let every wait be over."""
    AlertTelling.objects.update(next_attempt_at=timezone.now() - by)


def test_a_mail_says_what_since_when_and_what_to_do(by_mail, mail_server) -> None:
    flood()
    assert tell_channel(by_mail.pk) == 1
    mail = email.message_from_string(mail_server.mails[0], policy=email.policy.default)
    assert mail_server.recipients == ["ops@example.org", "b@example.org"]
    assert (mail["From"], mail["Auto-Submitted"], mail["Bcc"]) == ("clawchat@example.org", "auto-generated", None)
    assert mail["Subject"] == "[ClawChat] 2,000 <came> Bcc: eve@example.org"
    assert "What to do: Ban it." in mail.get_content()
    assert "/admin/chat/alert/" in mail.get_content()


def test_a_message_leads_to_where_the_admin_answers(settings) -> None:
    """Under the app's name it does not."""
    settings.CLAWCHAT_ADMIN_URL = "https://admin.example.org:8443/admin/"
    alert = flood()
    assert Message(alert, "open").page == f"https://admin.example.org:8443/admin/chat/alert/{alert.pk}/change/"
    settings.CLAWCHAT_ADMIN_URL = ""
    assert Message(alert, "open").page == ""


def test_each_channel_hears_once_that_it_goes_on_and_once_that_it_is_over(by_mail, mail_server) -> None:
    for _ in range(3):
        flood()
        tell_channel(by_mail.pk)
    close_alert("flood", "192.0.2.1")
    tell_channel(by_mail.pk)
    tell_channel(by_mail.pk)
    assert len(mail_server.mails) == 2
    assert "Over: 2,000" in mail_server.mails[1]
    assert AlertTelling.objects.get().heard == Heard.OVER


def test_a_post_is_signed_so_that_who_gets_it_can_tell(by_webhook, web_server) -> None:
    flood()
    tell_channel(by_webhook.pk)
    headers, body = web_server.posts[0]
    mine = hmac.new(KEY.encode(), headers["ClawChat-Time"].encode() + b"." + body, sha256).hexdigest()
    assert headers["ClawChat-Signature"] == f"sha256={mine}"
    assert abs(int(headers["ClawChat-Time"]) - time.time()) < 60
    said = json.loads(body)
    assert (said["news"], said["kind"], said["subject"], said["facts"]) == (
        "open",
        "flood",
        "192.0.2.1",
        {"count": 2000},
    )


def test_slack_gets_text_without_markup(by_slack, web_server) -> None:
    flood()
    tell_channel(by_slack.pk)
    headers, body = web_server.posts[0]
    assert "2,000 &lt;came&gt;" in json.loads(body)["text"]
    assert "ClawChat-Signature" not in headers


def test_what_does_not_get_through_is_tried_again_later_and_later(by_webhook, web_server, caplog) -> None:
    web_server.status = 503
    flood()
    assert tell_channel(by_webhook.pk) == 0
    telling = AlertTelling.objects.get()
    assert (telling.state, telling.attempts, telling.detail) == (State.FAILED, 1, "127.0.0.1 answered 503.")
    assert timedelta(seconds=5) < telling.next_attempt_at - timezone.now() <= timedelta(seconds=10)
    assert tell_channel(by_webhook.pk) == 0
    assert len(web_server.posts) == 1
    later()
    tell_channel(by_webhook.pk)
    waits = AlertTelling.objects.get().next_attempt_at - timezone.now()
    assert timedelta(seconds=15) < waits <= timedelta(seconds=20)
    assert caplog.text.count("answered 503") == 1
    web_server.status = 204
    later()
    assert tell_channel(by_webhook.pk) == 1
    by_webhook.refresh_from_db()
    assert (by_webhook.last_error, by_webhook.told_at is not None) == ("", True)
    assert "very-secret" not in caplog.text + str(AlertTelling.objects.values())


def test_after_many_attempts_it_is_given_up_and_the_next_alert_is_told(by_webhook, web_server) -> None:
    web_server.status = 500
    flood()
    for _ in range(channels.MOST_ATTEMPTS):
        later()
        tell_channel(by_webhook.pk)
    assert AlertTelling.objects.get().state == State.GIVEN_UP
    later()
    tell_channel(by_webhook.pk)
    assert len(web_server.posts) == channels.MOST_ATTEMPTS


def test_no_redirect_is_followed(by_webhook, web_server) -> None:
    web_server.status = 307
    with pytest.raises(CannotTell, match="answered 307"):
        send_test(by_webhook)
    assert len(web_server.posts) == 1


def test_one_that_falls_silent_ends_in_time(web_server) -> None:
    web_server.wait.clear()
    began = time.monotonic()
    with pytest.raises(CannotTell, match="took too long"):
        post(Post(web_server.url, b"{}"), seconds=0.3)
    assert time.monotonic() - began < 5
    web_server.wait.set()


def test_a_mail_server_that_falls_silent_ends_in_time(mail_server) -> None:
    mail_server.silent = True
    began = time.monotonic()
    with pytest.raises(CannotTell, match="took too long"):
        send_mail(Message(flood(), "test"), ["ops@example.org"], seconds=0.3)
    assert time.monotonic() - began < 5


def test_what_a_mail_server_refuses_is_said_in_our_words(by_mail, mail_server) -> None:
    mail_server.refuses = "550 no such user as ops"
    with pytest.raises(CannotTell, match="takes nothing for these addresses"):
        send_test(by_mail)


def test_a_slow_channel_holds_up_no_other(by_webhook, by_mail, mail_server, web_server, transactional_db) -> None:
    web_server.wait.clear()
    flood()
    threads = tell_due()
    assert len(threads) == 2
    deadline = time.monotonic() + 10
    while not mail_server.mails and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(mail_server.mails) == 1
    # While it is being told, nobody tells it beside.
    assert tell_due() == []
    web_server.wait.set()
    for thread in threads:
        thread.join(10)
    assert len(web_server.posts) == 1
    assert not AlertTelling.objects.exclude(state=State.TOLD).exists()


def test_two_workers_tell_once(by_webhook, web_server) -> None:
    flood()
    first, second = (AlertTelling.objects.select_related("alert", "channel").get() for _ in range(2))
    assert channels._claim(first)
    assert not channels._claim(second)
    assert tell_channel(by_webhook.pk) == 0
    assert web_server.posts == []


def test_what_is_over_while_it_is_told_is_told_too(by_webhook, web_server, monkeypatch) -> None:
    flood()
    say = channels._say
    monkeypatch.setattr(channels, "_say", lambda *args: (say(*args), close_alert("flood", "192.0.2.1")))
    tell_channel(by_webhook.pk)
    monkeypatch.undo()
    tell_channel(by_webhook.pk)
    assert [json.loads(body)["news"] for _, body in web_server.posts] == ["open", "over"]


def test_secrets_are_sealed_in_their_own_row(by_webhook, by_slack) -> None:
    assert KEY.encode() not in bytes(by_webhook.secrets_sealed)
    AlertChannel.objects.filter(pk=by_slack.pk).update(secrets_sealed=by_webhook.secrets_sealed)
    by_slack.refresh_from_db()
    with pytest.raises(CannotTell, match="enter it again"):
        send_test(by_slack)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "file:///etc/passwd", "x", "http://[", "https://", ""])
def test_alerts_go_to_web_addresses_only(url) -> None:
    with pytest.raises(CannotTell, match="no web address"):
        post(Post(url, b"{}"))


@pytest.mark.parametrize("url", ["http://example.org/x", "http://192.0.2.1/x", "http://localhost.example.org/"])
def test_alerts_leave_this_machine_encrypted_only(url) -> None:
    with pytest.raises(CannotTell, match="write https"):
        post(Post(url, b"{}"))


def test_a_channel_that_is_off_is_left_alone(by_webhook, web_server) -> None:
    flood()
    AlertChannel.objects.update(enabled=False)
    assert tell_channel(by_webhook.pk) == 0
    assert tell_due() == []
