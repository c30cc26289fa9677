"""`manage.py rotateports`: the ports move early."""

import time
from datetime import UTC, datetime

from django.core.management.base import BaseCommand, CommandError, CommandParser

from rotation.services.manual import EarlyMove, NothingMoves, rotate_ports
from rotation.wording import who_runs_this


class Command(BaseCommand):
    """Let ports move before their time."""

    help = "Let the open ports move early. The server follows within a second; clients lose nothing. Fit for cron."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --now, --port, --node and --dry-run."""
        parser.add_argument(
            "--now",
            action="store_true",
            help="move as soon as the published file lists the next port, instead of a lead from now",
        )
        parser.add_argument("--port", type=int, help="move this open port only")
        parser.add_argument("--node", help="move the ports of the node with this name only")
        parser.add_argument("--dry-run", action="store_true", help="tell what would happen, and do nothing")

    def handle(self, **options: object) -> None:
        """Move them, and say in one line what becomes of them."""
        try:
            moves = rotate_ports(
                int(time.time()),
                f"rotateports, run by {who_runs_this()}",
                at_once=bool(options["now"]),
                port=options["port"],
                node=options["node"],
                dry_run=bool(options["dry_run"]),
            )
        except NothingMoves as error:
            raise CommandError(str(error)) from None
        sentence = "; ".join(_told(move) for move in moves)
        self.stdout.write(f"Would move, but nothing was done: {sentence}." if options["dry_run"] else f"{sentence}.")


def _told(move: EarlyMove) -> str:
    successor = f" to {move.successor}" if move.successor else ""
    if move.after == move.before:
        return f"port {move.port} moves{successor} at {_clock(move.after)} anyway"
    return f"port {move.port} moves{successor} at {_clock(move.after)} instead of {_clock(move.before)}"


def _clock(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%S} UTC"
