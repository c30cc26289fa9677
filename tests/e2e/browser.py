"""People at real browsers: one Chromium profile each, driven through the page as a person would."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

from playwright.async_api import BrowserContext, Page, Playwright, async_playwright, expect

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A page in the background is throttled to one timer a second; the two people of a test both look at theirs.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
]
# Nobody waits so long where the machine has time.
READY_MS = 60_000
expect.set_options(timeout=READY_MS)
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}

READ_TRANSCRIPT = """log => [...log.querySelectorAll("[data-message-id]")].map(row => ({
  id: row.dataset.messageId, seq: Number(row.dataset.seq || 0), status: row.dataset.status,
  own: row.dataset.own === "true", text: row.innerText }))"""


class Browsers:
    """Starts people's browsers and ends them all together."""

    def __init__(self, chromium_path: str, folder: Path) -> None:
        self._chromium_path, self._folder = chromium_path, folder
        self._playwright: Playwright | None = None
        self._people: list[Person] = []

    async def __aenter__(self) -> Self:
        self._playwright = await async_playwright().start()
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for person in self._people:
            await person.leave()
        if self._playwright:
            await self._playwright.stop()

    async def open(self, name: str, url: str, viewport: dict[str, int] | None = None, **options: Any) -> "Person":
        """A person with a fresh profile, looking at `url`."""
        assert self._playwright is not None
        context = await self._playwright.chromium.launch_persistent_context(
            str(self._folder / name),
            executable_path=self._chromium_path,
            headless=True,
            args=FLAGS,
            viewport=viewport or DESKTOP,
            **options,
        )
        context.set_default_timeout(READY_MS)
        person = Person(name, context)
        self._people.append(person)
        await person.page.goto(url)
        return person


class Person:
    """One person, one profile, one page. `complaints` holds what the console said in anger."""

    def __init__(self, name: str, context: BrowserContext) -> None:
        self.name, self.context = name, context
        self.complaints: list[str] = []
        self.take(context.pages[0])

    def take(self, page: Page) -> None:
        """Look at another page from now on."""
        self.page: Page = page
        self._listen(page)

    def _listen(self, page: Page) -> None:
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def complaints_about_code(self) -> list[str]:
        """Errors in the console that are not merely a server that was away."""
        return [text for text in self.complaints if "WebSocket connection" not in text and "Failed to load" not in text]

    # First start

    async def enrol(self) -> None:
        """Answer "Your name" and wait until the conversation list is there."""
        await self.page.get_by_role("textbox", name="Your name").fill(self.name.title())
        await self.page.keyboard.press("Enter")
        await self.page.get_by_role("button", name="New room").wait_for(timeout=READY_MS)

    # Rooms

    async def create_room(self, room_name: str) -> None:
        """Make a room through its dialog; it opens."""
        await self.page.get_by_role("button", name="New room").click()
        dialog = self.page.get_by_role("dialog")
        await dialog.get_by_role("textbox", name="Room name").fill(room_name)
        await dialog.get_by_role("button", name="Create room").click()
        await dialog.wait_for(state="hidden", timeout=READY_MS)
        await self.composer.wait_for(timeout=READY_MS)

    async def add(self, other_name: str) -> None:
        """Add somebody known to the open room."""
        await self.page.get_by_role("button", name="Add people").click()
        dialog = self.page.get_by_role("dialog")
        await dialog.get_by_role("checkbox", name=other_name.title()).check(timeout=READY_MS)
        await dialog.get_by_role("button", name="Add", exact=False).last.click()
        await dialog.wait_for(state="hidden", timeout=READY_MS)

    async def open_room(self, room_name: str) -> None:
        """Open a room from the list, once it is there."""
        await self.page.get_by_role("navigation", name="Rooms").get_by_text(room_name).first.click(timeout=READY_MS)
        await self.composer.wait_for(timeout=READY_MS)

    # Messages

    @property
    def composer(self) -> Any:
        """The text box "Message"."""
        return self.page.get_by_role("textbox", name="Message")

    @property
    def log(self) -> Any:
        """The region "Messages"."""
        return self.page.get_by_role("log", name="Messages")

    async def say(self, text: str) -> None:
        """Type a message and press Send."""
        await self.composer.fill(text)
        await self.page.get_by_role("button", name="Send").click()

    async def transcript(self) -> list[dict[str, Any]]:
        """What stands on the screen, in its order: id, seq, status, own, text."""
        return await self.log.evaluate(READ_TRANSCRIPT)

    async def leave(self) -> None:
        """Close the browser."""
        await self.context.close()
