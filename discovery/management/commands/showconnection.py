"""`manage.py showconnection`: what a connection file says, and where the newest one is."""

import json

from django.core.management.base import BaseCommand, CommandError, CommandParser

from clawchat.diagnosis import Observation
from clawchat.protocol.connection_file import ConnectionInfo, SealedConnectionFile
from clawchat.protocol.errors import PeerError, UsageError
from discovery.models import Publication
from discovery.services import latest_publication, published_info, published_serial
from discovery.services.explaining import about_info, about_list, about_seal, look_at


class Command(BaseCommand):
    """Show the newest connection file, or one from elsewhere, opened."""

    help = (
        "Show what the newest connection file says, and on which mirrors it is. With --from: fetch the file at a URL "
        "or a path, judge it as a client would, and explain it; status 1 when it is not to be believed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --json and --from."""
        parser.add_argument("--json", action="store_true", help="print the opened file itself, paths included")
        parser.add_argument(
            "--from", dest="source", metavar="URL|FILE", help="explain the file that lies there instead"
        )

    def handle(self, **options: object) -> None:
        """Print it."""
        info, lines = self._elsewhere(str(options["source"])) if options["source"] else _newest()
        if options["json"]:
            self.stdout.write(json.dumps(json.loads(info.encode()), indent=2))
            return
        for line in lines:
            self.stdout.write(line)

    def _elsewhere(self, source: str) -> tuple[ConnectionInfo, list[str]]:
        try:
            found = look_at(source, published_serial() or 0)
        except UsageError as error:
            raise CommandError(str(error)) from None
        if found.info is None or found.sealed is None:
            for line in about_seal(found.sealed) if found.sealed else []:
                self.stdout.write(line)
            raise CommandError(_why_not(found.met))
        said = [f"judged       {each.sentence}" for each in found.met]
        about = [*about_info(found.info), *about_seal(found.sealed), *about_list(found.info, found.revocations)]
        return found.info, [*about, *said]


def _why_not(met: tuple[Observation, ...]) -> str:
    bad = [each for each in met if each.finding.operator]
    return " ".join(f"{each.sentence} {each.finding.operator}" for each in bad)


def _newest() -> tuple[ConnectionInfo, list[str]]:
    publication, info = latest_publication(), _read()
    if publication is None or info is None:
        raise CommandError("Nothing has been published yet. Start the server: make run")
    sealed, beside = SealedConnectionFile.parse(bytes(publication.body)), publication.revocations
    about = [*about_info(info), *about_seal(sealed), *about_list(info, bytes(beside.body) if beside else None)]
    return info, [*about, *_mirrors(publication)]


def _read() -> ConnectionInfo | None:
    try:
        return published_info()
    except PeerError as error:
        raise CommandError(f"The newest file does not open with the present keys ({error}).") from None


def _mirrors(publication: Publication) -> list[str]:
    results = publication.results.select_related("mirror").order_by("mirror_id")
    return [
        f"mirror       {result.mirror}: {result.get_state_display()}{result.detail and f'. {result.detail}'}"
        for result in results
    ]
