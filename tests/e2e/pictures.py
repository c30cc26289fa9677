"""The pictures of the README and the guides, taken from a running server and the browsers of three people.

`python -m tests.e2e.pictures docs/images`
"""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Page

from tests.e2e.browser import PHONE, Browsers, Person
from tests.e2e.server import ServerProcess
from tests.mega.emulator import PASSWORD, MegaEmulator

OPERATOR = "operator"
ENVIRONMENT = {"CLAWCHAT_SERVER_NAME": "Canal House", "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
ROOM = "Kitchen table"
ADMIN_VIEW = {"width": 1440, "height": 700}
DASHBOARD_VIEW = {"width": 1280, "height": 1400}
# A day of one process, quiet at night, in the server's own tables.
MADE_UP_DAY = """
import math, random
from datetime import timedelta
from django.utils import timezone
from chat.models import Tally
from chat.services.alerts import raise_alert
from rotation.models import Node, PortLease
drawn, node, now = random.Random(1), Node.objects.first(), timezone.now()
for ago in range(2, 1440):
    at = now.replace(second=0, microsecond=0) - timedelta(minutes=ago)
    awake = max(0.1, 0.9 + math.sin((at.hour + at.minute / 60 - 5) / 12 * math.pi))
    Tally.objects.create(
        node=node.name, process="yesterday", minute=at, people=round(7 * awake + drawn.random()),
        messages=round(drawn.expovariate(1 / (12 * awake))), bytes_in=round(60_000 * awake * drawn.random()),
        bytes_out=round(400_000 * awake * drawn.random()), delay_p99_ms=9 + 6 * drawn.random(),
        refused={"gate": drawn.randrange(1, 30)} if drawn.random() < 0.02 else {},
        scans=drawn.randrange(20) if drawn.random() < 0.01 else 0,
    )
for hour in range(1, 7):
    opened = now - timedelta(minutes=60 * hour + 2)
    PortLease.objects.create(
        node=node, period=-hour, port=drawn.randrange(40_000, 60_000), path="/over", state="closed",
        planned_at=opened, opens_at=opened, moves_at=opened + timedelta(hours=1),
        closes_at=opened + timedelta(minutes=65), moved_at=opened,
    )
raise_alert(
    "scan", "192.0.2.66", "notice", "192.0.2.66 touched 14 ports that no client would touch; it is banned for an hour.",
    "Nothing to do: the ban ends by itself.",
)
"""
LOOKS = {"locale": "en-GB", "timezone_id": "Europe/Amsterdam", "device_scale_factor": 2, "color_scheme": "light"}
# Who says what, in this order.
TALK = [
    ("alice berg", "Same rules as the old table: whoever finds good bread says where."),
    ("mara lindqvist", "Found it: the mill by the canal, https://example.org/mill, Saturdays until noon."),
    ("jonas okafor", "Is anybody up for the lake on Sunday?"),
    ("jonas okafor", "Water is 19 degrees, I checked with my feet."),
    ("alice berg", "Yes! I bring coffee and the big blanket."),
    ("alice berg", "And the good cups"),
    ("mara lindqvist", "I am in, if we take the ten o'clock train. The one after it has no room for three bicycles."),
    ("jonas okafor", "Ten it is."),
    ("alice berg", "Ten it is. See you on platform 3."),
]


async def take(folder: Path, workplace: Path) -> None:
    """Let three people meet and talk, and take the pictures along the way."""
    server = ServerProcess(workplace / "data", interval=3600, lead=120, grace=300, environment=ENVIRONMENT)
    with server:
        async with Browsers(shutil.which("chromium") or "chromium", workplace) as browsers:
            people: dict[str, Person] = {}
            for name in ("alice berg", "mara lindqvist", "jonas okafor"):
                invite = server.create_invite(*([] if people else ["--owner"]))
                viewport = PHONE if name.startswith("jonas") else None
                people[name] = person = await browsers.open(name, invite["url"], viewport, **LOOKS)
                if name.startswith("jonas"):
                    await person.page.get_by_role("textbox", name="Your name").wait_for()
                    await person.page.wait_for_timeout(500)
                    await person.page.screenshot(path=folder / "first-start.png")
                await person.enrol()
            await meet(people)
            for name, text in TALK:
                await people[name].say(text)
                for other in people.values():
                    await other.log.get_by_text(text[:24]).last.wait_for()
            await asyncio.sleep(1)
            await people["alice berg"].page.screenshot(path=folder / "conversation-desktop.png")
            await people["jonas okafor"].page.screenshot(path=folder / "conversation-phone.png")
            await check(people["jonas okafor"])
            await people["jonas okafor"].page.screenshot(path=folder / "check-phone.png")
            await administer(browsers, server, folder)


async def meet(people: dict[str, Person]) -> None:
    """Alice makes the room and adds the others."""
    alice, mara, jonas = people.values()
    await alice.create_room("Third floor band")
    await alice.add(mara.name)
    await alice.say("Thursday at eight then?")
    await alice.create_room(ROOM)
    for person in (mara, jonas):
        await alice.add(person.name)
        await person.open_room(ROOM)


async def check(person: Person) -> None:
    """Somebody asks how the way to the server is."""
    await person.page.locator(".chip").click()
    await person.page.get_by_role("button", name="Check the connection").click()
    await person.page.locator(".verdict[data-verdict=well]").wait_for()
    await person.page.wait_for_timeout(500)


async def administer(browsers: Browsers, server: ServerProcess, folder: Path) -> None:
    """The operator looks at the devices, adds an account at MEGA and looks at the mirrors."""
    server.run("createsuperuser", "--noinput", "--username", OPERATOR, "--email", "")
    admin = f"{server.front_url}/admin"
    page = (await browsers.open(OPERATOR, f"{admin}/", ADMIN_VIEW, **LOOKS)).page
    await page.get_by_label("Username").fill(OPERATOR)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await page.get_by_role("heading", name="The operator's side").wait_for()
    await overlook(page, server, folder)
    await page.goto(f"{admin}/chat/device/")
    await page.screenshot(path=folder / "admin.png")
    with MegaEmulator() as mega:
        await page.goto(f"{admin}/discovery/mirror/add/")
        await page.get_by_label("Name").fill("MEGA of the band")
        await page.get_by_label("Kind").select_option("mega")
        await page.get_by_role("button", name="Save", exact=True).click()
        await page.get_by_label("E-mail address").fill("band@example.org")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_label("Link of the shared folder").fill(
            mega.export_folder(mega.make_account("band@example.org"))
        )
        await page.get_by_role("button", name="Save", exact=True).click()
        row = page.locator("tr", has_text="MEGA of the band", has=page.get_by_text("holds what was put there"))
        while not await row.count():
            await asyncio.sleep(1)
            await page.goto(f"{admin}/discovery/mirror/")
    await page.screenshot(path=folder / "mirrors.png")


async def overlook(page: Page, server: ServerProcess, folder: Path) -> None:
    """The dashboard, at a desk and on a phone in the dark. The day before is made up: this server is minutes old."""
    server.run("shell", "-c", MADE_UP_DAY)
    for name, viewport, scheme in (("console", DASHBOARD_VIEW, "light"), ("console-phone", PHONE, "dark")):
        await page.set_viewport_size(viewport)
        await page.emulate_media(color_scheme=scheme)
        await page.goto(f"{server.front_url}/admin/")
        await page.locator(".timeline").wait_for()
        await page.wait_for_timeout(1000)
        await page.screenshot(path=folder / f"{name}.png")
    await page.set_viewport_size(ADMIN_VIEW)
    await page.emulate_media(color_scheme="light")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(take(Path(sys.argv[1]), Path(scratch)))
