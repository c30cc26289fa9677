"""The figures of the dashboard, drawn together from tally rows: what happened when, and how it stands now."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from chat.models import Tally

# A row is written again every few seconds; a process that wrote none for so long counts for nothing now.
FRESH = timedelta(minutes=2)


class Measured(NamedTuple):
    """What a plot needs of a row."""

    process: str
    minute: datetime
    minutes: int
    people: int
    sessions: int
    messages: int
    bytes_in: int
    bytes_out: int
    refused: dict[str, int]
    scans: int
    delay_p99_ms: float | None


class Span(NamedTuple):
    """How far back a plot goes and how much time one of its points stands for, in seconds."""

    seconds: int
    step: int


SPANS = {
    "hour": Span(3600, 60),
    "day": Span(86_400, 300),
    "week": Span(7 * 86_400, 3600),
    "quarter": Span(90 * 86_400, 6 * 3600),
}


def series(span: Span, now: datetime) -> dict[str, list[float | None]]:
    """Columns of equal length, oldest first: `at` in seconds since 1970, the rest by the minute or at most at once.

    People and sessions: the most at once, over all processes. Messages, bytes, handshakes, refusals, scans: a minute.
    Delays in milliseconds: the slowest process. None where nothing was measured.
    """
    begin = int(now.timestamp()) - span.seconds
    begin -= begin % span.step
    buckets: dict[int, _Bucket] = defaultdict(_Bucket)
    since = Tally.objects.filter(minute__gte=datetime.fromtimestamp(begin, now.tzinfo))
    for measured in since.values_list(*Measured._fields).iterator():
        row = Measured._make(measured)
        buckets[(int(row.minute.timestamp()) - begin) // span.step].add(row)
    count = (int(now.timestamp()) - begin) // span.step + 1
    points = [buckets[index].figures() if index in buckets else {} for index in range(count)]
    columns = ("people", "sessions", "messages", "bytes", "refused", "scans", "delay")
    return {
        "at": [begin + index * span.step for index in range(count)],
        **{name: [point.get(name) for point in points] for name in columns},
    }


def processes(now: datetime) -> list[dict[str, Any]]:
    """The newest row of each process that lives, by node: what it uses and what it did in its running minute."""
    newest: dict[str, dict[str, Any]] = {}
    for row in _rows(now - FRESH):
        newest[row["process"]] = row
    return sorted(newest.values(), key=lambda row: (row["node"], row["process"]))


def last_minute(now: datetime) -> dict[str, int]:
    """What all processes did in the last minute that is over, and how many are connected now."""
    over = now.replace(second=0, microsecond=0) - timedelta(minutes=1)
    rows = [row for row in _rows(over) if row["minutes"] == 1]
    done = [row for row in rows if row["minute"] == over]
    return {
        "messages": sum(row["messages"] for row in done),
        "bytes": sum(row["bytes_in"] + row["bytes_out"] for row in done),
    }


def of_last_hour(now: datetime) -> dict[str, Any]:
    """What was refused, by the reason, and how many touches of scanners, in the last hour."""
    refused: dict[str, int] = defaultdict(int)
    scans = 0
    for row in _rows(now - timedelta(hours=1)):
        scans += row["scans"]
        for reason, count in row["refused"].items():
            refused[reason] += count
    return {"refused": dict(refused), "scans": scans}


class _Bucket:
    """The rows of one point of a plot."""

    def __init__(self) -> None:
        # Together at one minute, over the processes; of these the most.
        self._at_once: dict[datetime, list[int]] = defaultdict(lambda: [0, 0])
        self._sums: dict[str, int] = defaultdict(int)
        self._minutes: dict[str, int] = defaultdict(int)
        self._delay: float | None = None

    def add(self, row: Measured) -> None:
        at_once = self._at_once[row.minute]
        at_once[0] += row.people
        at_once[1] += row.sessions
        self._minutes[row.process] += row.minutes
        self._sums["messages"] += row.messages
        self._sums["bytes"] += row.bytes_in + row.bytes_out
        self._sums["scans"] += row.scans
        self._sums["refused"] += sum(row.refused.values())
        if row.delay_p99_ms is not None:
            self._delay = max(row.delay_p99_ms, self._delay or 0.0)

    def figures(self) -> dict[str, float | None]:
        minutes = max(self._minutes.values())
        people = max(people for people, _ in self._at_once.values())
        sessions = max(sessions for _, sessions in self._at_once.values())
        sums = {name: round(count / minutes, 2) for name, count in self._sums.items()}
        return {"people": people, "sessions": sessions, "delay": self._delay, **sums}


_COLUMNS = (
    *("node", "process", "minute", "minutes", "people", "messages", "bytes_in", "bytes_out", "refused", "scans"),
    "delay_p99_ms",
    *("cpu_percent", "memory_bytes", "machine_cpu_percent", "machine_memory_percent"),
    *("disk_free_bytes", "disk_total_bytes"),
)


def _rows(since: datetime) -> list[dict[str, Any]]:
    return list(Tally.objects.filter(minute__gte=since).order_by("minute").values(*_COLUMNS))
