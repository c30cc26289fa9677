"""The front door's own `/connection.json` and `/revocations.json`: the stable address that invitations name."""

import hashlib
import ssl
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from discovery.models import ServedFile
from discovery.web import Request, fetch

from .base import FILE_NAME, MirrorDriver, MirrorError

ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (what is bound, turned into what can be dialled)


class HttpsEndpoint(MirrorDriver):
    """Stores each object in a row that the front door serves, and reads it back through the door."""

    seconds = 5.0

    def put(self, name: str, data: bytes) -> None:
        """Make the row hold `data`; every process of this server serves it from then on."""
        values = {"body": data, "sha256": hashlib.sha256(data).hexdigest(), "put_at": timezone.now()}
        ServedFile.objects.update_or_create(mirror=self.mirror, name=name, defaults=values)

    def get(self, name: str) -> bytes:
        """What the front door answers, asked over HTTP as a reader would."""
        if settings.CLAWCHAT_FRONT is None:
            raise MirrorError("The front door is off (CLAWCHAT_FRONT), so nothing serves the file.")
        host, port = settings.CLAWCHAT_FRONT
        scheme = "https" if settings.CLAWCHAT_FRONT_TLS else "http"
        # The front door answers to its public name only (ALLOWED_HOSTS), wherever it is bound.
        public = urlsplit(settings.CLAWCHAT_FRONT_URL).netloc or "localhost"
        request = Request(
            "GET",
            f"{scheme}://{public}/{name}",
            context=_context() if scheme == "https" else None,
            dial=(ANY_ADDRESS.get(host, host), port),
        )
        return fetch(request, self.seconds)

    def probe(self) -> None:
        """The door hands out two names and no third: it is asked for the file that is there."""
        held = ServedFile.objects.filter(mirror=self.mirror, name=FILE_NAME).first()
        if held is None:
            raise MirrorError("Nothing has been put there yet; start the server once.")
        if self.get(FILE_NAME) != bytes(held.body):
            raise MirrorError("The front door serves other bytes than were put there.")

    def public_locations(self) -> tuple[str, ...]:
        """The URL under the front door's public address."""
        front = settings.CLAWCHAT_FRONT_URL.rstrip("/")
        return (f"{front}/{FILE_NAME}",) if front else ()

    def check(self) -> str:
        """Says so when there is no front door, or no address to publish for it."""
        if settings.CLAWCHAT_FRONT is None:
            return "The front door is off (CLAWCHAT_FRONT=off); disable this mirror or open the door."
        if not settings.CLAWCHAT_FRONT_URL:
            return "CLAWCHAT_FRONT_URL is empty, so readers cannot be told where the front door is."
        return ""


def _context() -> ssl.SSLContext:
    # It is our own door, dialled by an address, and what it gives is compared with what was put there. Whether readers
    # trust its certificate is for them to find out.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
