"""Pictures of every screen, light and dark, phone and desktop: `python tests/preview/look.py FOLDER [PICTURE ...]`.

The pictures of the README come from a running server: tests/e2e/pictures.py.
Fails when a page says anything on its console, a violation of the security policy above all.
"""

import sys
import threading
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parent))
from serve import start

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZES = {"phone": (390, 844), "desktop": (1280, 800)}
THEMES = ["light", "dark"]


def click(name: str):
    """A step that presses the button of a name."""
    return lambda page: page.get_by_role("button", name=name, exact=True).click()


def open_kitchen(page: Page) -> None:
    """On a phone the rooms come first."""
    if page.viewport_size["width"] < 720:
        page.locator(".room").first.click()


def make_invite(page: Page) -> None:
    """Makes a link, in whichever dialog is open."""
    page.get_by_role("button", name="Make an invitation link").click()
    page.get_by_label("Invitation link").wait_for()


def why(page: Page) -> None:
    """Asks why there is no connection, and waits for the answer."""
    page.get_by_role("button", name="Why can't I connect?").last.click()
    page.locator(".verdict:not([data-verdict=''])").wait_for()


def check(page: Page) -> None:
    """The same where there is one."""
    page.get_by_role("button", name="Check the connection").click()
    page.locator(".verdict[data-verdict=well]").wait_for()


def pick_file(page: Page) -> None:
    """Picks something that is no connection file."""
    with page.expect_file_chooser() as choosing:
        page.get_by_role("button", name="Use a connection file").click()
    choosing.value.set_files({"name": "x.json", "mimeType": "application/json", "buffer": b"{}"})
    page.get_by_text("This is no connection file").wait_for()


def choose_files(page: Page) -> None:
    """Picks four files, one of them too large."""
    with page.expect_file_chooser() as choosing:
        page.get_by_role("button", name="Attach a file").click()
    picked = [("lake.jpg", "image/jpeg", 700_000), ("second voice.ogg", "audio/ogg", 3_300_000)]
    long = ("minutes of the third floor band, autumn meeting, with everybody's remarks.pdf", "application/pdf", 900)
    choosing.value.set_files(
        [{"name": name, "mimeType": mime, "buffer": bytes(size)} for name, mime, size in [*picked, long]]
        + [{"name": "film.mkv", "mimeType": "video/x-matroska", "buffer": bytes(26_300_000)}]
    )
    page.get_by_text("too large to send").wait_for()


def see_picture(page: Page) -> None:
    """Goes up to where a picture is, which is fetched then."""
    page.locator("cc-picture").first.scroll_into_view_if_needed()
    page.locator("cc-picture img").first.wait_for()


def drag_files(page: Page) -> None:
    """Drags something over the room."""
    data = page.evaluate_handle(
        "() => { const data = new DataTransfer(); data.items.add(new File(['x'], 'x')); return data }"
    )
    page.locator(".log").dispatch_event("dragover", {"dataTransfer": data})


def scroll_up(page: Page) -> None:
    """Leaves the end of the log, and then something comes."""
    page.locator(".log").evaluate("log => log.scrollTo(0, 2000)")
    page.wait_for_timeout(100)
    page.evaluate("app.hear('Did you see this?')")


# Picture name: scene, steps.
PICTURES = {
    **{name: (name, []) for name in ["starting", "elsewhere", "empty", "invited", "expired", "enrolling", "revoked"]},
    "failed": ("failed", []),
    "rooms": ("ready", []),
    "alone": ("alone", []),
    "conversation": ("ready", [open_kitchen]),
    "quiet": ("quiet", [open_kitchen]),
    "joining": ("joining", [open_kitchen]),
    "waiting": ("waiting", [open_kitchen]),
    "writing": ("writing", [open_kitchen]),
    "rooms writing": ("writing", []),
    "moving": ("moving", [open_kitchen]),
    "connecting": ("connecting", [open_kitchen, lambda page: page.wait_for_timeout(2500)]),
    "offline": ("offline", [open_kitchen, lambda page: page.wait_for_timeout(2500)]),
    "problem": ("problem", [open_kitchen]),
    "clock": ("clock", [open_kitchen]),
    "update": ("update", []),
    "card": ("ready", [open_kitchen, lambda page: page.locator(".chip").click()]),
    "card offline": ("offline", [open_kitchen, lambda page: page.locator(".chip").click()]),
    "card file": ("offline", [open_kitchen, lambda page: page.locator(".chip").click(), pick_file]),
    "doubts": ("doubts", [open_kitchen, lambda page: page.locator(".chip").click()]),
    "lost": ("lost", []),
    "diagnosis well": ("ready", [open_kitchen, lambda page: page.locator(".chip").click(), check]),
    "diagnosis": ("offline", [open_kitchen, lambda page: page.locator(".chip").click(), why]),
    "diagnosis of a stop": ("unknown", [why]),
    "unknown": ("unknown", []),
    "start over": ("shutout", []),
    "start over elsewhere": ("signedout", []),
    "needless": ("needless", []),
    "foreign": ("foreign", []),
    "incomplete": ("incomplete", []),
    "waits": ("waits", [open_kitchen]),
    "long": ("long", [open_kitchen, scroll_up]),
    "new room": ("ready", [click("New room")]),
    "add people": ("ready", [open_kitchen, click("Add people"), lambda page: page.locator(".pick").first.click()]),
    "add people link": ("ready", [open_kitchen, click("Add people"), make_invite]),
    "invite": ("ready", [click("Invite somebody")]),
    "profile": ("ready", [lambda page: page.locator(".self").click()]),
    "files": ("files", [open_kitchen, see_picture]),
    "files on their way": ("files", [open_kitchen]),
    "picture": ("files", [open_kitchen, see_picture, click("lake.jpg, enlarge")]),
    "chosen files": ("ready", [open_kitchen, choose_files]),
    "drop": ("ready", [open_kitchen, drag_files]),
    "details": ("ready", [open_kitchen, lambda page: page.locator(".about").click()]),
    "typing": (
        "ready",
        [open_kitchen, lambda page: page.get_by_label("Message", exact=True).fill("One\nTwo\nThree\nFour\nFive")],
    ),
}


class Looker:
    """Opens scenes in one browser and takes their pictures. `said` holds what the consoles said."""

    def __init__(self, browser: Browser, port: int) -> None:
        self._browser, self._port = browser, port
        self.said: list[str] = []

    def take(self, name: str, size: str, theme: str, path: Path) -> None:
        """One picture, after its steps and when everything has come to rest."""
        scene, steps = PICTURES[name]
        width, height = SIZES[size]
        phone = {"has_touch": True, "is_mobile": True} if size == "phone" else {}
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=theme,
            locale="en-GB",
            **phone,
        )
        page = context.new_page()
        page.on("console", lambda line: self.said.append(f"{name}: {line.text}"))
        page.on("pageerror", lambda error: self.said.append(f"{name}: {error}"))
        page.goto(f"http://localhost:{self._port}/?scene={scene}")
        page.locator("cc-app > *").first.wait_for()
        for step in steps:
            step(page)
        page.wait_for_timeout(450)
        page.screenshot(path=path)
        context.close()


def shoot(folder: Path, wanted: list[str]) -> list[str]:
    """Take the pictures; gives what the consoles said."""
    with start() as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        looker = Looker(playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS), server.server_port)
        for name, size, theme in product(wanted or PICTURES, SIZES, THEMES):
            looker.take(name, size, theme, folder / f"{name.replace(' ', '-')}-{size}-{theme}.png")
        server.shutdown()
    return looker.said


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    lines = shoot(target, sys.argv[2:])
    print("\n".join(lines) or "The consoles were quiet.")
    sys.exit(1 if lines else 0)
