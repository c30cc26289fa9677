"""The front door's own `/connection.json` and `/revocations.json`: the stable address that invitations name."""

import hashlib
import ssl
from time import monotonic
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from discovery.models import ServedFile
from discovery.web import Request, fetch

from .base import FILE_NAME, MirrorDriver, MirrorError, Reach

ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (what is bound, turned into what can be dialled)


class HttpsEndpoint(MirrorDriver):
    """Stores each object in a row that the front door serves, and reads it back through the door."""

    seconds = 5.0

    def put(self, name: str, data: bytes) -> None:
        """Make the row hold `data`; every process of this server serves it from then on."""
        values = {"body": data, "sha256": hashlib.sha256(data).hexdigest(), "put_at": timezone.now()}
        ServedFile.objects.update_or_create(mirror=self.mirror, name=name, defaults=values)

    def get(self, name: str) -> bytes:
        """What the front door answers, asked over HTTP as a reader would.

        Of several nodes the one whose door we know best may be down while another one serves readers: where ours does
        not give the file, the public address is asked.
        """
        if settings.CLAWCHAT_FRONT is None:
            raise MirrorError("The front door is off (CLAWCHAT_FRONT), so nothing serves the file.")
        host, port = settings.CLAWCHAT_FRONT
        scheme = "https" if settings.CLAWCHAT_FRONT_TLS else "http"
        # The front door answers to its public name only (ALLOWED_HOSTS), wherever it is bound.
        public = urlsplit(settings.CLAWCHAT_FRONT_URL).netloc or "localhost"
        url, began = f"{scheme}://{public}/{name}", monotonic()
        try:
            return _fetch(url, self.seconds / 2, dial=(ANY_ADDRESS.get(host, host), port))
        except MirrorError as error:
            if not settings.CLAWCHAT_FRONT_URL:
                raise
            try:
                return _fetch(f"{settings.CLAWCHAT_FRONT_URL.rstrip('/')}/{name}", self.seconds - monotonic() + began)
            except MirrorError:
                # What our own door does says more to its operator.
                raise error from None

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

    def reach(self) -> Reach:
        """Nobody while the front door is off, though its address stays in the file for the time it is open again."""
        return Reach.NOBODY if settings.CLAWCHAT_FRONT is None else super().reach()

    def check(self) -> str:
        """Says so when there is no front door, or no address to publish for it."""
        if settings.CLAWCHAT_FRONT is None:
            return "The front door is off (CLAWCHAT_FRONT=off); disable this mirror or open the door."
        if not settings.CLAWCHAT_FRONT_URL:
            return "CLAWCHAT_FRONT_URL is empty, so readers cannot be told where the front door is."
        return ""


def _fetch(url: str, seconds: float, dial: tuple[str, int] | None = None) -> bytes:
    context = _context() if url.startswith("https:") else None
    return fetch(Request("GET", url, context=context, dial=dial), seconds)


def _context() -> ssl.SSLContext:
    # It is our own door, mostly dialled by an address, and what it gives is compared with what was put there. Whether
    # readers trust its certificate is for them to find out.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
