"""`manage.py rotate_keys`: new keys, of one kind or of all, while everything runs."""

from collections.abc import Sequence
from datetime import timedelta

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat.services.identity import ensure_server
from chat.services.secrets import MasterKeyError
from chat.services.succession import DEFAULT_OVERLAP, HandoverError, check_overlap
from rotation.services.key_kinds import KeyKind, KeyNotChanged, Order
from rotation.services.key_rotation import KINDS, change, kinds_named, standings
from rotation.wording import who_runs_this

NAME_WIDTH = 11
# More than both identities ever serve, and less than a span of time can hold.
TOO_LONG = 10**9


class Command(BaseCommand):
    """Change keys, and say before and after what that does and who has to do what."""

    help = (
        "Make new keys while everything runs: nothing is lost, and as a rule nobody has to do anything. "
        "Says before and after what changed. Without an option it tells how the keys stand."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take one option for each kind, --all, --overlap, --why and --dry-run."""
        for kind in KINDS:
            parser.add_argument(f"--{kind.name}", action="store_true", help=kind.help)
        parser.add_argument("--all", action="store_true", help="all of these")
        parser.add_argument(
            "--overlap",
            type=int,
            default=int(DEFAULT_OVERLAP.total_seconds()),
            metavar="SECONDS",
            help="for how long the old and the new identity both serve (default: 30 days, 2592000)",
        )
        parser.add_argument("--why", default="renewed by an operator", help="a few words for the audit log")
        parser.add_argument("--dry-run", action="store_true", help="tell what would change, and change nothing")

    def handle(self, **options: object) -> None:
        """Tell, change, tell."""
        try:
            ensure_server()
        except MasterKeyError as error:
            raise CommandError(str(error)) from None
        chosen = kinds_named([kind.name for kind in KINDS if options["all"] or options[kind.name]])
        overlap = _overlap(options["overlap"])
        self._say("Now:", standings())
        if not chosen:
            return
        order = Order(
            f"rotate_keys, run by {who_runs_this()}",
            str(options["why"]),
            overlap,
            self._tell,
        )
        self._say(
            "What would change:" if options["dry_run"] else "What changes:",
            {kind.name: kind.obstacle() or kind.prospect(order) for kind in chosen},
        )
        if options["dry_run"]:
            self.stdout.write("Nothing was changed.")
            return
        failed = self._change(chosen, order)
        self._say("Now:", standings())
        if failed and (len(failed) == len(chosen) or not options["all"]):
            raise CommandError(" ".join(failed))

    def _change(self, chosen: Sequence[KeyKind], order: Order) -> list[str]:
        """Change one after the other; the sentences of those that could not be changed."""
        duties, failed = {}, []
        for kind in chosen:
            try:
                duties[kind.name] = change(kind, order)
            except KeyNotChanged as error:
                failed.append(str(error))
                duties[kind.name] = f"Not changed. {error}"
        self._say("Nothing was changed:" if len(failed) == len(chosen) else "Done. Who has to do what:", duties)
        return failed

    def _say(self, title: str, lines: dict[str, str]) -> None:
        self.stdout.write(title)
        for name, line in lines.items():
            self.stdout.write(f"  {name:<{NAME_WIDTH}}{line}")

    def _tell(self, sentence: str) -> None:
        self.stdout.write(f"  {sentence}")


def _overlap(seconds: int) -> timedelta:
    overlap = timedelta(seconds=max(0, min(seconds, TOO_LONG)))
    try:
        check_overlap(overlap)
    except HandoverError as error:
        raise CommandError(str(error)) from None
    return overlap
