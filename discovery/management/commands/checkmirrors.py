"""`manage.py checkmirrors`: prove each mirror by writing, reading back and overwriting a probe, and look at it."""

import time
from functools import partial

from django.core.management.base import BaseCommand, CommandError, CommandParser

from discovery.mirrors import DRIVERS, MirrorError
from discovery.models import Mirror, Publication, PublicationResult
from discovery.services import carry_one, driver_of, run_all, watch

WELL = "takes and gives what it should"


class Command(BaseCommand):
    """Prove the mirrors."""

    help = "Prove each enabled mirror by writing, reading back and overwriting a probe; then read it as a reader would."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take names, and --live."""
        parser.add_argument("name", nargs="*", help="only these mirrors, disabled ones too")
        parser.add_argument("--live", action="store_true", help="also ask MEGA what is not known of it, and report")

    def handle(self, **options: object) -> None:
        """Say of each mirror what is wrong; status 1 when something is."""
        mirrors = _chosen(options["name"])
        problems: dict[int, str] = {}
        run_all(partial(_prove, mirror, problems) for mirror in mirrors)
        for mirror in mirrors:
            self.stdout.write(f"{mirror.name} ({mirror.kind}): {problems[mirror.pk] or WELL}")
            if options["live"] and mirror.kind in DRIVERS:
                for line in driver_of(mirror).live_report():
                    self.stdout.write(f"  {line}")
        wrong = [mirror.name for mirror in mirrors if problems[mirror.pk]]
        if wrong:
            raise CommandError(f"Not well: {', '.join(wrong)}. The lines above say why.")


def _chosen(names: list[str]) -> list[Mirror]:
    if not names:
        return list(Mirror.objects.enabled())
    mirrors = list(Mirror.objects.filter(name__in=names).order_by("pk"))
    unknown = set(names) - {mirror.name for mirror in mirrors}
    if unknown:
        raise CommandError(f"There is no mirror of this name: {', '.join(sorted(unknown))}.")
    return mirrors


def _prove(mirror: Mirror, problems: dict[int, str]) -> None:
    problems[mirror.pk] = "It could not be looked at; the log says why."
    if mirror.kind not in DRIVERS:
        problems[mirror.pk] = f"This version does not know the kind {mirror.kind}; disable it."
        return
    try:
        driver = driver_of(mirror)
        problem = driver.check()
        if not problem:
            driver.probe()
            now = int(time.time())
            problem = watch(mirror.pk, now) or _why_unsafe(mirror, now)
    except MirrorError as error:
        problem = str(error)
    problems[mirror.pk] = problem


def _why_unsafe(mirror: Mirror, now: int) -> str:
    """Why the newest file is not there, tried once more; empty when it is, or was never meant for this mirror."""
    result = PublicationResult.objects.filter(publication=Publication.objects.newest(), mirror=mirror).first()
    if result is None or not mirror.enabled:
        return ""
    carry_one(result.pk, now)
    result.refresh_from_db()
    return (
        "" if result.state == PublicationResult.State.SAFE else result.detail or "It does not have the newest file yet."
    )
