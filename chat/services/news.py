"""News: rows that every server process reads, once each."""

import time

from django.db.models import Max, Q

from chat.models import News

# Ids are given before commits: a lower one may appear after a higher one. A gap is looked at again for so long.
LATE_SECONDS = 60.0
# More than may be told while one transaction is under way.
LATE_IDS = 100


def tell(kind: News.Kind, subject: str = "") -> None:
    """Let every server process know, once the transaction around it commits."""
    News.objects.create(kind=kind, subject=subject)


class NewsReader:
    """One process's place in the news."""

    def __init__(self) -> None:
        self._last = 0
        # Ids below the last one that were not there yet, and when that was noticed.
        self._missing: dict[int, float] = {}

    def skip(self) -> None:
        """Begin behind what is there now: whoever starts reads everything else from its own rows.

        What is told by a transaction that is still under way is news all the same: those rows do not show it yet.
        """
        self._last = News.objects.aggregate(last=Max("id"))["last"] or 0
        lately = range(max(1, self._last - LATE_IDS), self._last)
        there = set(News.objects.filter(id__gte=lately.start).values_list("id", flat=True))
        self._missing = dict.fromkeys(set(lately) - there, time.monotonic())

    def read(self) -> list[News]:
        """What is new since the last call, late rows included."""
        now = time.monotonic()
        self._missing = {number: since for number, since in self._missing.items() if now - since < LATE_SECONDS}
        found = list(News.objects.filter(Q(id__gt=self._last) | Q(id__in=list(self._missing))).order_by("id"))
        for row in found:
            if row.id > self._last:
                self._missing.update(dict.fromkeys(range(self._last + 1, row.id), now))
                self._last = row.id
            self._missing.pop(row.id, None)
        return found
