"""Runs inside a server's installation: publishes to all mirrors side by side, and then to one after the other."""

import time
from datetime import timedelta

from discovery.models import Publication
from discovery.services import publications
from discovery.services.carrying import carry_one, instant

PATIENCE_SECONDS = 60.0


def rounds(count: int) -> list[dict]:
    """What so many rounds took: together and each mirror alone, in seconds."""
    return [_round() for _ in range(count)]


def _round() -> dict:
    info = publications.published_info()
    began = time.perf_counter()
    publication = publications.publish(info, int(time.time()), anew=True, patience=PATIENCE_SECONDS)
    together = time.perf_counter() - began
    return {"together": together, "took it": _count_of(publication), "alone": _one_by_one(info)}


def _one_by_one(info) -> dict[str, float]:
    now = int(time.time())
    publication = publications._settle(info, now, True)
    results = list(publication.results.select_related("mirror"))
    for result in results:
        # So that the server's own worker leaves them to us.
        result.claim(instant(now) + timedelta(seconds=PATIENCE_SECONDS))
    seconds = {}
    for result in results:
        began = time.perf_counter()
        carry_one(result.pk, now)
        seconds[result.mirror.name] = time.perf_counter() - began
    assert _count_of(publication) == len(results), list(publication.results.values_list("detail", flat=True))
    return seconds


def _count_of(publication: Publication) -> int:
    return publication.results.filter(state="safe").count()
