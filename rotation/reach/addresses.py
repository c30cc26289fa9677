"""The address that this machine has outside: read strictly, and asked of several who need not be honest."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from socket import AF_INET

import aiohttp

from .router import NoAnswer

ASK_SECONDS = 5
# An address with its line end; more is no address.
MOST_BYTES = 64
ZONE = "%"


def parsed(text: str) -> IPv4Address | IPv6Address | None:
    """The address that the text is, and nothing else beside it but space."""
    try:
        # A zone means something on one cable only, and Python takes any text for one.
        return None if ZONE in text else ip_address(text.strip())
    except ValueError:
        return None


def is_public(text: str) -> bool:
    """Whether it is an address that the whole world can send to."""
    address = parsed(text)
    return address is not None and address.is_global and not address.is_multicast


def address_of_router(text: str) -> str:
    """The address that a router says it has on its other side.

    Raises: NoAnswer (it has none).
    """
    address = parsed(text)
    if address is None or address.is_unspecified:
        raise NoAnswer(
            "The router says that it has no address outside: it is not connected, or another router stands before it."
        )
    return str(address)


def agreed(answers: Sequence[str], asked: int) -> str:
    """The address that more than half of those asked give; empty when there is none.

    What cannot be read as a public address is nobody's answer.
    """
    votes = Counter(str(parsed(answer)) for answer in answers if is_public(answer))
    (address, count), *_ = votes.most_common(1) or [("", 0)]
    return address if 2 * count > asked else ""


async def ask(urls: Sequence[str]) -> str:
    """The address from which these web addresses see us come, if more than half of them agree; otherwise empty."""
    if not urls:
        return ""
    timeout = aiohttp.ClientTimeout(total=ASK_SECONDS)
    # Ports are let in by IPv4, so the question is which IPv4 address we have.
    connector = aiohttp.TCPConnector(family=AF_INET)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as http:
        answers = await asyncio.gather(*(_ask_one(http, url) for url in urls))
    return agreed(answers, len(urls))


async def _ask_one(http: aiohttp.ClientSession, url: str) -> str:
    try:
        async with http.get(url, allow_redirects=False) as answer:
            if answer.status != 200:
                return ""
            return (await answer.content.read(MOST_BYTES)).decode("ascii", "replace")
    except (aiohttp.ClientError, OSError):
        return ""
