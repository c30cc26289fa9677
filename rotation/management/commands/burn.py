"""`manage.py burn`: everything a thief may hold is made worthless, and how long that takes."""

import time

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat.services.identity import ensure_server
from chat.services.secrets import MasterKeyError
from rotation.models import Burn
from rotation.services import tick
from rotation.services.burning import (
    STEPS,
    BurnUnderWay,
    burn_under_way,
    mirrors_without,
    prospect,
    seconds_of,
    start_burn,
    waiting_for,
)
from rotation.wording import counted, who_runs_this

LOOK_SECONDS = 0.25
# A pass of the decider here, too, in case nobody else runs one.
TICK_SECONDS = 1.0
DEFAULT_WAIT_SECONDS = 180


class Command(BaseCommand):
    """Renew what a thief may hold, show how far it is, and say after how many seconds it was safe."""

    help = (
        "Burn: new ports, a new discovery secret, new session keys for everybody, the revocations on every mirror, and "
        "the time until it is safe. People who are connected stay so, and nobody has to do anything."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --dry-run, --drill, --why and --wait."""
        parser.add_argument("--dry-run", action="store_true", help="tell what would be renewed, and do nothing")
        parser.add_argument("--drill", action="store_true", help="note that it is a drill; it does all the same")
        parser.add_argument("--why", default="", help="a few words for the audit log")
        parser.add_argument(
            "--wait",
            type=int,
            default=DEFAULT_WAIT_SECONDS,
            metavar="SECONDS",
            help=f"how long to watch it, default {DEFAULT_WAIT_SECONDS}; it goes on by itself afterwards",
        )

    def handle(self, **options: object) -> None:
        """Tell, burn, watch."""
        try:
            ensure_server()
        except MasterKeyError as error:
            raise CommandError(str(error)) from None
        facts = prospect()
        if options["dry_run"]:
            self.stdout.write(f"A burn would renew: {_told(facts)}. Nothing was done.")
            return
        self.stdout.write(f"Renewing: {_told(facts)}.")
        if not facts["nodes"]:
            self.stdout.write("No server process runs: it is over when one was started and has published the new file.")
        try:
            burn = start_burn(f"burn, run by {who_runs_this()}", str(options["why"]), bool(options["drill"]))
        except BurnUnderWay:
            self.stdout.write("A burn is going on already; this shows how far it is.")
            burn = burn_under_way() or Burn.objects.order_by("-pk").first()
        self._watch(burn, int(options["wait"]))
        self._conclude(burn, facts["invitations"])

    def _watch(self, burn: Burn, longest: int) -> None:
        """Show each step as it is done, until all are or the time is over."""
        ends_at, ticked_at, shown = time.monotonic() + longest, float("-inf"), set()
        while True:
            if time.monotonic() - ticked_at >= TICK_SECONDS:
                ticked_at = time.monotonic()
                tick(int(time.time()))
            burn.refresh_from_db()
            for step in [step for step in STEPS if step not in shown and getattr(burn, step) is not None]:
                shown.add(step)
                self.stdout.write(f"  {seconds_of(burn, step):6.1f} s  {STEPS[step]}")
                self.stdout.flush()
            if burn.safe_at is not None or time.monotonic() >= ends_at:
                return
            time.sleep(LOOK_SECONDS)

    def _conclude(self, burn: Burn, invitations: int) -> None:
        if burn.safe_at is None:
            left = "; ".join(STEPS[step] for step in waiting_for(burn))
            raise CommandError(f"Not safe yet. It goes on by itself; what is missing: {left}. See clawchatstatus.")
        self.stdout.write(f"Safe after {seconds_of(burn, 'safe_at'):.1f} seconds.")
        if left := mirrors_without():
            self.stdout.write(f"Without the new file, because they take none: {', '.join(left)}.")
        if invitations:
            self.stdout.write(
                f"Whoever holds an open invitation is still let in; there are {invitations}. Cancel those that you do "
                "not trust, in the admin under Invites."
            )


def _told(facts: dict[str, int]) -> str:
    return (
        f"the discovery secret, {counted(facts['ports'], 'port')} on {counted(facts['nodes'], 'node')}, the keys of "
        f"{counted(facts['devices'], 'device')}, the file and the revocation list on "
        f"{counted(facts['mirrors'], 'mirror')}"
    )
