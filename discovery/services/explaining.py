"""What a published object says, in lines for whoever runs this server; opened with every key it has had."""

import asyncio
import hashlib
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import aiohttp

from chat.models import DiscoverySecret, DiscoveryWrap, ServerIdentity
from chat.services.sealed import open_discovery_secret
from clawchat.client.judgement import Believing, Judgement
from clawchat.client.place_reading import NotRead, read_place
from clawchat.diagnosis import Observation
from clawchat.protocol.connection_file import ConnectionInfo, SealedConnectionFile
from clawchat.protocol.errors import PeerError, Unauthentic, UsageError
from clawchat.protocol.key_schedule import key_id
from clawchat.protocol.keys import IdentityPublic
from clawchat.protocol.limits import CONNECTION_FILE_MAX_BYTES
from clawchat.protocol.places import LIST_NAME, MegaFolder, WebPlace, parse_place
from clawchat.protocol.revocation_list import SealedRevocationList
from clawchat.protocol.wraps import WRAP_BYTES


class Found(NamedTuple):
    """What lies somewhere: what is to be said of it, the file itself, and the list beside it; None where there is none.

    `info` is None for a file that is not to be believed, `sealed` also for what is no connection file at all.
    """

    met: tuple[Observation, ...]
    sealed: SealedConnectionFile | None = None
    info: ConnectionInfo | None = None
    revocations: bytes | None = None


def look_at(source: str, last_serial: int) -> Found:
    """What a client would make of this URL, or of this file, when it has believed `last_serial` (0: none) before.

    Raises: usage (neither a place nor a file that can be read).
    """
    place = parse_place(source)
    try:
        host, data, revocations = _from_file(Path(source)) if place is None else asyncio.run(_from_place(place))
    except NotRead as error:
        return Found((error.met,))
    secrets = (open_discovery_secret(row) for row in DiscoverySecret.objects.order_by("-current", "-pk"))
    believing = Believing({key_id(secret): secret for secret in secrets}, _pins(), last_serial)
    judgement = Judgement(believing, int(time.time()))
    judgement.judge([(host, data)])
    try:
        sealed = SealedConnectionFile.parse(data)
    except PeerError:
        sealed = None
    return Found(tuple(judgement.met), sealed, judgement.info, revocations)


def about_seal(sealed: SealedConnectionFile) -> list[str]:
    """Who signed it, under which secret it lies, and for whom that is wrapped."""
    return [f"signed by    {_signers(sealed)}", f"secret       {_secret(sealed.kid)}", f"wraps        {_wraps(sealed)}"]


def about_info(info: ConnectionInfo) -> list[str]:
    """What the file says; paths are left out."""
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
        *([f"audit log    {info.audit_head.number} entries"] if info.audit_head else []),
    ]


def about_list(info: ConnectionInfo, data: bytes | None) -> list[str]:
    """Whether the list is the one that the file names, and what is on it."""
    head = info.revocations
    if head is None:
        return ["revocations  none"]
    if data is None:
        return [f"revocations  list {head.serial} is named, and is not there"]
    if hashlib.sha256(data).digest() != head.sha256:
        return [f"revocations  list {head.serial} is named, and another one is there: clients do not use it"]
    try:
        sealed = SealedRevocationList.parse(data)
        secret = open_discovery_secret(DiscoverySecret.objects.get(kid=sealed.kid))
        opened = sealed.open(secret, _pins())
    except (PeerError, DiscoverySecret.DoesNotExist):
        return [f"revocations  list {head.serial} does not open with the keys of this server"]
    lines = [
        f"{entry.kind.value:12} {entry.id.hex()}, {_clock(entry.since)}: {entry.reason}" for entry in opened.entries
    ]
    return [f"revocations  list {head.serial}, {len(opened.entries)} entries", *lines]


def _from_file(path: Path) -> tuple[str, bytes, bytes | None]:
    beside = path.with_name(LIST_NAME)
    return path.name, _bytes(path), _bytes(beside) if beside.is_file() and beside != path else None


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(CONNECTION_FILE_MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} is no place, and no file that can be read: {error.strerror}.") from None


async def _from_place(place: WebPlace | MegaFolder) -> tuple[str, bytes, bytes | None]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        data = await read_place(http, place)
        try:
            return place.host, data, await read_place(http, place, LIST_NAME)
        except NotRead:
            return place.host, data, None


def _pins() -> list[IdentityPublic]:
    """This server's identities, the one in use first; also former ones, so that an old file can be named as such."""
    rows = ServerIdentity.objects.order_by("state", "-pk")
    return [IdentityPublic.from_bytes(bytes(row.public)) for row in rows]


def _signers(sealed: SealedConnectionFile) -> str:
    found = []
    for row in ServerIdentity.objects.order_by("state"):
        public = IdentityPublic.from_bytes(bytes(row.public))
        try:
            sealed.verify([public])
        except Unauthentic:
            continue
        found.append({"active": "this server", "successor": "its successor"}.get(row.state, "a former identity of it"))
    return " and ".join(found) or "somebody else"


def _secret(kid: bytes) -> str:
    row = DiscoverySecret.objects.filter(kid=kid).first()
    if row is None:
        return f"{kid.hex()}, which this server never had"
    if row.current or row.until is None:
        return f"{kid.hex()}, the present one"
    return f"{kid.hex()}, a former one, out of use since {row.until:%Y-%m-%d %H:%M:%S} UTC"


def _wraps(sealed: SealedConnectionFile) -> str:
    entries = [sealed.wraps[at : at + WRAP_BYTES] for at in range(0, len(sealed.wraps), WRAP_BYTES)]
    ours = DiscoveryWrap.objects.filter(entry__in=entries)
    devices, invites = ours.exclude(device=None).count(), ours.exclude(invite=None).count()
    for_devices, for_invites = _count(devices, "device"), _count(invites, "invitation")
    return f"{len(entries)} entries: {for_devices}, {for_invites}, the others are padding"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _clock(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
