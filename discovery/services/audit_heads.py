"""What published connection files say of the audit log's end: whoever shortens the log cannot take that back."""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from django.conf import settings

from chat.models import DiscoverySecret, ServerIdentity
from chat.services.audit_chain import Head
from chat.services.sealed import open_discovery_secret
from clawchat.protocol.connection_file import SealedConnectionFile
from clawchat.protocol.errors import PeerError
from clawchat.protocol.key_schedule import key_id
from clawchat.protocol.keys import DiscoverySecret as Secret
from clawchat.protocol.keys import IdentityPublic
from clawchat.protocol.limits import CONNECTION_FILE_MAX_BYTES
from discovery.mirrors.base import FILE_NAME, MirrorError
from discovery.models import Mirror, Publication

from .instants import instant
from .mirrors import driver_of
from .side_by_side import run_all

# For the slowest mirror. Who takes longer is left out, and named.
SECONDS = 20.0


class Source(NamedTuple):
    """One file that was asked: where it lies, what it says of the log's end, or why nothing."""

    name: str
    head: Head | None = None
    problem: str = ""


def stored_heads() -> Iterator[Head]:
    """Of every file of this server that the database still has and that opens, the newest last."""
    reading = _Reading()
    for publication in Publication.objects.order_by("serial").iterator(chunk_size=100):
        head = reading.head(bytes(publication.body), "the stored connection file")
        if head is not None:
            yield head


def heads_elsewhere() -> list[Source]:
    """Of the file in the data directory and of the one at each enabled mirror, all of them asked at once."""
    reading, found = _Reading(), {}
    mirrors = list(Mirror.objects.enabled())
    run_all([partial(_ask, mirror, reading, found) for mirror in mirrors], SECONDS)
    at_mirrors = [found.get(mirror.pk, Source(mirror.name, problem="It takes too long.")) for mirror in mirrors]
    return [_in_data_dir(reading), *at_mirrors]


class _Reading:
    """Opens files with every key this server has had. What somebody else signed proves nothing."""

    def __init__(self) -> None:
        self._secrets: dict[bytes, Secret] = {}
        for row in DiscoverySecret.objects.all():
            try:
                secret = open_discovery_secret(row)
            except PeerError:
                continue
            self._secrets[key_id(secret)] = secret
        self._pins = [IdentityPublic.from_bytes(bytes(row.public)) for row in ServerIdentity.objects.all()]

    def head(self, data: bytes, where: str) -> Head | None:
        """What the file says; None for one of ours that says nothing, or that does not open any more.

        Raises nothing: a file that is not ours says nothing about our log.
        """
        try:
            sealed = SealedConnectionFile.parse(data)
            secret = self._secrets.get(sealed.kid)
            info = secret and sealed.open(secret, self._pins)
        except PeerError:
            return None
        if not info or info.audit_head is None:
            return None
        signed_at = f"{instant(info.timestamp):%Y-%m-%d %H:%M:%S} UTC"
        return Head(info.audit_head.number, info.audit_head.hash, f"{where} of {signed_at}")

    def source(self, name: str, data: bytes, where: str) -> Source:
        """What the file at this place says."""
        head = self.head(data, where)
        return Source(name, head, "" if head else "It holds no file of this server that opens and says it.")


def _ask(mirror: Mirror, reading: _Reading, found: dict[int, Source]) -> None:
    where = f"the connection file at {mirror.name}"
    try:
        found[mirror.pk] = reading.source(mirror.name, driver_of(mirror).get(FILE_NAME), where)
    except MirrorError as error:
        found[mirror.pk] = Source(mirror.name, problem=str(error))
    except KeyError:
        found[mirror.pk] = Source(mirror.name, problem=f"This version does not know the kind {mirror.kind}.")


def _in_data_dir(reading: _Reading) -> Source:
    """Also with its mirror turned off, or removed by whoever can write the database."""
    name = "Data directory"
    try:
        with (settings.CLAWCHAT_DATA_DIR / FILE_NAME).open("rb") as file:
            data = file.read(CONNECTION_FILE_MAX_BYTES + 1)
    except OSError as error:
        return Source(name, problem=f"Its {FILE_NAME} cannot be read: {error.strerror}.")
    return reading.source(name, data, "the connection file in the data directory")
