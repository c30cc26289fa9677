"""Places asked side by side: whoever dawdles holds up nobody, and whoever lies hurries nobody."""

import asyncio
import time

import aiohttp
import pytest_asyncio
from aiohttp import web

from clawchat.client import places
from clawchat.client.places import ask_places, parse_places
from clawchat.protocol.errors import Malformed
from clawchat.protocol.places import FILE_NAME
from tests.client.tiny_server import serve

SLOW_SECONDS, REST_SECONDS = 1.5, 0.2


@pytest_asyncio.fixture
async def urls(monkeypatch):
    """A place that answers at once, and one that takes its time."""
    monkeypatch.setattr(places, "REST_SECONDS", REST_SECONDS)

    async def quick(_):
        return web.Response(body=b"quick")

    async def slow(_):
        await asyncio.sleep(SLOW_SECONDS)
        return web.Response(body=b"slow")

    runner, number = await serve([web.get("/quick/connection.json", quick), web.get("/slow/connection.json", slow)])
    yield [f"http://127.0.0.1:{number}/{name}/connection.json" for name in ("slow", "quick")]
    await runner.cleanup()


async def ask(urls, judge) -> float:
    """How many seconds it takes."""
    began = time.monotonic()
    async with aiohttp.ClientSession() as http:
        await ask_places(http, parse_places(urls), FILE_NAME, judge)
    return time.monotonic() - began


async def test_once_a_file_is_believed_the_others_have_a_moment_more(urls):
    """And not the whole time that a place may take."""
    believed = []

    assert REST_SECONDS <= await ask(urls, lambda _, data: believed.append(data)) < SLOW_SECONDS
    assert believed == [b"quick"]


async def test_what_is_not_believed_hurries_nobody(urls):
    """The good file comes late, and is waited for."""
    believed = []

    def judge(_, data):
        if data == b"quick":
            raise Malformed("noise")
        believed.append(data)

    assert await ask(urls, judge) >= SLOW_SECONDS
    assert believed == [b"slow"]
