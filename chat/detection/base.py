"""A learnt base: what counts a minute usually has, by order statistics that a few wild minutes hardly move."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

# Minutes that are looked back on, and how many must have been learnt before anything is unusual.
MOST_SAMPLES = 240
LEAST_LEARNT = 30
# The median absolute deviation times this is the standard deviation, for what is distributed normally.
_PER_MAD = 1.4826
_LOW, _HIGH = 0.05, 0.95


@dataclass(frozen=True, slots=True)
class Base:
    """The counts of the last minutes in which there was anything, oldest first, and how many were learnt in all."""

    samples: Sequence[int] = ()
    learnt: int = 0

    @property
    def is_learnt(self) -> bool:
        """Whether it is known well enough to call anything unusual."""
        return self.learnt >= LEAST_LEARNT

    @property
    def middle(self) -> float:
        """The median; 0 while nothing was learnt."""
        return float(median(self.samples)) if self.samples else 0.0

    @property
    def spread(self) -> float:
        """How far from the median counts usually are, as a standard deviation."""
        middle = self.middle
        return _PER_MAD * float(median(abs(count - middle) for count in self.samples)) if self.samples else 0.0

    @property
    def usual(self) -> tuple[int, int]:
        """From where to where nine of ten counts are; 0 and 0 while nothing was learnt."""
        ordered = sorted(self.samples)
        last = len(ordered) - 1
        return (ordered[round(_LOW * last)], ordered[round(_HIGH * last)]) if ordered else (0, 0)

    def learn(self, count: int) -> "Base":
        """The base with one more minute."""
        return Base([*self.samples[-(MOST_SAMPLES - 1) :], count], self.learnt + 1)
