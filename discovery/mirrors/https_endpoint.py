"""The front door's own `/connection.json` and `/revocations.json`: the stable address that invitations name."""

import hashlib
import http.client
import ssl
import time
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from clawchat.protocol.limits import CONNECTION_FILE_MAX_BYTES
from discovery.models import ServedFile

from .base import FILE_NAME, MirrorDriver, MirrorError

CHUNK_BYTES = 16384
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
        deadline = time.monotonic() + self.seconds
        connection = _connection(ANY_ADDRESS.get(host, host), port, self.seconds)
        try:
            return _fetch(connection, f"/{name}", deadline)
        except (OSError, http.client.HTTPException) as error:
            raise MirrorError(f"The front door at {host}:{port} does not answer: {error}.") from error
        finally:
            connection.close()

    def public_locations(self) -> tuple[str, ...]:
        """The URL under the front door's public address."""
        return (settings.CLAWCHAT_FRONT_URL.rstrip("/") + f"/{FILE_NAME}",) if settings.CLAWCHAT_FRONT_URL else ()

    def check(self) -> str:
        """Says so when there is no front door, or no address to publish for it."""
        if settings.CLAWCHAT_FRONT is None:
            return "The front door is off (CLAWCHAT_FRONT=off); disable this mirror or open the door."
        if not settings.CLAWCHAT_FRONT_URL:
            return "CLAWCHAT_FRONT_URL is empty, so readers cannot be told where the front door is."
        return ""


def _connection(host: str, port: int, seconds: float) -> http.client.HTTPConnection:
    if not settings.CLAWCHAT_FRONT_TLS:
        return http.client.HTTPConnection(host, port, timeout=seconds)
    # It is our own door, dialled by an address, and what it gives is compared with what was put there. Whether readers
    # trust its certificate is for them to find out.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=seconds, context=context)


def _fetch(connection: http.client.HTTPConnection, path: str, deadline: float) -> bytes:
    # The front door answers to its public name only (ALLOWED_HOSTS).
    name = urlsplit(settings.CLAWCHAT_FRONT_URL).netloc or "localhost"
    connection.request("GET", path, headers={"Host": name})
    answer = connection.getresponse()
    if answer.status != http.HTTPStatus.OK:
        raise MirrorError(f"The front door answered {answer.status} instead of the file.")
    data = b""
    while chunk := answer.read1(CHUNK_BYTES):
        data += chunk
        if len(data) > CONNECTION_FILE_MAX_BYTES:
            raise MirrorError("The front door's answer is larger than a connection file may be.")
        if time.monotonic() > deadline:
            raise MirrorError("The front door took too long to answer.")
    return data
