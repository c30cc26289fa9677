"""Tally rows: what each server process did and used, written each minute, later drawn together into hours."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from chat.counting import Minute
from chat.models import Tally
from chat.usage import Usage

MINUTES_KEPT = timedelta(days=2)
KEPT = timedelta(days=90)
HOUR = timedelta(hours=1)
HOUR_MINUTES = 60

SUMS = ("messages", "deliveries", "bytes_in", "bytes_out", "handshakes", "scans")
MOSTS = ("people", "sessions", "delay_p99_ms", "memory_bytes", "disk_total_bytes")
MEANS = ("delay_median_ms", "cpu_percent", "machine_cpu_percent", "machine_memory_percent")
COUNTED = ("people", "sessions", *SUMS)
WRITTEN = (*COUNTED, "refused", "delay_median_ms", "delay_p99_ms", *Usage.__dataclass_fields__, "node")


def write_minute(node: str, process: str, minute: Minute, usage: Usage) -> None:
    """Write one minute of one process, or what there is of it so far; a second time replaces the first."""
    row = Tally(
        node=node,
        process=process,
        minute=datetime.fromtimestamp(minute.begin, UTC),
        refused=minute.refused,
        delay_median_ms=_milliseconds(minute.delays.quantile(0.5)),
        delay_p99_ms=_milliseconds(minute.delays.quantile(0.99)),
        **{name: getattr(minute, name) for name in COUNTED},
        **asdict(usage),
    )
    Tally.objects.bulk_create(
        [row], update_conflicts=True, unique_fields=["process", "minute"], update_fields=[*WRITTEN]
    )


def thin_out(now: datetime | None = None) -> int:
    """How many rows are less: minutes older than two days become one row an hour, and what is 90 days old goes.

    An hour has the sums of what was counted, the most of people, sessions, memory and slowest acknowledgements, the
    least of free disk, and means of the rest; the median delay is a mean by messages.
    """
    now = now or timezone.now()
    removed = Tally.objects.filter(minute__lt=now - KEPT).delete()[0]
    end = (now - MINUTES_KEPT).replace(minute=0, second=0, microsecond=0)
    for process in Tally.objects.filter(minutes=1, minute__lt=end).values_list("process", flat=True).distinct():
        removed += _thin_process(process, end)
    return removed


def _thin_process(process: str, end: datetime) -> int:
    removed = 0
    old = Tally.objects.filter(process=process, minutes=1, minute__lt=end)
    while (first := old.aggregate(Min("minute"))["minute__min"]) is not None:
        removed += _draw_together(process, first.replace(minute=0, second=0, microsecond=0))
    return removed


@transaction.atomic
def _draw_together(process: str, hour: datetime) -> int:
    # Locked: another server process may be at the same hour; who comes second finds the hour drawn together.
    rows = list(Tally.objects.select_for_update().filter(process=process, minute__gte=hour, minute__lt=hour + HOUR))
    if not rows:
        return 0
    Tally.objects.filter(pk__in=[row.pk for row in rows]).delete()
    drawn = Tally(node=rows[-1].node, process=process, minute=hour, minutes=HOUR_MINUTES, refused=_refused(rows))
    for name in SUMS:
        setattr(drawn, name, sum(getattr(row, name) for row in rows))
    for name in MOSTS:
        setattr(drawn, name, max(_known(rows, name), default=None))
    for name in MEANS:
        setattr(drawn, name, _mean(rows, name, by="messages" if name == "delay_median_ms" else "minutes"))
    drawn.disk_free_bytes = min(_known(rows, "disk_free_bytes"), default=None)
    drawn.save(force_insert=True)
    return len(rows) - 1


def _known(rows: Iterable[Tally], name: str) -> list[float]:
    return [value for row in rows if (value := getattr(row, name)) is not None]


def _mean(rows: Sequence[Tally], name: str, by: str) -> float | None:
    """The mean of what is known, each row weighing as much as it has of `by`."""
    known = [(getattr(row, name), getattr(row, by)) for row in rows if getattr(row, name) is not None]
    weight = sum(weight for _, weight in known)
    return round(sum(value * weight for value, weight in known) / weight, 3) if weight else None


def _refused(rows: Iterable[Tally]) -> dict[str, int]:
    refused: Counter[str] = Counter()
    for row in rows:
        refused.update(row.refused)
    return dict(refused)


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
