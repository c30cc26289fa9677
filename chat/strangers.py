"""Strangers: counted per address, written to the audit log as one row a minute."""

from collections import Counter

from django.db import transaction

from chat.services import audit

MOST_ADDRESSES = 10_000


class Strangers:
    """How often each address came with a first message that let nobody in."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, address: str, where: str) -> None:
        """One more, stopped at `where`. When too many addresses come at once, the others are counted together."""
        known = (address, where) in self._counts or len(self._counts) < MOST_ADDRESSES
        self._counts[address if known else "", where] += 1

    def take(self) -> list[tuple[tuple[str, str], int]]:
        """The counts since the last call."""
        counts, self._counts = self._counts, Counter()
        return list(counts.items())


@transaction.atomic
def write(counts: list[tuple[tuple[str, str], int]]) -> None:
    """Put the counts into the audit log, all at once: a commit for each of ten thousand would hold up the writer."""
    for (address, where), count in counts:
        audit.record("strangers", address=address, where=where, count=count)
