"""`manage.py checkconnection`: the way of a client to this server, gone now, and the one thing that is in it."""

import json

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat.models import ServerIdentity
from clawchat.diagnosis import Diagnosis, Step
from rotation.services.connection_check import check_connection

WIDTH = 27


class Command(BaseCommand):
    """Go the way of a client, and end in one sentence with one remedy."""

    help = (
        "Go the way of a client to this server over the network: clock, page, places one by one, signature, freshness, "
        "port, TLS, gate. Ends in one sentence with one remedy; status 1 when clients cannot connect."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --json."""
        parser.add_argument("--json", action="store_true", help="print steps and verdict as JSON")

    def handle(self, **options: object) -> None:
        """Print the way, then the verdict."""
        if not ServerIdentity.objects.exists():
            raise CommandError("No server has run here yet; start it: make run")
        found = check_connection()
        if options["json"]:
            self.stdout.write(json.dumps(_plain(found), indent=2))
        else:
            for line in [line for step in found.steps if step.observations for line in _lines(step)]:
                self.stdout.write(line)
        verdict = " ".join(filter(None, (found.verdict.sentence, found.verdict.remedy)))
        if found.verdict.code != "well":
            raise CommandError(verdict)
        if not options["json"]:
            self.stdout.write(f"\n{verdict}")


def _lines(step: Step) -> list[str]:
    titles = [step.title, *[""] * (len(step.observations) - 1)]
    return [
        f"{title:{WIDTH}}{each.finding.grade.value:9}{each.sentence}"
        for title, each in zip(titles, step.observations, strict=True)
    ]


def _plain(found: Diagnosis) -> dict[str, object]:
    return {
        "steps": [
            {
                "name": step.name,
                "grade": step.grade.value,
                "met": [{"code": each.code, "sentence": each.sentence} for each in step.observations],
            }
            for step in found.steps
            if step.observations
        ],
        "verdict": {
            "code": found.verdict.code,
            "sentence": found.verdict.sentence,
            "remedy": found.verdict.remedy,
        },
    }
