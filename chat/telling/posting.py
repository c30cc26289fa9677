"""A POST to a web address, which ends in time whatever answers there."""

import asyncio
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit

import aiohttp

from chat.addresses import is_loopback
from clawchat.protocol.primitives import hmac_sha256

from .base import CannotTell

POST_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Post:
    """What is posted where. The address may be a secret itself."""

    url: str = field(repr=False)
    body: bytes = field(repr=False)
    # Webhooks are signed with it; empty for none.
    key: str = field(default="", repr=False)


def host_of(url: str) -> str:
    """The host of an address that alerts may be sent to.

    Raises: CannotTell, for anything but https, or http to this machine.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    if not host or parts.scheme not in ("http", "https"):
        raise CannotTell("This is no web address; write https:// and what follows.")
    if parts.scheme == "http" and host != "localhost" and not is_loopback(host):
        raise CannotTell("Alerts go out encrypted only: write https://.")
    return host


def sign(key: str, at: int, body: bytes) -> str:
    """What stands in ClawChat-Signature: HMAC-SHA-256 over the ClawChat-Time, a dot and the body. Units: seconds."""
    return "sha256=" + hmac_sha256(key.encode(), f"{at}.".encode() + body).hex()


def post(what: Post, seconds: float = POST_SECONDS) -> None:
    """Post it as JSON; anything from 200 to 299 is a success, and no redirect is followed.

    Raises: CannotTell.
    """
    host = host_of(what.url)
    headers = {"Content-Type": "application/json", "User-Agent": "ClawChat"}
    if what.key:
        at = int(time.time())
        headers |= {"ClawChat-Time": str(at), "ClawChat-Signature": sign(what.key, at, what.body)}
    try:
        status = asyncio.run(_ask(what, headers, seconds))
    except TimeoutError:
        raise CannotTell(f"{host} took too long: more than {seconds:g} s.") from None
    except aiohttp.ClientSSLError:
        raise CannotTell(f"{host} speaks no TLS, or shows a certificate that this machine does not trust.") from None
    except (aiohttp.ClientError, OSError, ValueError):
        # Not in the library's words: they hold the whole address.
        raise CannotTell(f"{host} does not answer; check its web address, and whether it is up.") from None
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        raise CannotTell(f"{host} answered {status}.")


async def _ask(what: Post, headers: dict[str, str], seconds: float) -> int:
    jar, timeout = aiohttp.DummyCookieJar(), aiohttp.ClientTimeout(total=seconds)
    async with (
        aiohttp.ClientSession(timeout=timeout, cookie_jar=jar) as http,
        # The body of the answer is not read: nobody needs it, and it may be endless.
        http.post(what.url, data=what.body, headers=headers, allow_redirects=False) as answer,
    ):
        return answer.status
