"""Alerts: what an operator should know of, once while it goes on and once when it is over, however often it is seen."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import NamedTuple

from celery import current_app
from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone
from kombu.exceptions import OperationalError

from chat.models import Alert, AlertChannel, AlertTelling
from chat.services.policy import current_policy

logger = logging.getLogger(__name__)

Severity, State, Heard = Alert.Severity, AlertTelling.State, AlertTelling.Heard
# What comes back so soon is the same thing still, and nobody is told again within this time that it goes on.
FLAPS_WITHIN = timedelta(hours=1)
# What is raised whenever it is seen is over when it was not seen for so long.
QUIET_AFTER = {
    "scan": timedelta(minutes=15),
    "flood": timedelta(minutes=5),
    "unusual": timedelta(minutes=5),
    "resources": timedelta(minutes=15),
}
# A crowd is one thing, not a stream of mails: beyond so many open alerts of a kind the others share one.
MOST_ALIKE = 8
# Kinds whose subject may be an address; logs hold none.
ABOUT_ADDRESSES = ("scan", "flood")
COUNTED_EVERY = timedelta(minutes=1)
# Ended alerts stay for so long.
KEPT = timedelta(days=90)
# By its name, because a service does not import a door.
TELL_TASK = "chat.tasks.tell_alerts"
# A task that waited longer is of no use: the next one does the same.
TELL_EXPIRES_SECONDS = 60
_RANK = {Severity.NOTICE: 0, Severity.WARNING: 1, Severity.URGENT: 2}
_LOG_LEVELS = {Severity.NOTICE: logging.INFO, Severity.WARNING: logging.WARNING, Severity.URGENT: logging.ERROR}


class Trouble(NamedTuple):
    """What `raise_alert` wants to be told."""

    severity: str
    text: str
    remedy: str
    facts: Mapping[str, object] = MappingProxyType({})


@transaction.atomic
def raise_alert(kind: str, subject: str, severity: str, text: str, remedy: str, **facts: object) -> Alert:
    """Say that something needs a look. Call it as often as it is seen: it is one row until `close_alert`.

    `kind` is one word of at most 32 characters (scan, flood, unusual, resources, mirror, port, node, certificate,
    audit, key), `subject` what it is about: an address, a device's id in hex, a name; "" for the whole server. `text`
    says what and how much against what is usual, `remedy` the one thing to do, in at most 300 characters each; `facts`
    are the figures behind, as JSON takes them. Nothing in them may be secret: they are mailed.
    """
    now = timezone.now()
    subject = subject[:64]
    said = {"text": text[:300], "remedy": remedy[:300], "facts": facts}
    _wait_for_others(kind, subject)
    return _see_again(kind, subject, severity, said, now) or _open(kind, subject, severity, said, now)


@transaction.atomic
def close_alert(kind: str, subject: str = "") -> bool:
    """Say that it is over; whoever was told is told that too. False when nothing of the kind was open.

    Cheap when nothing is open: call it whenever all is well.
    """
    row = Alert.objects.filter(kind=kind, subject=subject[:64], closed_at=None).first()
    if row is None or not Alert.objects.filter(pk=row.pk, closed_at=None).update(closed_at=timezone.now()):
        return False
    logger.info("over: %s", _for_log(row))
    row.refresh_from_db()
    tell_what_changed(row, timezone.now())
    return True


def close_quiet(now: datetime | None = None) -> int:
    """How many alerts ended because what they are about was not seen again for a while.

    Of those kinds that are raised anew each time something is seen, and of which nobody sees the end.
    """
    now = now or timezone.now()
    quiet = [
        (row.kind, row.subject)
        for kind, while_ in QUIET_AFTER.items()
        for row in Alert.objects.filter(kind=kind, closed_at=None, last_at__lt=now - while_)
    ]
    return sum(close_alert(kind, subject) for kind, subject in quiet)


def raise_one_of_many(kind: str, subject: str, severity: str, text: str, remedy: str, **facts: object) -> Alert:
    """Like `raise_alert`, for what a crowd may do: when many subjects are open, the others share one alert."""
    open_now = open_subjects(kind)
    if subject not in open_now and len(open_now) >= MOST_ALIKE:
        begun = f"The same from many more than {MOST_ALIKE} at once, lately: {text}"
        return raise_alert(kind, "", severity, begun, remedy, **facts)
    return raise_alert(kind, subject, severity, text, remedy, **facts)


def keep(kind: str, troubles: Mapping[str, Trouble]) -> None:
    """Make the open alerts of a kind be exactly these, by subject; for whoever looks at how things stand.

    What goes on is counted again once a minute at most, so look as often as you like.
    """
    known = {row.subject: row for row in Alert.objects.filter(kind=kind, closed_at=None)}
    again_before = timezone.now() - COUNTED_EVERY
    subjects = {subject[:64] for subject in troubles}
    for subject, trouble in troubles.items():
        row = known.get(subject[:64])
        if row is None or _RANK[row.severity] < _RANK[trouble.severity] or row.last_at < again_before:
            raise_alert(kind, subject, trouble.severity, trouble.text, trouble.remedy, **trouble.facts)
    for subject in known.keys() - subjects:
        close_alert(kind, subject)


def open_subjects(kind: str) -> set[str]:
    """What alerts of this kind are open about."""
    return set(Alert.objects.filter(kind=kind, closed_at=None).values_list("subject", flat=True))


def prune_alerts() -> int:
    """How many rows were removed that ended long ago; those about addresses go when addresses have to."""
    ended, days = Alert.objects.exclude(closed_at=None), current_policy().address_retention_days
    going = Q(closed_at__lt=timezone.now() - KEPT)
    if days:
        going |= Q(kind__in=ABOUT_ADDRESSES, closed_at__lt=timezone.now() - timedelta(days=days))
    return ended.filter(going).delete()[1].get("chat.Alert", 0)


def channels_for(severity: str) -> list[AlertChannel]:
    """Where something so urgent is told."""
    return [row for row in AlertChannel.objects.filter(enabled=True) if _RANK[row.least] <= _RANK[severity]]


def _wait_for_others(kind: str, subject: str) -> None:
    """Until this transaction ends nobody else sees the same thing: a row that is not there yet cannot be locked."""
    # SQLite has one transaction at a time that writes.
    if connection.vendor == "postgresql":
        number = int.from_bytes(sha256(f"alert\0{kind}\0{subject}".encode()).digest()[:8], signed=True)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])


def _see_again(kind: str, subject: str, severity: str, said: dict, now: datetime) -> Alert | None:
    """Count it on the row that is open, or that was until a moment ago; None when there is none."""
    # In one question: between two, somebody could close or open it, and it would be in neither answer.
    recent = Q(closed_at=None) | Q(closed_at__gt=now - FLAPS_WITHIN)
    rows = Alert.objects.select_for_update().filter(recent, kind=kind, subject=subject).order_by("-pk")
    row = min(rows, key=lambda row: row.closed_at is not None, default=None)
    if row is None:
        return None
    came_back = row.closed_at is not None
    worst = max(row.severity, severity, key=_RANK.__getitem__)
    is_worse = worst != row.severity
    Alert.objects.filter(pk=row.pk).update(severity=worst, last_at=now, closed_at=None, count=F("count") + 1, **said)
    row.refresh_from_db()
    if is_worse:
        _begin_telling(row, now)
    if came_back:
        tell_what_changed(row, now)
    return row


def _open(kind: str, subject: str, severity: str, said: dict, now: datetime) -> Alert:
    row = Alert.objects.create(kind=kind, subject=subject, severity=severity, opened_at=now, last_at=now, **said)
    logger.log(_LOG_LEVELS[Severity(severity)], "alert: %s", _for_log(row))
    _begin_telling(row, now)
    return row


def _begin_telling(alert: Alert, now: datetime) -> None:
    """One telling for each channel that takes something so urgent and has none yet."""
    rows = [AlertTelling(alert=alert, channel=channel, next_attempt_at=now) for channel in channels_for(alert.severity)]
    if rows:
        AlertTelling.objects.bulk_create(rows, ignore_conflicts=True)
        _tell_soon()


def tell_what_changed(alert: Alert, now: datetime) -> None:
    """What was last told may be true no more: then it is told anew, that it is over at once, that it is back later.

    In the transaction that changed the alert, or that holds its lock.
    """
    news = Heard.OPEN if alert.closed_at is None else Heard.OVER
    tellings = AlertTelling.objects.filter(alert=alert)
    tellings.filter(heard=news).update(state=State.TOLD)
    others = tellings.exclude(heard__in=[Heard.NOTHING, news])
    if news == Heard.OVER:
        others.update(state=State.WAITING, attempts=0, next_attempt_at=now)
        _tell_soon()
    else:
        for telling in others:
            again_at = (telling.heard_at or now) + FLAPS_WITHIN
            others.filter(pk=telling.pk).update(state=State.WAITING, attempts=0, next_attempt_at=again_at)


def _tell_soon() -> None:
    """Once this is committed, have it told; without a queue whoever looks next does."""
    transaction.on_commit(_send_task)


def _send_task() -> None:
    try:
        current_app.send_task(TELL_TASK, retry=False, ignore_result=True, expires=TELL_EXPIRES_SECONDS)
    except (OperationalError, OSError) as error:
        logger.warning("no task queue for alerts: %s", type(error).__name__)


def _for_log(alert: Alert) -> str:
    return f"{alert.kind}; the admin says whose" if alert.kind in ABOUT_ADDRESSES else alert.text
