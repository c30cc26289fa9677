"""Tallies: minutes become hours, hours go in the end, and no figure is lost or made up on the way."""

from datetime import UTC, datetime, timedelta

import pytest

from chat.counting import Delays, Minute
from chat.models import Tally
from chat.services import tallies
from chat.usage import Usage

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=3)
pytestmark = pytest.mark.django_db


def write(at: datetime, process: str = "p1", usage: Usage | None = None, **counted) -> None:
    """One minute of a process."""
    tallies.write_minute("attic", process, Minute(int(at.timestamp()), **counted), usage or Usage())


def delays(*milliseconds: float) -> Delays:
    """So long took acknowledgements."""
    found = Delays()
    for each in milliseconds:
        found.add(each / 1000)
    return found


def test_a_minute_written_again_is_the_same_row():
    """The running minute is written every few seconds."""
    write(NOON, messages=3, refused={"gate": 1})
    write(NOON, messages=8, refused={"gate": 2}, delays=delays(20))

    tally = Tally.objects.get()

    assert (tally.messages, tally.refused, tally.minutes) == (8, {"gate": 2}, 1)
    assert tally.delay_median_ms == pytest.approx(20, rel=0.05)


def test_old_minutes_become_hours():
    """Sums of what was counted, the most of people, the least of free disk, means by what they weigh."""
    write(
        NOON,
        people=3,
        messages=30,
        bytes_in=100,
        refused={"gate": 1},
        delays=delays(*[10] * 30),
        usage=Usage(cpu_percent=10.0, memory_bytes=100, disk_free_bytes=900, disk_total_bytes=1000),
    )
    write(
        NOON + timedelta(minutes=59),
        people=1,
        messages=10,
        bytes_in=50,
        refused={"gate": 2, "limit": 1},
        delays=delays(*[50] * 10),
        usage=Usage(cpu_percent=30.0, memory_bytes=300, disk_free_bytes=800, disk_total_bytes=1000),
    )
    write(NOON + timedelta(minutes=60), messages=1)

    assert tallies.thin_out(LATER) == 1
    first, second = Tally.objects.order_by("minute")

    assert (first.minute, first.minutes, first.people) == (NOON, 60, 3)
    assert (first.messages, first.bytes_in, first.refused) == (40, 150, {"gate": 3, "limit": 1})
    assert (first.cpu_percent, first.memory_bytes) == (20.0, 300)
    assert (first.disk_free_bytes, first.disk_total_bytes) == (800, 1000)
    assert first.delay_median_ms == pytest.approx(20, rel=0.05)
    assert first.delay_p99_ms == pytest.approx(50, rel=0.05)
    assert first.machine_cpu_percent is None
    assert (second.minute, second.minutes, second.messages) == (NOON + timedelta(hours=1), 60, 1)


def test_thinning_twice_changes_nothing():
    """Every server process does it every hour."""
    for minute in range(3):
        write(NOON + timedelta(minutes=minute), messages=1)
    tallies.thin_out(LATER)
    before = Tally.objects.values().get()

    assert tallies.thin_out(LATER) == 0
    assert Tally.objects.values().get() == before


def test_a_minute_that_came_late_goes_into_its_hour():
    """A clock that was set back writes into an hour that was drawn together already."""
    write(NOON + timedelta(minutes=5), messages=4)
    tallies.thin_out(LATER)
    write(NOON + timedelta(minutes=7), messages=3)
    tallies.thin_out(LATER)

    assert Tally.objects.get().messages == 7


def test_processes_stay_apart():
    """Each has its hour."""
    write(NOON, "p1", messages=1)
    write(NOON, "p2", messages=2)
    tallies.thin_out(LATER)

    assert sorted(Tally.objects.values_list("process", "messages")) == [("p1", 1), ("p2", 2)]


def test_young_minutes_stay_and_old_hours_go():
    """Two days of minutes, ninety days in all."""
    write(NOON, messages=1)
    write(NOON + timedelta(minutes=1), messages=1)
    tallies.thin_out(NOON + timedelta(days=2))

    assert Tally.objects.count() == 2

    assert tallies.thin_out(NOON + timedelta(days=91)) == 2
    assert not Tally.objects.exists()
