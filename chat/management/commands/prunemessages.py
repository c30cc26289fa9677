"""`prunemessages`: removes rows of the room log and files after the retention, and other leftovers."""

from django.core.management.base import BaseCommand

from chat.services.pruning import prune_files, prune_leftovers, prune_messages


class Command(BaseCommand):
    """Removes what has had its time."""

    help = "Remove messages and files older than the retention, and leftovers."

    def add_arguments(self, parser):
        """How old is too old."""
        parser.add_argument(
            "--days", type=int, default=None, help="instead of the retention in the connection policy; 0 keeps all"
        )

    def handle(self, *, days: int | None, **options):
        """Remove and tell."""
        self.stdout.write(f"messages: {prune_messages(days)}")
        self.stdout.write(f"files: {prune_files(days)}")
        for name, count in prune_leftovers().items():
            self.stdout.write(f"{name}: {count}")
