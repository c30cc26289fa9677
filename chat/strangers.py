"""Strangers: counted per address, written to the audit log as one row a minute; and their touches, for whoever asks."""

from collections import Counter
from typing import NamedTuple

from django.db import transaction

from chat.counting import Counts
from chat.services import audit, floods

MOST_ADDRESSES = 10_000
MOST_TOUCHES = 250
# Where somebody is stopped who does not know what each of our clients knows.
TOUCHING = {"connect", "request", "gate", "deadline"}


class Touch(NamedTuple):
    """Who was stopped, on which port, whether that was a tripwire, and where."""

    address: str
    port: int
    tripwire: bool
    where: str


class Strangers:
    """How often each address came with a first message that let nobody in."""

    def __init__(self, counts: Counts | None = None) -> None:
        self._process_counts = counts or Counts()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._touches: Counter[Touch] = Counter()

    def count(self, address: str, where: str, port: int = 0, tripwire: bool = False) -> None:
        """One more, stopped at `where`. When too many addresses come at once, the others are counted together."""
        if where in TOUCHING:
            touch = Touch(address, port, tripwire, where)
            self._touches[touch if self._has_room_for(touch) else touch._replace(address="")] += 1
        if tripwire:
            self._process_counts.scans += 1
        else:
            self._process_counts.refuse(where)
            self._add(address, where, 1)

    def take(self) -> list[tuple[tuple[str, str], int]]:
        """The counts of live ports since the last call."""
        counts, self._counts = self._counts, Counter()
        return list(counts.items())

    def give_back_counts(self, counts: list[tuple[tuple[str, str], int]]) -> None:
        """Counts that could not be written down: the next call has them again."""
        for (address, where), count in counts:
            self._add(address, where, count)

    def take_touches(self) -> Counter[Touch]:
        """The touches since the last call."""
        touches, self._touches = self._touches, Counter()
        return touches

    def give_back(self, touches: Counter[Touch]) -> None:
        """Touches that could not be written down: the next call has them again."""
        for touch, count in touches.items():
            self._touches[touch if self._has_room_for(touch) else touch._replace(address="")] += count

    def _add(self, address: str, where: str, count: int) -> None:
        known = (address, where) in self._counts or len(self._counts) < MOST_ADDRESSES
        self._counts[address if known else "", where] += count

    def _has_room_for(self, touch: Touch) -> bool:
        return touch in self._touches or len(self._touches) < MOST_TOUCHES


@transaction.atomic
def write(counts: list[tuple[tuple[str, str], int]]) -> None:
    """Put the counts into the audit log, all at once: a commit for each of ten thousand would hold up the writer."""
    events = audit.Batch()
    for (address, where), count in counts:
        events.record("strangers", address=address, where=where, count=count)
    events.save()
    floods.judge_strangers(counts)
