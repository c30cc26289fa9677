"""`manage.py exportaudit`: the audit log as JSON lines."""

import os
import re
import sys
from datetime import UTC, datetime, timedelta

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from chat.services.audit_export import codes, lines

_SPAN = re.compile(r"(\d{1,6})([hd])", re.ASCII)
_UNITS = {"h": "hours", "d": "days"}
# More is before anybody had a server, and more than a date can go back.
MOST_DAYS = 36_500


class Command(BaseCommand):
    """Write out the log."""

    help = "Write the audit log to standard output, one JSON object a line, the oldest event first."

    def add_arguments(self, parser: CommandParser) -> None:
        """From when, and which."""
        parser.add_argument(
            "--since", metavar="TIME", help="a date (2026-11-22), an instant (2026-11-22T08:00), or a span (36h, 7d)"
        )
        parser.add_argument("--code", action="append", default=[], help="only this code; may be given more than once")

    def handle(self, **options: object) -> None:
        """Write as it is read."""
        if unknown := set(options["code"]) - set(codes()):
            raise CommandError(
                f"No event in the log has the code {', '.join(sorted(unknown))}. The operator's guide lists them all."
            )
        try:
            for line in lines(_since(options["since"]), options["code"]):
                self.stdout.write(line)
        except BrokenPipeError:
            # Who reads has enough, as `head` has; nothing is left to be said, not even at the exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _since(text: str | None) -> datetime | None:
    if text is None:
        return None
    if (span := _SPAN.fullmatch(text)) is not None:
        length = timedelta(**{_UNITS[span[2]]: int(span[1])})
        return timezone.now() - min(length, timedelta(days=MOST_DAYS))
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text} is no time: write 2026-11-22, 2026-11-22T08:00, 36h or 7d; it is UTC.") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
