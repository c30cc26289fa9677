"""An operator's day at a real browser: limits, an invite, a device that is lost, a burn; and all of it in the log."""

import asyncio
import time

import pytest
from playwright.async_api import Locator

from tests.e2e.browser import Browsers, Person
from tests.e2e.server import ServerProcess
from tests.soak.rows import Rows

NAME, PASSWORD = "operator", "watchword-7"
NAMED_SECONDS = 20
LET_IN_MS = 60_000
BURN_SECONDS = 60

pytestmark = pytest.mark.e2e


class Console:
    """The operator, signed in."""

    def __init__(self, person: Person, server: ServerProcess) -> None:
        self.person, self.page, self._root = person, person.page, f"{server.front_url}/admin/"

    @classmethod
    async def sign_in(cls, browsers: Browsers, server: ServerProcess) -> "Console":
        """At the dashboard."""
        server.run("createsuperuser", "--noinput", "--username", NAME, "--email", "")
        console = cls(await browsers.open(NAME, f"{server.front_url}/admin/"), server)
        await console.page.get_by_label("Username").fill(NAME)
        await console.page.get_by_label("Password").fill(PASSWORD)
        await console.page.get_by_role("button", name="Log in").click()
        await console.page.get_by_role("heading", name="Over time").wait_for()
        return console

    async def open(self, path: str) -> None:
        """A page of the console."""
        await self.page.goto(f"{self._root}{path}")

    async def limit(self, name: str, value: int) -> None:
        """Set one limit."""
        await self.open("chat/connectionpolicy/1/change/")
        await self.page.locator(f"#id_{name}").fill(str(value))
        await self.page.get_by_role("button", name="Save", exact=True).click()
        await self.page.get_by_text("in force within a second").wait_for()

    async def invite(self, label: str) -> str:
        """The link of a new invite."""
        await self.open("chat/invite/add/")
        await self.page.get_by_label("Label").fill(label)
        await self.page.get_by_role("button", name="Make the invite").click()
        return await self.page.get_by_label("Link").input_value()

    async def revoke(self, name: str) -> None:
        """Shut somebody's device out."""
        row = await self._row(name, "chat/device/")
        await row.locator("input[type=checkbox]").check()
        await self.page.get_by_label("Select action to run").select_option("revoke_devices")
        await self.page.get_by_role("button", name="Run").click()
        await self.page.get_by_role("button", name="Revoke").click()

    async def burn(self) -> str:
        """Begin a drill, and give what its row says once all is safe."""
        await self.open("rotation/burn/add/")
        await self.page.get_by_label("Why").fill("to see how long it takes")
        assert await self.page.get_by_label("Drill").is_checked()
        await self.page.get_by_role("button", name="Burn now").click()
        deadline = time.monotonic() + BURN_SECONDS
        while True:
            await self.open("rotation/burn/")
            text = await self.page.locator("#result_list tbody tr").first.inner_text()
            if "under way" not in text:
                return text
            assert time.monotonic() < deadline, text
            await asyncio.sleep(0.5)

    async def logged(self, code: str) -> str:
        """The newest event of this code, as the audit pages show it."""
        await self.open(f"chat/auditevent/?code={code}")
        return await self.page.locator("#result_list tbody tr").first.inner_text()

    async def _row(self, name: str, path: str) -> Locator:
        """A name comes to the server a moment after the device."""
        row = self.page.locator("tr", has_text=name)
        deadline = time.monotonic() + NAMED_SECONDS
        while not await row.count():
            assert time.monotonic() < deadline, f"{name} is not in the list"
            await self.open(path)
        return row


async def test_an_operators_day(tmp_path, chromium_path):
    """The limit turns bob away in words and lets him in when it is raised; his lost device is gone at once; a
    burn drill disturbs nobody; and the audit pages tell all of it."""
    environment = {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    server = ServerProcess(tmp_path / "data", interval=3600, lead=120, grace=300, environment=environment)
    with server:
        rows = Rows(server.data_dir)
        async with Browsers(chromium_path, tmp_path) as browsers:
            alice = await browsers.open("alice", server.create_invite("--owner")["url"])
            await alice.enrol()
            console = await Console.sign_in(browsers, server)

            await console.limit("max_devices", 1)
            bob = await browsers.open("bob", await console.invite("Bob"))
            await bob.page.get_by_role("textbox", name="Your name").fill("Bob")
            await bob.page.keyboard.press("Enter")
            await bob.page.get_by_text("The server has no room for more").wait_for()
            await console.limit("max_devices", 100)
            await bob.page.get_by_role("button", name="Try again").click()
            await bob.page.locator(".chip[data-status=connected]").wait_for(timeout=LET_IN_MS)
            await alice.create_room("Garden")
            await alice.add("bob")
            await bob.open_room("Garden")

            took = await console.burn()
            await alice.say("still here")
            await bob.log.get_by_text("still here").wait_for()

            await console.revoke("bob")
            await bob.page.get_by_text("This device was signed out").wait_for()
            told = {
                code: await console.logged(code)
                for code in ("policy_changed", "limit_reached", "invite_made", "device_revoked", "burn_safe")
            }
            closed = rows.ask("SELECT count(*) FROM chat_connection WHERE why = 'revoked'")

    # By a word of the server's in his session, not by a move or a handshake that was refused later.
    assert closed[0][0] == 1
    assert "operator" in took
    assert NAME in told["policy_changed"] and NAME in told["invite_made"] and NAME in told["device_revoked"]
    assert alice.complaints_about_code() == []
    assert console.person.complaints == []
