"""Alerts: one row while it goes on, told once, over when over."""

from datetime import timedelta

import pytest
from django.utils import timezone

from chat.models import Alert, AlertChannel, AlertTelling
from chat.services.alerts import (
    KEPT,
    MOST_ALIKE,
    close_alert,
    close_quiet,
    open_subjects,
    prune_alerts,
    raise_alert,
    raise_one_of_many,
)

pytestmark = pytest.mark.django_db
Severity, State, Heard = Alert.Severity, AlertTelling.State, AlertTelling.Heard


def flood(severity: str = Severity.WARNING, subject: str = "192.0.2.1", **facts) -> Alert:
    """Something that happens again and again."""
    return raise_alert("flood", subject, severity, "Much comes from 192.0.2.1.", "Ban it.", **facts)


def channel(name: str = "ops", **facts) -> AlertChannel:
    """Where it is told."""
    return AlertChannel.objects.create(name=name, kind=AlertChannel.Kind.WEBHOOK, **facts)


def heard(news: Heard, ago: timedelta = timedelta(0)) -> None:
    """Let every channel have been told this."""
    AlertTelling.objects.update(state=State.TOLD, heard=news, heard_at=timezone.now() - ago)


def due() -> list[AlertTelling]:
    """What is to be told now."""
    return list(AlertTelling.objects.filter(state=State.WAITING, next_attempt_at__lte=timezone.now()))


def test_what_goes_on_is_one_row_with_the_newest_figures() -> None:
    for count in (10, 20, 30):
        flood(count=count)
    row = Alert.objects.get()
    assert (row.count, row.facts, row.closed_at) == (3, {"count": 30}, None)
    assert row.opened_at < row.last_at
    assert open_subjects("flood") == {"192.0.2.1"}


def test_another_subject_or_kind_is_another_row() -> None:
    flood()
    flood(subject="192.0.2.2")
    raise_alert("scan", "192.0.2.1", Severity.WARNING, "A scan.", "")
    assert Alert.objects.count() == 3


def test_a_channel_is_told_once_that_it_goes_on_and_once_that_it_is_over() -> None:
    channel()
    for _ in range(5):
        flood()
    assert len(due()) == 1
    heard(Heard.OPEN)
    flood()
    assert due() == []
    assert close_alert("flood", "192.0.2.1")
    assert len(due()) == 1
    heard(Heard.OVER)
    assert not close_alert("flood", "192.0.2.1")
    assert due() == []


def test_what_comes_back_soon_is_the_same_alert_and_is_told_again_after_an_hour_at_most() -> None:
    channel()
    first = flood()
    close_alert("flood", "192.0.2.1")
    heard(Heard.OVER)
    assert flood() == first
    again = AlertTelling.objects.get()
    assert again.state == State.WAITING
    assert timedelta(minutes=59) < again.next_attempt_at - timezone.now() <= timedelta(hours=1)
    # Over once more before anybody was told that it is back: what he knows is true.
    close_alert("flood", "192.0.2.1")
    assert AlertTelling.objects.get().state == State.TOLD


def test_what_is_back_before_over_was_told_is_told_neither_way() -> None:
    channel()
    flood()
    heard(Heard.OPEN)
    close_alert("flood", "192.0.2.1")
    flood()
    assert AlertTelling.objects.get().state == State.TOLD
    assert Alert.objects.get().closed_at is None


def test_what_comes_back_after_an_hour_is_another_alert() -> None:
    first = flood()
    close_alert("flood", "192.0.2.1")
    Alert.objects.update(closed_at=timezone.now() - timedelta(minutes=61))
    assert flood() != first


def test_a_channel_hears_only_what_is_urgent_enough_and_of_what_becomes_so() -> None:
    calm, all_of_it, off = channel("calm", least=Severity.URGENT), channel("all", least=Severity.NOTICE), channel("off")
    AlertChannel.objects.filter(pk=off.pk).update(enabled=False)
    flood(Severity.WARNING)
    assert [telling.channel for telling in due()] == [all_of_it]
    heard(Heard.OPEN)
    flood(Severity.URGENT)
    assert [telling.channel for telling in due()] == [calm]
    flood(Severity.NOTICE)
    assert Alert.objects.get().severity == Severity.URGENT


def test_long_texts_are_cut() -> None:
    row = raise_alert("mirror", "m" * 100, Severity.WARNING, "x" * 400, "y" * 400)
    assert (len(row.subject), len(row.text), len(row.remedy)) == (64, 300, 300)
    assert close_alert("mirror", "m" * 100)


def test_ended_alerts_leave_after_their_time_and_open_ones_stay() -> None:
    flood()
    flood(subject="old")
    flood(subject="recent")
    close_alert("flood", "old")
    close_alert("flood", "recent")
    Alert.objects.filter(subject="old").update(closed_at=timezone.now() - KEPT - timedelta(days=1))
    assert prune_alerts() == 1
    assert set(Alert.objects.values_list("subject", flat=True)) == {"192.0.2.1", "recent"}


def test_what_is_not_seen_again_is_over() -> None:
    flood()
    flood(subject="again")
    raise_alert("mirror", "m", Severity.WARNING, "Down.", "")
    Alert.objects.exclude(subject="again").update(last_at=timezone.now() - timedelta(minutes=6))
    assert close_quiet() == 1
    assert set(Alert.objects.filter(closed_at=None).values_list("subject", flat=True)) == {"again", "m"}


def test_a_crowd_is_one_alert_more_and_not_a_stream() -> None:
    for number in range(50):
        raise_one_of_many("scan", f"192.0.2.{number}", Severity.WARNING, f"192.0.2.{number} knocked.", "")
    raise_one_of_many("scan", "192.0.2.3", Severity.WARNING, "Again.", "")
    assert Alert.objects.count() == MOST_ALIKE + 1
    rest = Alert.objects.get(subject="")
    assert (rest.count, Alert.objects.get(subject="192.0.2.3").count) == (50 - MOST_ALIKE, 2)
    assert "192.0.2.49 knocked." in rest.text


def test_alerts_about_addresses_go_when_addresses_have_to(caplog) -> None:
    """The log never had the address."""
    flood()
    raise_alert("mirror", "m", Severity.WARNING, "Down.", "")
    close_alert("flood", "192.0.2.1")
    close_alert("mirror", "m")
    Alert.objects.update(closed_at=timezone.now() - timedelta(days=31))
    assert prune_alerts() == 1
    assert Alert.objects.get().kind == "mirror"
    assert "192.0.2.1" not in caplog.text
