"""Finding the router: both languages at once, and whoever answers."""

import asyncio

from .natpmp import NatPmp
from .router import NoAnswer, Router, RouterError
from .upnp import Upnp

# What CLAWCHAT_PORT_MAPPING may say, and what is tried then, the preferred one first.
OFF = "off"
DRIVERS = {OFF: (), "auto": (NatPmp, Upnp), "upnp": (Upnp,), "natpmp": (NatPmp,)}
FIND_SECONDS = 8


async def find_routers(kind: str, name: str) -> list[Router]:
    """The ways to speak with our router, the preferred one first. `name` is what it will call our ports.

    Raises: NoAnswer (there is none; the text says what each of them said).
    """
    found = await asyncio.gather(*(_find(driver, name) for driver in DRIVERS[kind]), return_exceptions=True)
    if routers := [router for router in found if not isinstance(router, BaseException)]:
        return routers
    for error in found:
        if not isinstance(error, RouterError):
            raise error
    raise NoAnswer(" ".join(dict.fromkeys(map(str, found))))


async def _find(driver: type[NatPmp] | type[Upnp], name: str) -> Router:
    try:
        async with asyncio.timeout(FIND_SECONDS):
            return await driver.find(name)
    except TimeoutError:
        raise NoAnswer(f"No router answers to {driver.name}.") from None
