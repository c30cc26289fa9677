"""Resources: told when nearly used up, over when there is room again."""

from dataclasses import replace

import pytest

from chat.models import Alert
from chat.services.policy import change_policy
from chat.services.resources import judge_usage
from chat.usage import Usage

pytestmark = pytest.mark.django_db
GIBIBYTE = 1 << 30
WELL = Usage(5.0, 90 << 20, 20.0, 40.0, 60 * GIBIBYTE, 100 * GIBIBYTE)
FULL = replace(WELL, disk_free_bytes=5 * GIBIBYTE)


def opened() -> dict[str, Alert]:
    """What is open, by its subject."""
    return {row.subject: row for row in Alert.objects.filter(closed_at=None)}


def test_all_is_well() -> None:
    judge_usage("attic", [WELL] * 5)
    assert opened() == {}


def test_a_disk_that_fills_up_is_told_with_what_is_left_and_urgent_in_the_end() -> None:
    judge_usage("attic", [FULL])
    row = opened()["disk of attic"]
    assert row.text == "The disk of attic is 95 % full, 5.0 GiB are free; 90 % is the most that is wanted."
    assert row.severity == "warning"
    judge_usage("attic", [replace(WELL, disk_free_bytes=GIBIBYTE)])
    assert opened()["disk of attic"].severity == "urgent"
    judge_usage("cellar", [WELL])
    assert len(opened()) == 1
    judge_usage("attic", [WELL])
    assert opened() == {}


def test_one_busy_minute_is_nothing_and_five_are() -> None:
    busy = replace(WELL, machine_cpu_percent=99.0)
    judge_usage("attic", [busy] * 4)
    judge_usage("attic", [busy, busy, WELL, busy, busy])
    assert opened() == {}
    judge_usage("attic", [busy] * 5)
    assert "99 % busy for 5 minutes" in opened()["processors of attic"].text
    judge_usage("attic", [busy] * 4 + [WELL])
    assert opened() == {}


def test_memory_names_our_own_share() -> None:
    judge_usage("attic", [replace(WELL, machine_memory_percent=96.0)])
    assert "96 % in use; ClawChat has 90 MiB of it" in opened()["memory of attic"].text


def test_what_the_system_does_not_tell_is_not_judged() -> None:
    judge_usage("attic", [Usage()] * 5)
    judge_usage("attic", [])
    assert opened() == {}


def test_how_full_is_too_full_is_the_operators_to_say() -> None:
    change_policy("admin", alert_disk_percent=96)
    judge_usage("attic", [FULL])
    assert opened() == {}
