"""Whether a duration depends on a secret, by the method of dudect: two classes in random order, Welch's t.

Each sample is of one class by lot, so whatever else the machine does falls on both alike. The slowest samples are other
people's work, so t is taken with several shares of them cut off, and the largest counts. Below `SEEN` in every run
nothing was seen; what would have been seen is said beside it.
Reparaz, Balasch, Verbauwhede: Dude, is my code constant time? (2017).
"""

import gc
import math
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

RUNS = 5
SEEN = 4.5
# Which share of the samples is looked at; the quickest ones of both classes together.
KEPT = (1.0, 0.99, 0.95, 0.9, 0.75, 0.5)
# Difference and error are told of the share that tells them best; of those that cut more the difference is too small,
# and where the cut has taken away most of one class it is none.
TOLD_FROM = 0.9
EVEN = 0.4
# Of either class.
FEWEST = 30

# Inputs that are made before the first of them is timed: what the last step of making one leaves in the processor's
# pipeline would be measured with it.
BLOCK = 50

# Nanoseconds of a block of samples, each of the first class (False) or the second.
Sampler = Callable[[list[bool]], list[int]]


@dataclass(frozen=True)
class Run:
    """One run: t, by how many nanoseconds the second class was slower, and the standard error of that."""

    t: float
    slower: float
    error: float


def compare(sampler: Sampler, samples: int, runs: int = RUNS) -> dict[str, Any]:
    """The t of each run, the median difference and what would have been seen."""
    found = [_run(sampler, samples) for _ in range(runs)]
    worst = max(found, key=lambda run: abs(run.t))
    # A leak is slower in the same class each time; one run beyond the bound among several is what noise does.
    signs = {math.copysign(1, run.t) for run in found if abs(run.t) >= SEEN}
    many = sum(abs(run.t) >= SEEN for run in found)
    return {
        "t": [round(run.t, 1) for run in found],
        "worst": round(worst.t, 1),
        "difference, ns": round(statistics.median(run.slower for run in found), 1),
        "would be seen from, ns": round(SEEN * statistics.median(run.error for run in found), 1),
        "samples a run": samples,
        "seen": "no" if not many else "yes" if len(signs) == 1 and 2 * many > runs else f"in {many} of {runs} runs",
    }


def timed(make: Callable[[bool], Any], work: Callable[[Any], Any]) -> Sampler:
    """A sampler that makes an input of its class for each sample, and times the work on it."""

    def sample(classes: list[bool]) -> list[int]:
        took = []
        for given in [make(second) for second in classes]:
            began = time.perf_counter_ns()
            work(given)
            took.append(time.perf_counter_ns() - began)
        return took

    return sample


def _run(sampler: Sampler, samples: int) -> Run:
    pairs: list[tuple[int, bool]] = []
    gc.disable()
    try:
        while len(pairs) < samples:
            classes = [random.random() < 0.5 for _ in range(BLOCK)]
            pairs += zip(sampler(classes), classes, strict=True)
    finally:
        gc.enable()
    pairs.sort(key=lambda pair: pair[0])
    found = {share: _welch(pairs[: int(share * len(pairs))]) for share in KEPT}
    told = min((run for share, run in found.items() if share >= TOLD_FROM), key=lambda run: run.error)
    return Run(max((run.t for run in found.values()), key=abs), told.slower, told.error)


def _welch(pairs: list[tuple[int, bool]]) -> Run:
    first, second = ([took for took, is_second in pairs if is_second is which] for which in (False, True))
    fewer = min(len(first), len(second))
    if fewer < FEWEST:
        return Run(0.0, 0.0, math.inf)
    slower = statistics.fmean(second) - statistics.fmean(first)
    error = math.sqrt(_variance(first) / len(first) + _variance(second) / len(second))
    t = slower / error if error else 0.0
    return Run(t, slower, error if fewer >= EVEN * len(pairs) else math.inf)


def _variance(values: list[int]) -> float:
    mean = statistics.fmean(values)
    return sum((value - mean) ** 2 for value in values) / (len(values) - 1)
