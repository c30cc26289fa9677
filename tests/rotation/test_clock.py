"""A clock that is wrong is noticed, and the operator is told how to put it right."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import DatabaseError
from django.utils import timezone

from chat.models import Connection, Device
from chat.services.devices import Seat
from clawchat.protocol.limits import CLOCK_SKEW_SECONDS
from discovery.models import Publication
from rotation import checks
from rotation.management.commands.runclawchat import _warn_of_the_clock
from rotation.models import Node
from rotation.services import clock, nodes
from rotation.services.clock import REMEDY, JumpMeter, clock_problems
from tests.fakes import Clock


@pytest.fixture
def clocks() -> tuple[Clock, Clock, JumpMeter]:
    """A wall clock, a monotonic one, and what compares them."""
    wall, steady = Clock(1_900_000_000), Clock(50)
    return wall, steady, JumpMeter(wall, steady)


def pass_by(seconds: int, *clocks: Clock) -> None:
    """Time goes by on these clocks."""
    for each in clocks:
        each.now += seconds


def test_a_clock_that_runs_evenly_has_not_jumped(clocks, caplog):
    """Hours later either; NTP's small corrections are no jump."""
    wall, steady, meter = clocks
    for correction in (1, -2, 1, 3):
        pass_by(1000, wall, steady)
        pass_by(correction, wall)
        assert meter.jump() == 0
    assert not caplog.records


@pytest.mark.parametrize(("step", "way"), [(3600, "forward"), (-3600, "back")])
def test_a_clock_that_was_set_is_told_once(clocks, caplog, step, way):
    """With the remedy, in one line; when it is put right again, once more."""
    wall, steady, meter = clocks
    pass_by(step, wall)
    for _ in range(5):
        pass_by(10, wall, steady)
        assert meter.jump() == step
    (line,) = [record.getMessage() for record in caplog.records]
    assert f"set {way} by 3600 s" in line and REMEDY in line

    pass_by(-step, wall)
    assert meter.jump() == 0
    assert len(caplog.records) == 2


def test_a_jump_stands_in_the_nodes_row(house, monkeypatch):
    """A process that lives says so; the next start forgets it."""
    monkeypatch.setattr(nodes._meter, "jump", lambda: -3600)
    now = timezone.now().timestamp()
    nodes.keep_alive(house.node_pk, 0, now)
    assert Node.objects.get().clock_jump == -3600
    assert clock_problems() == ["The clock of node alpha was set back by 3600 s while its server ran."]

    nodes.arrive("alpha", "alpha.example.org", now)
    assert clock_problems() == []


def test_a_file_from_the_future_is_a_sign(house):
    """The clock was ahead when it was made, or is behind now."""
    house.settle()
    Node.objects.update(stopped_at=timezone.now())
    assert "A connection file was made" in clock_problems()[0]

    Publication.objects.update(created_at=timezone.now() + timedelta(seconds=1))
    assert clock_problems() == []


def test_a_node_from_the_future_is_a_sign(house):
    """Its machine's clock, or ours."""
    Node.objects.update(seen_at=timezone.now() + timedelta(seconds=60))
    (problem,) = clock_problems()
    assert "Node alpha was last seen" in problem and "from now" in problem

    Node.objects.update(stopped_at=timezone.now())
    assert clock_problems() == []


def connect(number: int, ahead: int, ago: int = 60) -> None:
    """A device comes, with a clock that is so many seconds ahead of ours."""
    device, _ = Device.objects.get_or_create(device_id=bytes([number]) * 16, public=bytes([number]) * 32)
    at = timezone.now() - timedelta(seconds=ago)
    Connection.objects.create(
        device=device, process="p", port=50_000, clock_ahead=ahead, opened_at=at, seen_at=at, closed_at=at
    )


@pytest.mark.parametrize(("ahead", "told"), [(-1800, "1800 s behind ours"), (45, "45 s ahead of ours")])
def test_devices_that_agree_are_a_sign(db, ahead, told):
    """Two are too few, three say the same; what one of them said earlier does not count."""
    connect(1, ahead - 1)
    connect(2, ahead)
    connect(2, -ahead, ago=3600)
    connect(1, -ahead, ago=3600)
    assert clock_problems() == []

    connect(3, ahead + 1)
    (problem,) = clock_problems()
    assert f"Most devices' clocks are {told}." == problem


def test_one_device_cannot_tell_us_the_time(db):
    """Its clock may be off by a year, the others' by seconds; what is a day old is forgotten."""
    connect(1, 9_000_000)
    connect(2, 20)
    connect(3, -20)
    connect(4, 1000, ago=90_000)
    connect(5, 1000, ago=90_000)

    assert clock_problems() == []


@pytest.mark.parametrize(("ahead", "kept"), [(1e18, 31_536_000), (-1e18, -31_536_000), (2.6, 3)])
def test_a_clock_is_kept_within_a_year(ahead, kept):
    """A device may claim any number."""
    assert Seat.of("127.0.0.1", 1, "p", "tests", ahead).clock_ahead == kept


def test_a_database_server_whose_clock_differs_is_a_sign(db, monkeypatch):
    """It says which way."""
    for ahead, way in ((7200.0, "ahead of"), (-30.0, "behind")):
        monkeypatch.setattr(clock, "_database_ahead", lambda: ahead)
        assert clock_problems() == [f"The database server's clock is {abs(ahead):.0f} s {way} ours."]
    monkeypatch.setattr(clock, "_database_ahead", lambda: 4.0)
    assert clock_problems() == []


def test_the_database_of_this_run_has_our_clock(db):
    """The question itself works, on PostgreSQL too."""
    assert clock_problems() == []


def test_the_check_says_what_to_do(house, monkeypatch):
    """Only when the database may be asked, and not before there are tables."""
    Node.objects.update(seen_at=timezone.now() + timedelta(seconds=60))
    assert checks.check_clock() == []
    (warning,) = checks.check_clock(databases=["default"])
    assert warning.id == "clawchat.W311"
    assert "NTP" in warning.hint and f"{CLOCK_SKEW_SECONDS // 60} minutes" in warning.hint

    def fail() -> list[str]:
        raise DatabaseError("no such table")

    monkeypatch.setattr(checks, "clock_problems", fail)
    assert checks.check_clock(databases=["default"]) == []


def test_the_status_says_it_too(house, capsys):
    """One line for each sign."""
    Node.objects.update(seen_at=timezone.now() + timedelta(seconds=60))
    call_command("clawchatstatus")
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("clock")]
    assert REMEDY in line


def test_a_server_that_starts_warns_of_a_wrong_clock(house, caplog):
    """It starts all the same; the log says what to do."""
    Node.objects.update(seen_at=timezone.now() + timedelta(seconds=60))
    _warn_of_the_clock()
    (line,) = [record.getMessage() for record in caplog.records if "from now" in record.getMessage()]
    assert REMEDY in line
