"""Habits: learnt minute by minute, judged, and not learnt from what was unusual."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from chat.counting import DeviceMinute
from chat.detection import LEAST_LEARNT
from chat.models import Alert, Habit, Tally
from chat.services import habits
from chat.services.habits import forget, judge_devices, judge_server, prune_habits
from chat.services.policy import change_policy

pytestmark = pytest.mark.django_db
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
EVE, BOB = bytes(15) + b"\1", bytes(15) + b"\2"


def minute(number: int) -> datetime:
    """When the minute of this number began."""
    return BEGIN + timedelta(minutes=number)


def say(number: int, device: bytes, messages: int) -> int:
    """Let a device say so much in a minute."""
    return judge_devices(minute(number), {device: DeviceMinute(messages, 5, 100 * messages)})


def settle(device: bytes = EVE, minutes: int = LEAST_LEARNT) -> None:
    """Let a device talk as it usually does."""
    for number in range(minutes):
        say(number, device, 3 + number % 38)


def test_a_device_that_does_a_hundred_times_as_much_is_told_with_what_is_usual() -> None:
    settle()
    assert say(100, EVE, 4100) == 1
    row = Alert.objects.get()
    assert (row.kind, row.subject) == ("unusual", EVE.hex())
    assert row.text == "Device 00000000 sent 4,100 messages in a minute; usually it sends 4 to 31."
    assert row.facts["messages"] == [4100, 4, 31]


def test_nothing_is_told_before_enough_was_learnt() -> None:
    settle(minutes=LEAST_LEARNT - 1)
    assert say(100, EVE, 4100) == 0
    assert not Alert.objects.exists()


def test_what_was_unusual_is_not_learnt_however_long_it_goes_on() -> None:
    settle()
    assert [say(100 + number, EVE, 4100) for number in range(300)] == [1] * 300
    assert Alert.objects.get().count == 300
    assert Habit.objects.get(metric="messages").learnt == LEAST_LEARNT


def test_one_that_was_forgotten_is_learnt_anew() -> None:
    settle()
    assert forget(EVE.hex()) == 3
    assert say(100, EVE, 4100) == 0


def test_each_device_has_its_own_habits() -> None:
    settle()
    for number in range(LEAST_LEARNT):
        say(number, BOB, 4000)
    assert say(100, BOB, 4100) == 0
    assert say(100, EVE, 4100) == 1


def test_the_operator_says_how_many_spreads_are_unusual() -> None:
    settle()
    change_policy("admin", alert_spreads=3)
    assert say(100, EVE, 301) == 1
    change_policy("admin", alert_spreads=100)
    assert say(101, EVE, 301) == 0


def test_a_device_with_sessions_on_two_nodes_is_judged_on_both_and_learnt_once() -> None:
    settle()
    assert say(100, EVE, 10) == 0
    assert say(100, EVE, 4100) == 1
    assert Habit.objects.get(metric="messages").learnt == LEAST_LEARNT + 1


def test_a_hundred_devices_take_few_queries(django_assert_max_num_queries) -> None:
    many = {bytes(14) + bytes([1, number]): DeviceMinute(5, 5, 500) for number in range(100)}
    judge_devices(minute(0), many)
    with django_assert_max_num_queries(6 * 100 // habits.DEVICES_AT_ONCE):
        judge_devices(minute(1), many)
    assert Habit.objects.count() == 300


def tally(number: int, process: str = "a", **counts) -> None:
    """A process's minute."""
    facts = {"messages": 20, "bytes_in": 4000, "handshakes": 1, "refused": {"gate": 2}, **counts}
    Tally.objects.create(node="n", process=process, minute=minute(number), **facts)


def test_the_server_is_judged_over_all_its_processes_once() -> None:
    for number in range(LEAST_LEARNT):
        tally(number)
        tally(number, "b")
        assert not judge_server(minute(number))
        assert not judge_server(minute(number))
    assert Habit.objects.get(metric="connections").samples == [6] * LEAST_LEARNT
    tally(100, refused={"gate": 900})
    tally(100, "b", refused={"admission": 1100, "gate": 1})
    assert judge_server(minute(100))
    assert not judge_server(minute(100))
    row = Alert.objects.get()
    assert row.text == "There were 2,003 connections in a minute; usually there are 6."
    assert (row.subject, row.count) == ("", 1)


def test_a_minute_in_which_nothing_was_done_is_not_learnt() -> None:
    assert not judge_server(minute(0))
    assert judge_devices(minute(0), {}) == 0
    assert not Habit.objects.exists()


def test_habits_of_those_who_are_long_gone_are_forgotten() -> None:
    settle()
    Habit.objects.update(updated_at=timezone.now() - habits.KEPT - timedelta(days=1))
    say(0, BOB, 1)
    Habit.objects.filter(subject=BOB.hex()).update(updated_at=timezone.now())
    assert prune_habits() == 3
    assert set(Habit.objects.values_list("subject", flat=True)) == {BOB.hex()}
