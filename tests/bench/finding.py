"""How long clients take to the first good answer, after which they dial: from what they kept, and from loopback places.

Good places are a plain web site and a MEGA folder; beside them one place says nothing, and one gives a file that
somebody else signed.
"""

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from clawchat.client.device import Device
from clawchat.client.discovery import Finder
from clawchat.client.store import Store
from clawchat.protocol.connection_file import ConnectionInfo, Endpoint, seal_connection_file
from clawchat.protocol.fingerprint import server_id
from clawchat.protocol.invite import Invite
from clawchat.protocol.keys import DiscoverySecret, IdentityKey, PreSharedKey
from clawchat.protocol.wraps import join_wraps, make_padding
from tests.discovery.servers import Misbehaving
from tests.e2e.browser import Browsers
from tests.e2e.plain_site import PlainSite
from tests.mega.emulator import MegaEmulator
from tests.soak.soak import percentiles

ROOT = Path(__file__).resolve().parents[2]
TRIES = 200
HOUR = 3600
# A hundred devices, as the goal has it, and the padding.
WRAPS = 112
MEASURE = "async (what) => (await import('/tests/bench/finding_page.js')).measure(what)"


@dataclass
class Town:
    """A server's keys, and what lies at which place."""

    identity: IdentityKey
    secret: DiscoverySecret
    cases: dict[str, list[str]]


def finding(folder: Path) -> dict[str, Any]:
    """Both clients, each from its store and from the places."""
    with _town(folder) as town:
        figures = asyncio.run(_in_python(town, folder))
        return figures | asyncio.run(_in_browser(town, folder))


@contextlib.contextmanager
def _town(folder: Path) -> Iterator[Town]:
    identity, secret = IdentityKey.generate(), DiscoverySecret.generate()
    with contextlib.ExitStack() as stack:
        plain, liar = (stack.enter_context(PlainSite(folder / name)) for name in ("plain", "liar"))
        mega = stack.enter_context(MegaEmulator())
        silent = stack.enter_context(Misbehaving([], silent=True))
        link = mega.export_folder(mega.make_account())
        data = _file(identity, secret)
        (plain.folder / "connection.json").write_bytes(data)
        (liar.folder / "connection.json").write_bytes(_file(IdentityKey.generate(), secret))
        mega.put_file(link, "connection.json", data)
        good = f"{plain.origin}/connection.json"
        bad = [f"{origin}/connection.json" for origin in (silent.origin, liar.origin)]
        cases = {
            "a plain place and MEGA": [good, link],
            "the same, one silent and one lying": [*bad, good, link],
            "MEGA alone, one silent and one lying": [*bad, link],
        }
        yield Town(identity, secret, cases)


def _file(identity: IdentityKey, secret: DiscoverySecret) -> bytes:
    now = int(time.time())
    port = Endpoint("localhost", 50_000, "/" + "A" * 22, False, now - HOUR, now + HOUR)
    info = ConnectionInfo(
        serial=now,
        server_id=server_id(identity.public),
        server_name="Bench",
        server_public=identity.public,
        timestamp=now,
        valid_from=now - HOUR,
        valid_until=now + HOUR,
        next_rotation=now + HOUR,
        grace_seconds=300,
        endpoints=(port,),
    )
    wraps = join_wraps(make_padding() for _ in range(WRAPS))
    return seal_connection_file(info, secret, identity, now, wraps=wraps)


# The Python client


async def _in_python(town: Town, folder: Path) -> dict[str, Any]:
    figures = {}
    async with aiohttp.ClientSession() as http:
        for name, places in town.cases.items():
            tries = [await _ask(town, places, http) for _ in range(TRIES)]
            figures[f"Python, first good answer, {name}, ms"] = _percentiles(tries)
        store = folder / "kept"
        device = _device(town, town.cases["a plain place and MEGA"], Store.open(store))
        await device.fetch(http)
        device._store.close()
    figures["Python, from what was kept, ms"] = _percentiles([_kept(store) for _ in range(TRIES)])
    return figures


def _device(town: Town, places: list[str], store: Store) -> Finder:
    invite = Invite(
        town.secret, town.identity.public, bytes(16), PreSharedKey.generate(), int(time.time()) + HOUR, tuple(places)
    )
    return Finder(store, Device.begin(store, invite, "Bench", int(time.time())))


async def _ask(town: Town, places: list[str], http: aiohttp.ClientSession) -> float:
    finder = _device(town, places, Store.in_memory())
    answer: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    began = time.perf_counter()
    asking = asyncio.create_task(
        finder.fetch(http, lambda _: answer.done() or answer.set_result(time.perf_counter() - began))
    )
    seconds = await answer
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    return seconds


def _kept(folder: Path) -> float:
    began = time.perf_counter()
    store = Store.open(folder)
    device = Device.load(store)
    assert device is not None
    assert Finder(store, device).known is not None
    seconds = time.perf_counter() - began
    store.close()
    return seconds


# The browser


async def _in_browser(town: Town, folder: Path) -> dict[str, Any]:
    figures = {}
    keys = {"pin": bytes(town.identity.public).hex(), "secret": bytes(town.secret).hex(), "tries": TRIES}
    async with _a_page() as page:
        for name, places in town.cases.items():
            tries = await page.evaluate(MEASURE, {**keys, "places": places, "isKept": False})
            figures[f"browser, first good answer, {name}, ms"] = _percentiles(tries)
        places = town.cases["a plain place and MEGA"]
        tries = await page.evaluate(MEASURE, {**keys, "places": places, "isKept": True})
        figures["browser, from what was kept, ms"] = _percentiles(tries)
    return figures


@contextlib.asynccontextmanager
async def _a_page() -> AsyncIterator[Any]:
    """A page that may import the app's modules, and nothing else on it."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with tempfile.TemporaryDirectory(prefix="clawchat-bench-") as profile, PlainSite(ROOT) as site:
        async with Browsers(chromium, Path(profile)) as browsers:
            yield (await browsers.open("bench", f"{site.origin}/tests/bench/finding.html")).page


def _percentiles(seconds: list[float]) -> dict[str, float] | None:
    values = sorted(seconds)
    found = percentiles(values)
    return found and {**found, "p95": round(1000 * values[int(0.95 * len(values))], 1)}
