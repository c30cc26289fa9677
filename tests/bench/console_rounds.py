"""Runs inside a server's installation: what limits cost an event, what the audit log takes, how soon a page comes."""

import itertools
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client

from chat.banned import Banned
from chat.counting import Counts, SessionCounts
from chat.models import AuditEvent, Tally
from chat.rates import Rates
from chat.services import audit
from chat.services.policy import current_policy

EVENTS = 20_000
ROUNDS = 7
DEVICES, ADDRESSES, BANS = 1_000, 200, 1_000
FRAME_BYTES = 400
BATCH = 100
# What a page shows is asked so many times, after once that fills the caches.
VIEWS = 15
AUDIT_ROWS = 1_000_000
TALLY_DAYS = 90


def limits() -> dict[str, float]:
    """Microseconds of the processor for one event; of several rounds the median."""
    return {
        "limits of a message: device, address, bytes, us": _each(_messages()),
        "limits of a message from an IPv6 address, us": _each(_messages(ipv6=True)),
        "bans of a new connection, a thousand in force, us": _each(_bans()),
        "counting a message and its acknowledgement, us": _each(_counting()),
    }


def _messages(ipv6: bool = False) -> Callable[[], Any]:
    # As high as they go: what is refused costs less than what is let in.
    policy = current_policy()
    for name in ("messages_per_second", "message_burst", "address_messages_per_second", "address_message_burst"):
        setattr(policy, name, 10**9)
    for name in ("bytes_per_second", "byte_burst", "address_bytes_per_second", "address_byte_burst"):
        setattr(policy, name, 10**12)
    rates = Rates(policy, time.monotonic())
    spoken = "2001:db8:{0:x}::1" if ipv6 else "198.51.{0}.7"
    addresses = [spoken.format(number) for number in range(ADDRESSES)]
    senders = itertools.cycle([(number, addresses[number % ADDRESSES]) for number in range(DEVICES)])

    def take() -> None:
        device, address = next(senders)
        assert not rates.take_message(device, address, FRAME_BYTES, time.monotonic())

    return take


def _bans() -> Callable[[], Any]:
    banned = Banned()
    end = time.time() + 3600
    banned.replace({f"10.{number // 250}.{number % 250}.0/24": end for number in range(BANS)})
    callers = itertools.cycle([f"198.51.{number}.7" for number in range(ADDRESSES)])
    return lambda: next(callers) in banned


class _Session:
    """What the counts need of a session."""

    counted_as = b"d" * 32

    def __init__(self) -> None:
        self.counts, self.counted = SessionCounts(), (0, 0, 0, 0, 0)
        self.bytes_in = self.bytes_out = 0


def _counting() -> Callable[[], Any]:
    counts, session = Counts(), _Session()

    def count() -> None:
        session.counts.messages += 1
        session.bytes_in += FRAME_BYTES
        counts.messages += 1
        session.counts.deliveries += 1
        counts.delays.add(0.004)

    return count


def _each(work: Callable[[], Any]) -> float:
    rounds = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        for _ in range(EVENTS):
            work()
        rounds.append((time.thread_time() - began) / EVENTS)
    return round(1e6 * statistics.median(rounds), 2)


def audit_alone(seconds: float = 5.0) -> dict[str, int]:
    """Events a second that are written and linked when nothing else is done, in batches as the server writes them."""
    _settle()
    count, began, worked = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - began < seconds:
        _write(BATCH)
        count += BATCH
        if count % (5 * BATCH) == 0:
            audit.seal_batch()
    _settle()
    worked = time.process_time() - worked
    return {
        "audit events written and linked, a second, alone": round(count / (time.perf_counter() - began)),
        "what one takes of the processor, us": round(1e6 * worked / count),
    }


def audit_beside(rate: int, seconds: float) -> dict[str, float]:
    """Write so many events a second beside whatever the server does, which links them itself."""
    began, count = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < seconds:
        if count < rate * passed:
            _write(BATCH)
            count += BATCH
        else:
            time.sleep(0.005)
    written = time.perf_counter() - began
    while AuditEvent.objects.filter(number=None).exists():
        time.sleep(0.05)
    return {"rate": round(count / written), "linked after, s": round(time.perf_counter() - began - written, 2)}


def _write(count: int) -> None:
    batch = audit.Batch()
    for number in range(count):
        batch.record("authenticated", subject="d" * 64, address=f"198.51.100.{number % 250}", port=50_000)
    batch.save()


def _settle() -> None:
    while audit.seal_batch():
        pass


def pages() -> dict[str, Any]:
    """Milliseconds until pages of the console are there, with a million audit rows and 90 days of tallies."""
    _fill_audit()
    _fill_tallies()
    client = Client(headers={"host": "localhost"})
    client.force_login(get_user_model().objects.create_superuser("bench"))
    shown = {
        "the dashboard": "/admin/",
        "its figures of a day": "/admin/dashboard.json?span=day",
        "its figures of 90 days": "/admin/dashboard.json?span=quarter",
        "the audit log's first page": "/admin/chat/auditevent/",
        "the audit log's events of one code": "/admin/chat/auditevent/?code=port_opened",
    }
    return {f"{name}, a million audit rows, ms": _views(client, path) for name, path in shown.items()}


def _views(client: Client, path: str) -> dict[str, float]:
    assert client.get(path, follow=True).status_code == 200, path
    took = []
    for _ in range(VIEWS):
        began = time.perf_counter()
        client.get(path)
        took.append(1000 * (time.perf_counter() - began))
    took.sort()
    return {"p50": round(statistics.median(took), 1), "most": round(took[-1], 1)}


def _fill_audit() -> None:
    """Rows by the million take minutes through the ORM; nobody walks this chain."""
    _settle()
    last = AuditEvent.objects.order_by("-id").first()
    names = [field.column for field in AuditEvent._meta.concrete_fields]
    changed = {"id": f"{last.pk} + n", "number": f"{last.number} + n", "hash": "randomblob(32)"}
    # Of the last thirty days.
    changed["time_ms"] = f"time_ms - ({AUDIT_ROWS} - n) * 2592"
    values = ", ".join(changed.get(name, name) for name in names)
    source = "WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < %s)"
    table = AuditEvent._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(names)}) {source} SELECT {values} FROM counted, {table} WHERE id = %s",
            [AUDIT_ROWS, last.pk],
        )
        cursor.execute("UPDATE chat_audithead SET number = (SELECT MAX(number) FROM chat_auditevent)")


def _fill_tallies() -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    hour = now.replace(minute=0)
    instants = [(now - timedelta(minutes=ago), 1) for ago in range(1, 2 * 24 * 60)]
    instants += [(hour - timedelta(hours=ago), 60) for ago in range(50, TALLY_DAYS * 24)]
    Tally.objects.bulk_create(
        (
            Tally(
                node="bench",
                process="bench",
                minute=at,
                minutes=minutes,
                people=80,
                messages=900 * minutes,
                bytes_in=10**6,
                refused={"gate": 3},
                delay_median_ms=4.0,
                delay_p99_ms=12.0,
            )
            for at, minutes in instants
        ),
        ignore_conflicts=True,
    )
