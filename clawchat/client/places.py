"""Asks places for what lies there: plain web addresses, and public MEGA folders.

Spec: 3.16
"""

import asyncio
from collections.abc import Callable, Iterable

import aiohttp

from clawchat.protocol.errors import ClawChatError
from clawchat.protocol.places import MAX_PLACES, MegaFolder, WebPlace, parse_place

from .place_reading import read_place

# Once one place has given a good file, the others get so much longer.
REST_SECONDS = 1.0

Place = WebPlace | MegaFolder
Judge = Callable[[Place, bytes], object]


def parse_places(urls: Iterable[str]) -> list[Place]:
    """The places that these URLs name, each once and at most 16; what is no place is passed over."""
    places = (parse_place(url) for url in urls)
    return list(dict.fromkeys(place for place in places if place is not None))[:MAX_PLACES]


async def ask_places(
    http: aiohttp.ClientSession, places: Iterable[Place], name: str, judge: Judge
) -> dict[Place, ClawChatError]:
    """Fetch the object of this name from all places side by side, and have each looked at as it comes.

    Each gives at most 64 KiB within 5 s.

    `judge` raises at what is not to be believed; until something was believed nobody is hurried. The answer says why
    a place was of no use; those that dawdled when others had answered are left out of it.
    """
    refused: dict[Place, ClawChatError] = {}
    believed = asyncio.Event()

    async def ask(place: Place) -> None:
        try:
            judge(place, await read_place(http, place, name))
            believed.set()
        except ClawChatError as error:
            refused[place] = error

    asked = {asyncio.create_task(ask(place)) for place in places}
    good = asyncio.create_task(believed.wait())
    try:
        while (left := {task for task in asked if not task.done()}) and not good.done():
            await asyncio.wait({*left, good}, return_when=asyncio.FIRST_COMPLETED)
        if left:
            await asyncio.wait(left, timeout=REST_SECONDS)
    finally:
        for task in (*asked, good):
            task.cancel()
    for task in asked:
        if task.done():
            # A fault of ours is not hidden.
            task.result()
    return refused
