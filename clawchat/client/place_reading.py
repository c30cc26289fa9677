"""What lies at one place, or why it cannot be had: for those who want to know the reason."""

import errno
import socket
import ssl

import aiohttp

from clawchat.diagnosis import Observation
from clawchat.protocol.errors import ClawChatError
from clawchat.protocol.limits import CONNECTION_FILE_MAX_BYTES
from clawchat.protocol.places import WebPlace, parse_place

READ_SECONDS = 5.0
CHUNK_BYTES = 16_384
# What OpenSSL says of a certificate whose time has not come, or is over.
X509_NOT_YET_VALID, X509_EXPIRED = 9, 10


class NotRead(ClawChatError):
    """A place gave nothing that could be a connection file; `met` says what it did instead."""

    code = "unreachable"

    def __init__(self, met: Observation) -> None:
        super().__init__(met.sentence)
        self.met = met


async def read_web_place(http: aiohttp.ClientSession, place: WebPlace, tls: ssl.SSLContext | bool = True) -> bytes:
    """The bytes at a plain place. Sizes: at most 64 KiB. Units: within 5 s.

    Raises: NotRead.
    Spec: 3.16
    """
    limit = aiohttp.ClientTimeout(total=READ_SECONDS)
    try:
        async with http.get(place.url, timeout=limit, ssl=tls) as answer:
            return await _body(answer, place.host)
    except TimeoutError:
        raise NotRead(Observation("place_silent", place.host)) from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise NotRead(Observation(_place_code(error), place.host)) from None


async def _body(answer: aiohttp.ClientResponse, host: str) -> bytes:
    # A redirect may lead on, but to no other kind of place.
    if not isinstance(parse_place(str(answer.url)), WebPlace):
        raise NotRead(Observation("place_moved", host))
    if answer.status != 200:
        raise NotRead(Observation("place_missing" if answer.status in (404, 410) else "place_ill", host))
    data = b""
    async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
        data += chunk
        if len(data) > CONNECTION_FILE_MAX_BYTES:
            raise NotRead(Observation("place_large", host))
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
