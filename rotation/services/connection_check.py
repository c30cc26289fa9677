"""Whether a client could find and reach this server now, found out as a client would: over the network."""

import asyncio
import ssl
from collections.abc import Sequence
from urllib.parse import urlsplit

import aiohttp
from django.conf import settings

from chat.services.identity import current_discovery_secret, current_identity, successor_identity
from clawchat.client.judgement import Believing
from clawchat.client.trust import context_trusting
from clawchat.client.walk import Walk
from clawchat.diagnosis import Audience, Diagnosis, Observation, diagnose
from clawchat.protocol.connection_file import ConnectionInfo, Endpoint, SealedConnectionFile
from clawchat.protocol.errors import PeerError
from clawchat.protocol.key_schedule import key_id
from clawchat.protocol.places import LOOPBACK_NAMES
from discovery.services import public_locations, published_bytes
from rotation.tls.authority import certificate_file

from .clock import clock_problems


def check_connection() -> Diagnosis:
    """The way of a client from its clock to the proof of this server; each place and each port is asked.

    It takes as long as the slowest of them, at most some 20 s, and works beside a running server and without one.
    """
    secret, identities = current_discovery_secret(), [current_identity(), successor_identity()]
    secrets, pins = {key_id(secret): secret}, [identity.public for identity in identities if identity]
    published = _published(secrets, pins)
    last = (published.serial, published.digest) if published else (0, b"")
    endpoints = published.endpoints if published else ()
    way = [*_clock(), *_context()]
    way += asyncio.run(_walk(public_locations(), endpoints, Believing(secrets, pins, *last), _trusted()))
    return diagnose(way, Audience.OPERATOR)


def _published(secrets: dict, pins: list) -> ConnectionInfo | None:
    """The newest file that readers can have, None when there is none under the present secret."""
    data = published_bytes()
    try:
        return SealedConnectionFile.parse(data).open(secrets, pins) if data else None
    except PeerError:
        return None


def _clock() -> list[Observation]:
    return [Observation("clock_doubted", problem) for problem in clock_problems()] or [Observation("clock_well")]


def _context() -> list[Observation]:
    """Whether browsers keep keys for a page of the front door; nothing when it has no address."""
    parts = urlsplit(settings.CLAWCHAT_FRONT_URL or "")
    if not parts.hostname:
        return []
    is_secure = parts.scheme == "https" or parts.hostname in LOOPBACK_NAMES
    return [Observation("context_well" if is_secure else "context_insecure")]


def _trusted() -> ssl.SSLContext | bool:
    """What clients believe: public authorities, and ours once they were told of it (`manage.py trustca`)."""
    file = certificate_file(settings.CLAWCHAT_DATA_DIR)
    return context_trusting(file) if settings.CLAWCHAT_TLS == "local" and file.exists() else True


async def _walk(
    urls: Sequence[str], endpoints: Sequence[Endpoint], believing: Believing, tls: ssl.SSLContext | bool
) -> list[Observation]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        walk = Walk(http, believing, tls)
        await walk.look(urls)
        # Also when no place gave the file: whether the port would answer is worth knowing.
        await walk.knock(walk.info.endpoints if walk.info else endpoints)
    return walk.met
