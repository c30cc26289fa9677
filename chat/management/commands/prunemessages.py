"""`prunemessages`: removes rows of the room log after the retention, and other leftovers."""

from django.core.management.base import BaseCommand

from chat.services.pruning import prune_leftovers, prune_messages


class Command(BaseCommand):
    """Removes what has had its time."""

    help = "Remove messages older than the retention, and leftovers."

    def add_arguments(self, parser):
        """How old is too old."""
        parser.add_argument(
            "--days", type=int, default=None, help="instead of the retention in the connection policy; 0 keeps all"
        )

    def handle(self, *, days: int | None, **options):
        """Remove and tell."""
        self.stdout.write(f"messages: {prune_messages(days)}")
        for name, count in prune_leftovers().items():
            self.stdout.write(f"{name}: {count}")
