"""What lies at one place, or why it cannot be had: for those who want to know the reason."""

import asyncio
import errno
import socket
import ssl
from urllib.parse import urljoin, urlsplit

import aiohttp

from clawchat import mega
from clawchat.diagnosis import Observation
from clawchat.mega.folder import REPLY_MAX_BYTES
from clawchat.protocol.errors import PeerError, Unavailable
from clawchat.protocol.limits import CONNECTION_FILE_MAX_BYTES
from clawchat.protocol.places import FILE_NAME, LOOPBACK_NAMES, MegaFolder, WebPlace, parse_place

from .errors import Unreachable

READ_SECONDS = 5.0
CHUNK_BYTES = 16_384
REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 3
# What MEGA answers when a folder or file is not there any more, or was taken down.
MEGA_GONE = (-9, -16)
# What OpenSSL says of a certificate whose time has not come, or is over.
X509_NOT_YET_VALID, X509_EXPIRED = 9, 10


class NotRead(Unreachable):
    """A place gave nothing that could be a connection file; `met` says what it did instead."""

    def __init__(self, met: Observation) -> None:
        super().__init__(met.sentence)
        self.met = met


async def read_place(
    http: aiohttp.ClientSession, place: WebPlace | MegaFolder, name: str = FILE_NAME, tls: ssl.SSLContext | bool = True
) -> bytes:
    """The object of this name at a place. Sizes: at most 64 KiB. Units: within 5 s.

    Raises: NotRead.
    Spec: 3.16
    """
    try:
        async with asyncio.timeout(READ_SECONDS):
            reader = _Reader(http, place.host, tls)
            if isinstance(place, MegaFolder):
                return await reader.mega(place, name)
            return await reader.web(place if name == FILE_NAME else WebPlace(place.beside(name)))
    except TimeoutError:
        raise NotRead(Observation("place_silent", place.host)) from None
    except Unavailable as error:
        is_gone = error.details.get("number") in MEGA_GONE
        raise NotRead(Observation("place_missing" if is_gone else "place_ill", place.host)) from None
    except PeerError:
        raise NotRead(Observation("place_noise", place.host)) from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise NotRead(Observation(_place_code(error), place.host)) from None


def may_lead(place: WebPlace, further: WebPlace) -> bool:
    """Whether one place may send its readers on to another: not off TLS, and from elsewhere not to this very machine.

    What listens here may do things when it is asked, and no stranger should be able to have it asked.
    """
    here, there = urlsplit(place.url), urlsplit(further.url)
    return here.scheme == there.scheme and (there.hostname not in LOOPBACK_NAMES or here.hostname in LOOPBACK_NAMES)


class _Reader:
    """Asks on behalf of one place, which answers for whatever it hands on to."""

    def __init__(self, http: aiohttp.ClientSession, host: str, tls: ssl.SSLContext | bool) -> None:
        self._http, self._host, self._tls = http, host, tls

    async def web(self, place: WebPlace) -> bytes:
        for _ in range(MOST_REDIRECTS + 1):
            async with self._http.get(place.url, allow_redirects=False, ssl=self._tls) as answer:
                if answer.status not in REDIRECTS:
                    return await self._body(answer, CONNECTION_FILE_MAX_BYTES)
                further = parse_place(urljoin(place.url, answer.headers.get("Location", "")))
            if not isinstance(further, WebPlace) or not may_lead(place, further):
                break
            place = further
        raise self._not_read("place_moved")

    async def mega(self, folder: MegaFolder, name: str) -> bytes:
        nodes = mega.files_named(folder, await self._post(*mega.listing_request(folder)), name)
        if not nodes:
            raise self._not_read("place_missing")
        reply = await self._post(*mega.download_request(folder, nodes[0]))
        url, size = mega.download_url(folder, reply)
        if size > CONNECTION_FILE_MAX_BYTES:
            raise self._not_read("place_large")
        async with self._http.get(url, allow_redirects=False, ssl=self._tls) as answer:
            return mega.decrypt(nodes[0], await self._body(answer, CONNECTION_FILE_MAX_BYTES))

    async def _post(self, url: str, body: bytes) -> bytes:
        async with self._http.post(url, data=body, allow_redirects=False, ssl=self._tls) as answer:
            return await self._body(answer, REPLY_MAX_BYTES)

    async def _body(self, answer: aiohttp.ClientResponse, most: int) -> bytes:
        if answer.status != 200:
            raise self._not_read("place_missing" if answer.status in (404, 410) else "place_ill")
        data = b""
        async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
            data += chunk
            if len(data) > most:
                raise self._not_read("place_large")
        return data

    def _not_read(self, code: str) -> NotRead:
        return NotRead(Observation(code, self._host))


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
