"""The method sees what is there, and nothing where nothing is."""

import random

from tests.bench.two_samples import compare


def sampler(slower: int, outliers: float = 0.0):
    """About 1,000 ns with noise, the second class slower by so much; some samples hit by somebody else's work."""
    # The classes are drawn by lot as well: the same ones in each run.
    random.seed(1)
    dice = random.Random(7)

    def sample(classes):
        return [
            round(dice.gauss(1_000 + slower * second, 20) + 50_000 * (dice.random() < outliers)) for second in classes
        ]

    return sample


def test_a_difference_is_seen_and_told():
    """In each run, about as large as it is."""
    found = compare(sampler(slower=5), 4_000)

    assert found["seen"] == "yes"
    assert all(t > 4.5 for t in found["t"])
    assert abs(found["difference, ns"] - 5) < 2


def test_where_none_is_none_is_seen():
    """And what would have been seen is small."""
    found = compare(sampler(slower=0), 4_000)

    assert found["seen"] == "no"
    assert found["would be seen from, ns"] < 5


def test_the_work_of_others_hides_nothing():
    """A tenth of the samples takes fifty times as long, and is cut off."""
    assert compare(sampler(slower=5, outliers=0.05), 4_000)["seen"] == "yes"
    assert compare(sampler(slower=0, outliers=0.05), 4_000)["seen"] == "no"


def test_classes_that_do_not_meet_are_told_apart():
    """Cutting off the slowest half takes one of them away."""
    found = compare(sampler(slower=10_000), 1_000)

    assert found["seen"] == "yes"
    assert abs(found["difference, ns"] - 10_000) < 10
