"""Habits: what devices and the server usually do in a minute, learnt from minutes that were usual."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from chat.counting import DeviceMinute
from chat.detection import (
    DEVICE_METRICS,
    SERVER_METRICS,
    Base,
    Explained,
    Finding,
    device_sentence,
    judge,
    server_sentence,
    worst,
)
from chat.models import Alert, Habit, Tally
from chat.services.alerts import raise_alert
from chat.services.policy import current_policy

KIND = "unusual"
SERVER = ""
# Written at once: on SQLite nobody else writes meanwhile.
DEVICES_AT_ONCE = 25
# Habits of devices that have done nothing for so long are forgotten.
KEPT = timedelta(days=90)
Counts = Mapping[str, Mapping[str, int]]


def judge_devices(at: datetime, devices: Mapping[bytes, DeviceMinute]) -> int:
    """Learn what each device did in the minute that began at `at`; how many did something unusual: alerts say so."""
    counts = {
        device_id.hex(): {name: value for name in DEVICE_METRICS if (value := getattr(did, name))}
        for device_id, did in devices.items()
    }
    subjects, unusual = sorted(counts), 0
    for first in range(0, len(subjects), DEVICES_AT_ONCE):
        some = {subject: counts[subject] for subject in subjects[first : first + DEVICES_AT_ONCE]}
        found = _learn(at, some, DEVICE_METRICS)
        for subject, findings in found.items():
            finding = worst(findings)
            _raise(subject, finding, findings, device_sentence(subject[:8], finding))
        unusual += len(found)
    return unusual


def judge_server(at: datetime) -> bool:
    """Learn what all processes together did in the minute that began at `at`; True when that was unusual.

    An alert says so. Only when the tallies of that minute are complete; whoever comes second does nothing.
    """
    rows = Tally.objects.filter(minute=at, minutes=1)
    sums = rows.aggregate(messages=Sum("messages"), bytes=Sum("bytes_in"), handshakes=Sum("handshakes"))
    counts = {name: value or 0 for name, value in sums.items()}
    turned_away = sum(sum(refused.values()) for refused in rows.values_list("refused", flat=True))
    counts["connections"] = counts["handshakes"] + turned_away
    counts = {name: value for name, value in counts.items() if value}
    findings = _learn(at, {SERVER: counts}, SERVER_METRICS).get(SERVER)
    if not findings:
        return False
    finding = worst(findings)
    _raise(SERVER, finding, findings, server_sentence(finding))
    return True


@transaction.atomic
def forget(subject: str) -> int:
    """How many habits of a device, or of the server (""), were forgotten: what is usual is learnt anew."""
    return Habit.objects.filter(subject=subject).delete()[0]


def prune_habits() -> int:
    """How many habits of devices that are long quiet were removed."""
    return Habit.objects.filter(updated_at__lt=timezone.now() - KEPT).delete()[0]


def _learn(at: datetime, counts: Counts, leasts: Mapping[str, int]) -> dict[str, list[Finding]]:
    """By subject, what was unusual. What was usual is learnt, unless this minute was learnt from already.

    Nothing is locked meanwhile: two processes that judge the server at once write the same.
    """
    spreads = current_policy().alert_spreads
    habits = {(row.subject, row.metric): row for row in Habit.objects.filter(subject__in=counts)}
    found: dict[str, list[Finding]] = {}
    learnt = []
    for (subject, metric), count in _flat(counts):
        habit = habits.get((subject, metric))
        base = Base(habit.samples, habit.learnt) if habit else Base()
        # Another process may have been first: with this minute, or with the other session of a device that moves.
        is_second = habit is not None and habit.updated_at >= at
        finding = None if is_second and subject == SERVER else judge(metric, count, base, spreads, leasts[metric])
        if finding:
            found.setdefault(subject, []).append(finding)
        if not is_second:
            # What is unusual is not learnt, but that there was such a minute is written down.
            base = base if finding else base.learn(count)
            facts = {"samples": [*base.samples], "learnt": base.learnt, "updated_at": at}
            learnt.append(Habit(subject=subject, metric=metric, **facts))
    Habit.objects.bulk_create(
        learnt,
        update_conflicts=True,
        unique_fields=["subject", "metric"],
        update_fields=["samples", "learnt", "updated_at"],
    )
    return found


def _flat(counts: Counts) -> list[tuple[tuple[str, str], int]]:
    return [((subject, metric), count) for subject, did in counts.items() for metric, count in did.items()]


def _raise(subject: str, finding: Finding, findings: Sequence[Finding], said: Explained) -> None:
    figures = {each.metric: [each.count, each.low, each.high] for each in findings}
    raise_alert(
        KIND, subject, Alert.Severity.WARNING, said.text, said.remedy, times=round(finding.excess, 1), **figures
    )
