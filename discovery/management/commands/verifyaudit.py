"""`manage.py verifyaudit`: walk the audit log and name the first event that was changed, is missing or does not fit."""

from itertools import chain

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat.services.audit_chain import Head, waiting_count, walk
from chat.services.audit_rows import BrokenLink
from discovery.services.audit_heads import Source, heads_elsewhere, stored_heads

# Between two lines of progress; a machine of two cores walks as many in a few seconds.
TOLD_EVERY = 100_000
HASH_DIGITS = 64
REMEDY = (
    "Keep a copy of the database as it is, and find out who could write to it; a backup from before shows what was "
    "there. What comes behind that event was not looked at."
)


class Command(BaseCommand):
    """Walk the chain."""

    help = "Walk the audit log from its beginning, and compare it with what was published of it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take heads by hand."""
        parser.add_argument(
            "--head",
            action="append",
            default=[],
            metavar="NUMBER:HASH",
            help="number and hash of an event, written down elsewhere before (may be given more than once)",
        )
        parser.add_argument("--no-mirrors", action="store_true", help="do not ask the mirrors for the file they have")

    def handle(self, **options: object) -> None:
        """Say what hangs together and what it was compared with; status 1 when something does not fit."""
        heads = [_parse(text) for text in options["head"]]
        stored = list(stored_heads())
        sources = [] if options["no_mirrors"] else heads_elsewhere()
        elsewhere = [source.head for source in sources if source.head is not None]
        try:
            found = walk(list(chain(heads, stored, elsewhere)), self._tell_progress)
        except BrokenLink as broken:
            raise CommandError(f"The audit log is broken. {broken} {REMEDY}") from None
        if found.count:
            self.stdout.write(f"Events {found.first:,} to {found.last:,} hang together.")
        else:
            self.stdout.write("No event is in the log.")
        if waiting := waiting_count():
            self.stdout.write(f"{waiting:,} events wait to be linked; a server that runs does it within a second.")
        self.stdout.write(f"Compared with {len(stored)} stored connection files and {len(heads)} heads given here.")
        for source in sources:
            self.stdout.write(_line(source))
        self.stdout.write(f"To compare with later, from elsewhere: --head {found.last}:{found.hash.hex()}")

    def _tell_progress(self, count: int) -> None:
        if count // TOLD_EVERY > self._told:
            self._told = count // TOLD_EVERY
            self.stderr.write(f"{count:,} events ...")

    _told = 0


def _parse(text: str) -> Head:
    number, _, digest = text.partition(":")
    try:
        head = Head(int(number), bytes.fromhex(digest), "the head given here")
    except ValueError:
        head = None
    if head is None or len(digest) != HASH_DIGITS or head.number < 1:
        raise CommandError(f"A head is NUMBER:HASH, with {HASH_DIGITS} hex digits, as this command writes it.")
    return head


def _line(source: Source) -> str:
    if source.head is None:
        return f"{source.name}: not compared. {source.problem}"
    return f"{source.name}: its file says {source.head.number:,}."
