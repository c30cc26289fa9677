"""Attempts to be let in that came past the gate and failed: counted for a second, then written to the audit log."""

from collections import Counter
from typing import NamedTuple

from chat.services import audit

# Kinds of attempts within a second; whoever makes more of them is counted with the others.
MOST = 250


class Attempt(NamedTuple):
    """From where, the id in hex of the device that it said it was (empty: it did not come so far), and the error."""

    address: str
    device: str
    why: str


class Attempts:
    """How often somebody who knows the discovery secret failed to prove who they are."""

    def __init__(self) -> None:
        self._counts: Counter[Attempt] = Counter()

    def count(self, address: str, device: str, why: str) -> None:
        """One more."""
        self._add(Attempt(address, device, why), 1)

    def take(self) -> Counter[Attempt]:
        """The counts since the last call."""
        counts, self._counts = self._counts, Counter()
        return counts

    def give_back(self, counts: Counter[Attempt]) -> None:
        """Attempts that could not be written: the next call has them again, the surplus together."""
        for attempt, count in counts.items():
            self._add(attempt, count)

    def _add(self, attempt: Attempt, count: int) -> None:
        known = attempt in self._counts or len(self._counts) < MOST
        self._counts[attempt if known else Attempt("", "", attempt.why)] += count


def write(counts: Counter[Attempt]) -> None:
    """Put the counts into the audit log."""
    events = audit.Batch()
    for attempt, count in counts.items():
        facts = {"why": attempt.why, "count": count}
        events.record("authentication_failed", subject=attempt.device, address=attempt.address, **facts)
    events.save()
