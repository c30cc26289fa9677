"""A first visit in a real browser with an empty cache: until the page asks for a name, near and far from the server.

With the page's list of all its modules, and with that list taken out, so that each is found by the one that imports it.
"""

import asyncio
import re
import shutil
import statistics
import time
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Route, async_playwright

from tests.e2e.browser import FLAGS
from tests.e2e.server import ServerProcess

TRIES = 3
AWAY_MS = (0, 50, 200)
LIST = re.compile(rb'<link rel="modulepreload"[^>]*>')
REQUESTS = """() => performance.getEntriesByType("resource").map(each => [each.startTime, each.responseEnd])"""


def first_visit(folder: Path) -> dict[str, Any]:
    """Seconds and rounds, with and without the list."""
    with ServerProcess(folder / "visit", interval=3600, lead=120, grace=300) as server:
        url = server.create_invite("--owner")["url"]
        return asyncio.run(_visits(server.front_url, url))


async def _visits(front_url: str, url: str) -> dict[str, Any]:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    figures = {}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for delay_ms in AWAY_MS:
            tries: dict[bool, list] = {True: [], False: []}
            # In turn, so that a busy machine is busy for both.
            for _ in range(TRIES):
                for is_listed, done in tries.items():
                    done.append(await _visit(browser, front_url, url, delay_ms, is_listed))
            figures |= _figures(tries, f"a first visit, {delay_ms} ms away")
        await browser.close()
    return figures


async def _visit(browser: Browser, front_url: str, url: str, delay_ms: int, is_listed: bool) -> tuple[float, int, int]:
    """Seconds until the page is of use, requests, and how many of them followed on one another."""

    async def hand_over(route: Route) -> None:
        answer = await route.fetch()
        body = await answer.body()
        await route.fulfill(response=answer, body=body if is_listed else LIST.sub(b"", body))

    context = await browser.new_context()
    page = await context.new_page()
    await page.route(f"{front_url}/", hand_over)
    far = await context.new_cdp_session(page)
    conditions = {"offline": False, "latency": delay_ms, "downloadThroughput": -1, "uploadThroughput": -1}
    await far.send("Network.emulateNetworkConditions", conditions)
    began = time.perf_counter()
    await page.goto(url, wait_until="commit")
    await page.get_by_role("textbox", name="Your name").wait_for()
    seconds = time.perf_counter() - began
    requests = await page.evaluate(REQUESTS)
    await context.close()
    return seconds, len(requests), _rounds(requests)


def _rounds(requests: list[list[float]]) -> int:
    """The longest row of requests each of which began when the one before had ended."""
    count, ended = 0, 0.0
    for begin, end in sorted(requests, key=lambda times: times[1]):
        if begin >= ended:
            count, ended = count + 1, end
    return count


def _figures(tries: dict[bool, list[tuple[float, int, int]]], name: str) -> dict[str, Any]:
    listed, found = (
        [statistics.median(values) for values in zip(*tries[is_listed], strict=True)] for is_listed in (True, False)
    )
    return {
        f"{name}, modules listed": {"ms": round(1000 * listed[0]), "requests": listed[1], "rounds": listed[2]},
        f"{name}, modules not listed": {"ms": round(1000 * found[0]), "requests": found[1], "rounds": found[2]},
        f"{name}, listed of not listed": round(listed[0] / found[0], 2),
    }
