"""What is usual and what is not, against bases of known shape."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.detection import (
    DEVICE_METRICS,
    LEAST_LEARNT,
    MOST_SAMPLES,
    Base,
    Finding,
    device_sentence,
    judge,
    server_sentence,
    worst,
)


def learnt(*counts: int) -> Base:
    """A base that was taught these."""
    base = Base()
    for count in counts:
        base = base.learn(count)
    return base


def talk(minutes: int, seed: int = 1) -> list[int]:
    """How people talk: mostly a little, now and then a lot."""
    dice = random.Random(seed)
    return [max(1, int(dice.lognormvariate(2, 1))) for _ in range(minutes)]


def test_a_few_wild_minutes_hardly_move_the_base() -> None:
    calm = learnt(*[10, 11, 9, 10, 12] * 12)
    wild = learnt(*[10, 11, 9, 10, 12] * 12, *[5000] * 5)
    assert wild.middle == calm.middle == 10
    assert wild.spread == calm.spread


def test_only_the_last_minutes_count() -> None:
    base = learnt(*[1000] * 50, *[1] * MOST_SAMPLES)
    assert (len(base.samples), base.middle, base.learnt) == (MOST_SAMPLES, 1, MOST_SAMPLES + 50)


def test_nothing_is_unusual_before_enough_was_learnt() -> None:
    almost = learnt(*[3] * (LEAST_LEARNT - 1))
    assert judge("messages", 10**6, almost, 8, 120) is None
    assert judge("messages", 10**6, almost.learn(3), 8, 120) is not None
    assert judge("messages", 10**6, Base(), 8, 120) is None


def test_people_who_talk_as_they_always_do_raise_an_alert_in_one_of_thousands_of_minutes() -> None:
    alarms = 0
    for seed in range(20):
        base = learnt(*talk(200, seed))
        alarms += sum(judge("messages", count, base, 8, 300) is not None for count in talk(1000, seed + 100))
    assert alarms <= 4


@pytest.mark.parametrize("seed", range(5))
def test_three_times_the_most_that_people_say_is_found_at_once(seed) -> None:
    base = learnt(*talk(200, seed))
    assert judge("messages", max(301, 3 * max(base.samples)), base, 8, 300) is not None


def test_more_spreads_are_more_patient() -> None:
    base = learnt(*range(200, 300), *range(200, 300))
    found = [judge("messages", 700, base, spreads, 120) is not None for spreads in (3, 8, 20)]
    assert found == [True, True, False]


def test_what_is_little_is_never_unusual() -> None:
    base = learnt(*[1] * 100)
    assert judge("messages", 120, base, 3, 120) is None
    assert judge("messages", 121, base, 3, 120) is not None


def test_two_files_of_the_largest_size_are_nothing_unusual() -> None:
    """Of the usual limit: 512 chunks each, in frames of 81,974 bytes."""
    base = learnt(*[3000] * 100)
    assert judge("bytes", 2 * 512 * 81_974, base, 8, DEVICE_METRICS["bytes"]) is None
    assert judge("bytes", 3 * 512 * 81_974, base, 8, DEVICE_METRICS["bytes"]) is not None


@given(st.lists(st.integers(0, 10**12), min_size=LEAST_LEARNT, max_size=300), st.integers(3, 100))
def test_what_is_within_the_usual_is_never_unusual(counts, spreads) -> None:
    base = learnt(*counts)
    low, high = base.usual
    assert low <= high
    assert judge("bytes", high, base, spreads, 1) is None
    assert judge("bytes", low, base, spreads, 1) is None


def test_the_alert_says_what_how_much_and_what_is_usual() -> None:
    text, remedy = device_sentence("1a2b", Finding("messages", 4100, 3, 40, 120.0))
    assert text == "Device 1a2b sent 4,100 messages in a minute; usually it sends 3 to 40."
    assert "revoke" in remedy
    assert device_sentence("1a2b", Finding("bytes", 9 << 20, 700, 3 << 10, 1.0)).text == (
        "Device 1a2b sent 9.0 MiB in a minute; usually it sends 700 bytes to 3 KiB."
    )
    assert server_sentence(Finding("handshakes", 900, 2, 2, 60.0)).text == (
        "There were 900 handshakes in a minute; usually there are 2."
    )


def test_the_worst_is_told() -> None:
    mild, bad = Finding("messages", 200, 1, 2, 150.0), Finding("bytes", 1000, 1, 2, 10.0)
    assert worst([mild, bad]) == bad
