"""`manage.py showconnection`: what the newest connection file says, and where it is."""

import json
from datetime import UTC, datetime

from django.core.management.base import BaseCommand, CommandError, CommandParser

from clawchat.protocol.connection_file import ConnectionInfo
from clawchat.protocol.errors import PeerError
from discovery.models import Publication
from discovery.services import latest_publication, published_info


class Command(BaseCommand):
    """Show the newest connection file, opened."""

    help = "Show what the newest connection file says, and on which mirrors it is."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --json."""
        parser.add_argument("--json", action="store_true", help="print the opened file itself, paths included")

    def handle(self, **options: object) -> None:
        """Print it."""
        publication, info = latest_publication(), _read()
        if publication is None or info is None:
            raise CommandError("Nothing has been published yet. Start the server: make run")
        if options["json"]:
            self.stdout.write(json.dumps(json.loads(info.encode()), indent=2))
            return
        for line in [*_about(info), *_mirrors(publication)]:
            self.stdout.write(line)


def _read() -> ConnectionInfo | None:
    try:
        return published_info()
    except PeerError as error:
        raise CommandError(f"The newest file does not open with the present keys ({error}).") from None


def _about(info: ConnectionInfo) -> list[str]:
    return [
        f"{info.server_name}  {info.server_id}",
        f"fingerprint  {info.server_public.fingerprint}",
        f"serial       {info.serial}",
        f"valid        {_clock(info.valid_from)} to {_clock(info.valid_until)}",
        f"next move    {_clock(info.next_rotation)}",
        *(
            f"port         {endpoint.host}:{endpoint.port}{' TLS' if endpoint.tls else ''}, "
            f"{_clock(endpoint.valid_from)} to {_clock(endpoint.valid_until)}"
            for endpoint in info.endpoints
        ),
    ]


def _mirrors(publication: Publication) -> list[str]:
    results = publication.results.select_related("mirror").order_by("mirror_id")
    return [
        f"mirror       {result.mirror}: {result.get_state_display()} {result.detail}".rstrip() for result in results
    ]


def _clock(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
