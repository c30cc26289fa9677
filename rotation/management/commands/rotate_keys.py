"""`manage.py rotate_keys`: new keys, of one kind or of all, while everything runs."""

import json
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
# What programs read.
CHANGED, REFUSED, WOULD, WOULD_REFUSE = "changed", "refused", "would change", "would be refused"


class Command(BaseCommand):
    """Change keys, and say before and after what that does and who has to do what."""

    help = (
        "Make new keys while everything runs: nothing is lost, and as a rule nobody has to do anything. "
        "Says before and after what changed. Without an option it tells how the keys stand."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take one option for each kind, --all, --overlap, --why, --dry-run and --json."""
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
        parser.add_argument(
            "--json", action="store_true", help="print one object for programs, of each kind its result"
        )

    def handle(self, **options: object) -> None:
        """Tell, change, tell."""
        try:
            ensure_server()
        except MasterKeyError as error:
            raise CommandError(str(error)) from None
        self._is_json = bool(options["json"])
        chosen = kinds_named([kind.name for kind in KINDS if options["all"] or options[kind.name]])
        overlap = _overlap(options["overlap"])
        before = standings()
        self._say("Now:", before)
        order = Order(
            f"rotate_keys, run by {who_runs_this()}",
            str(options["why"]),
            overlap,
            self._tell,
        )
        results = self._foresee(chosen, order)
        if chosen:
            self._say("What would change:" if options["dry_run"] else "What changes:", _sentences(results))
        after = before
        if chosen and not options["dry_run"]:
            results = self._change(chosen, order)
            after = standings()
            self._say("Now:", after)
        elif chosen:
            self._say("Nothing was changed.", {})
        if self._is_json:
            told = {"dry_run": bool(options["dry_run"]), "before": before, "keys": results, "after": after}
            self.stdout.write(json.dumps(told, indent=2))
        refused = [result["sentence"] for result in results.values() if result["result"] == REFUSED]
        if refused and (len(refused) == len(chosen) or not options["all"]):
            raise CommandError(" ".join(refused))

    def _foresee(self, chosen: Sequence[KeyKind], order: Order) -> dict[str, dict[str, str]]:
        """What changing each would come to."""
        found = {}
        for kind in chosen:
            obstacle = kind.obstacle()
            found[kind.name] = _result(WOULD_REFUSE, obstacle) if obstacle else _result(WOULD, kind.prospect(order))
        return found

    def _change(self, chosen: Sequence[KeyKind], order: Order) -> dict[str, dict[str, str]]:
        """Change one after the other, and say of each what came of it."""
        found = {}
        for kind in chosen:
            try:
                found[kind.name] = _result(CHANGED, change(kind, order))
            except KeyNotChanged as error:
                found[kind.name] = _result(REFUSED, str(error))
        nothing = all(result["result"] == REFUSED for result in found.values())
        self._say("Nothing was changed:" if nothing else "Done. Who has to do what:", _sentences(found))
        return found

    def _say(self, title: str, lines: dict[str, str]) -> None:
        if self._is_json:
            return
        self.stdout.write(title)
        for name, line in lines.items():
            self.stdout.write(f"  {name:<{NAME_WIDTH}}{line}")

    def _tell(self, sentence: str) -> None:
        # A program reads one piece of JSON; whoever watches it sees how far it is all the same.
        (self.stderr if self._is_json else self.stdout).write(f"  {sentence}")


def _result(result: str, sentence: str) -> dict[str, str]:
    return {"result": result, "sentence": sentence}


def _sentences(results: dict[str, dict[str, str]]) -> dict[str, str]:
    """What people read of each."""
    return {
        name: f"Not changed. {found['sentence']}" if found["result"] == REFUSED else found["sentence"]
        for name, found in results.items()
    }


def _overlap(seconds: int) -> timedelta:
    overlap = timedelta(seconds=max(0, min(seconds, TOO_LONG)))
    try:
        check_overlap(overlap)
    except HandoverError as error:
        raise CommandError(str(error)) from None
    return overlap
