"""Two people at Chromium beside the crowd, in a room of their own: MLS between them, the same port under them."""

import asyncio
from collections import Counter
from itertools import pairwise
from typing import Any

from playwright.async_api import Error as PlaywrightError

from tests.e2e.browser import Browsers, Person
from tests.e2e.server import ServerProcess
from tests.e2e.talking import said, start_talking
from tests.soak.rows import Rows

ARRIVE_SECONDS = 120.0


class BrowserPair:
    """Alice and bob, who each say `texts` messages while the soak runs."""

    def __init__(self, browsers: Browsers, server: ServerProcess) -> None:
        self._browsers, self._server = browsers, server
        self._people: list[Person] = []
        self._texts = 0
        self.figures: dict[str, Any] = {}
        # What was wrong, in words.
        self.details: list[str] = []

    async def arrive(self) -> None:
        """Have both in a room."""
        alice, bob = [await self._person(name) for name in ("alice", "bob")]
        await alice.create_room("Garden")
        await alice.add("bob")
        await bob.open_room("Garden")
        self._people = [alice, bob]

    async def _person(self, name: str) -> Person:
        invite = await asyncio.to_thread(self._server.create_invite)
        person = await self._browsers.open(name, invite["url"])
        try:
            await person.enrol()
        except PlaywrightError as error:
            shown = await person.page.locator("body").inner_text()
            raise AssertionError(f"{name} did not get in: {shown} {person.complaints}") from error
        return person

    async def talk(self, texts: int, every_ms: int) -> None:
        """Begin to talk, and return at once."""
        self._texts = texts
        for person in self._people:
            await start_talking(person, texts, every_ms, burst=4)

    async def judge(self, rows: Rows) -> Counter[str]:
        """What is wrong on the screens, by kind, once everything has arrived or that takes too long."""
        screens = await self._everything()
        wrong: Counter[str] = Counter()
        logs = await asyncio.to_thread(rows.logs)
        for screen in screens:
            wanted = list(range(self._texts))
            for person in self._people:
                numbers = said(screen, person.name)
                wrong["lost"] += len(set(wanted) - set(numbers))
                if numbers != wanted:
                    self.details.append(f"a screen has of {person.name}: {numbers}, {screen[-3:]}")
                wrong["twice"] += len(numbers) - len(set(numbers))
                wrong["reordered"] += sum(one > other for one, other in pairwise(numbers))
            ids = {row["id"] for row in screen}
            stored = [message_id.hex() for log in logs.values() for _, message_id in log if message_id.hex() in ids]
            wrong["reordered"] += [row["id"] for row in screen] != stored
        wrong["complaints"] = sum(len(person.complaints_about_code()) for person in self._people)
        moves = [await person.page.evaluate("() => window.talk.waitingAtMoves.length") for person in self._people]
        self.figures = {"texts on each screen": [len(screen) for screen in screens], "moves seen by each": moves}
        return wrong

    async def _everything(self) -> list[list[dict[str, Any]]]:
        deadline = asyncio.get_running_loop().time() + ARRIVE_SECONDS
        while True:
            screens = [
                [row for row in await person.transcript() if row["status"] != "notice"] for person in self._people
            ]
            done = all(
                len(screen) == 2 * self._texts and all(row["status"] != "waiting" for row in screen)
                for screen in screens
            )
            if done or asyncio.get_running_loop().time() > deadline:
                return screens
            await asyncio.sleep(0.5)
