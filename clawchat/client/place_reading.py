"""What lies at one place, or why it cannot be had: for those who want to know the reason."""

import asyncio
import errno
import socket
import ssl
from urllib.parse import urljoin

import aiohttp

from clawchat.diagnosis import Observation
from clawchat.protocol.limits import CONNECTION_FILE_MAX_BYTES
from clawchat.protocol.places import WebPlace, parse_place

from .errors import Unreachable

READ_SECONDS = 5.0
CHUNK_BYTES = 16_384
REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 3
# What OpenSSL says of a certificate whose time has not come, or is over.
X509_NOT_YET_VALID, X509_EXPIRED = 9, 10


class NotRead(Unreachable):
    """A place gave nothing that could be a connection file; `met` says what it did instead."""

    def __init__(self, met: Observation) -> None:
        super().__init__(met.sentence)
        self.met = met


async def read_web_place(http: aiohttp.ClientSession, place: WebPlace, tls: ssl.SSLContext | bool = True) -> bytes:
    """The bytes at a plain place. Sizes: at most 64 KiB. Units: within 5 s.

    Raises: NotRead.
    Spec: 3.16
    """
    try:
        async with asyncio.timeout(READ_SECONDS):
            for _ in range(MOST_REDIRECTS + 1):
                found = await _ask(http, place, tls)
                if isinstance(found, bytes):
                    return found
                place = found
            raise NotRead(Observation("place_moved", place.host))
    except TimeoutError:
        raise NotRead(Observation("place_silent", place.host)) from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise NotRead(Observation(_place_code(error), place.host)) from None


async def _ask(http: aiohttp.ClientSession, place: WebPlace, tls: ssl.SSLContext | bool) -> bytes | WebPlace:
    """The body, or where it is said to be; a place of another kind is not asked."""
    async with http.get(place.url, allow_redirects=False, ssl=tls) as answer:
        if answer.status in REDIRECTS:
            further = parse_place(urljoin(place.url, answer.headers.get("Location", "")))
            if not isinstance(further, WebPlace):
                raise NotRead(Observation("place_moved", place.host))
            return further
        if answer.status != 200:
            raise NotRead(Observation("place_missing" if answer.status in (404, 410) else "place_ill", place.host))
        data = b""
        async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
            data += chunk
            if len(data) > CONNECTION_FILE_MAX_BYTES:
                raise NotRead(Observation("place_large", place.host))
        return data


def _place_code(error: Exception) -> str:
    kind = connect_failure(error)
    return {
        "unresolved": "place_unresolved",
        "untrusted": "place_tls",
        "ended": "place_tls",
        "silent": "place_silent",
    }.get(kind, "place_refused" if kind == "refused" else "place_unreadable")


def connect_failure(error: BaseException) -> str:
    """Why a connection was not made: unresolved, untrusted or ended (a certificate), refused, silent, or strange."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        found = error.certificate_error
        dated = isinstance(found, ssl.SSLCertVerificationError) and found.verify_code in (
            X509_NOT_YET_VALID,
            X509_EXPIRED,
        )
        return "ended" if dated else "untrusted"
    if isinstance(error, aiohttp.ClientConnectorDNSError) or isinstance(cause, socket.gaierror):
        return "unresolved"
    if isinstance(cause, ConnectionRefusedError):
        return "refused"
    if isinstance(cause, TimeoutError) or getattr(cause, "errno", None) in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return "silent"
    return "strange"
