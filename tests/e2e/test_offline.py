"""The app opens and finds its server while the front door is away, and takes a newer version when it is wanted."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.browser import READY_MS, Browsers, Person
from tests.e2e.plain_site import PlainSite
from tests.e2e.server import ServerProcess
from tests.e2e.test_two_browsers import two_people_in_a_room
from tests.mega.emulator import PASSWORD, MegaEmulator

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

MOVES = 2
MOVE_SECONDS = 60
FIND_MS = 60_000

ADD_MIRROR = """
import json
from discovery.models import Mirror
from discovery.services.mirror_secrets import write_secrets
row = json.loads({text!r})
mirror = Mirror.objects.create(kind=row["kind"], name="Elsewhere", options=row["options"])
write_secrets(mirror, row["secrets"])
"""
MIRROR_IS_WELL = "from discovery.models import Mirror; print(Mirror.objects.get(name='Elsewhere').state)"
SEALED = ("/connection.json", "/revocations.json")
VERSIONS = "async () => (await caches.keys()).filter(name => name.startsWith('shell-'))"
KEPT_POLICY = """async () => {
  const kept = await (await caches.open((await caches.keys()).find(name => name.startsWith("shell-")))).match("/")
  return kept.headers.get("Content-Security-Policy")
}"""
KEPT_PATHS = """async () => {
  const kept = await Promise.all((await caches.keys()).map(async name => (await caches.open(name)).keys()))
  return kept.flat().map(request => new URL(request.url).pathname)
}"""
KEPT_FILES = "async () => (await (await caches.open('sealed')).keys()).map(request => new URL(request.url).pathname)"


@contextmanager
def a_plain_site(folder: Path):
    """A folder that a web server shows to everybody: the mirror's row for it."""
    with PlainSite(folder / "site") as site:
        yield {
            "kind": "storage",
            "options": {
                "backend": "django.core.files.storage.FileSystemStorage",
                "options": {"location": str(site.folder)},
                "public": f"{site.origin}/connection.json",
            },
            "secrets": {},
            "host": urlsplit(site.origin).netloc,
        }


@contextmanager
def a_mega_folder(_folder: Path):
    """A folder of an account at MEGA, shared as a link: the mirror's row for it."""
    with MegaEmulator() as mega:
        account = mega.make_account()
        yield {
            "kind": "mega",
            "options": {"email": account.email},
            "secrets": {"password": PASSWORD, "link": mega.export_folder(account)},
            "host": urlsplit(mega.origin).netloc,
        }


@pytest.mark.parametrize("elsewhere", [a_mega_folder, a_plain_site], ids=["mega", "plain"])
async def test_the_app_opens_while_the_front_door_is_off_and_goes_on(
    tmp_path, chromium_path, elsewhere: Callable[[Path], AbstractContextManager[dict]]
):
    """A first visit online; then no front door, and the port moves twice: opened again, the app finds it and talks."""
    server = ServerProcess(tmp_path / "data", interval=8, lead=2, grace=2)
    with elsewhere(tmp_path) as mirror, server:
        async with Browsers(chromium_path, tmp_path) as browsers:
            await add_mirror(server, mirror)
            alice, bob = await two_people_in_a_room(server, browsers)
            await alice.say("before")
            await bob.log.get_by_text("before").wait_for(timeout=READY_MS)
            for person in (alice, bob):
                await kept_for_later(person)
                await turn_away(person)

            asked = [hosts_asked_by(person) for person in (alice, bob)]
            server.stop()
            server.start(front=False)
            await until_moved(server, MOVES)
            for person in (alice, bob):
                await person.page.goto(server.front_url)
                await person.open_room("Garden")
                await person.page.locator("[data-status=connected]").first.wait_for(timeout=FIND_MS)
            await bob.say("after")
            await alice.log.get_by_text("after").wait_for(timeout=READY_MS)
            await alice.say("and on")
            await bob.log.get_by_text("and on").wait_for(timeout=READY_MS)

            texts = [[row["text"] for row in await person.transcript()] for person in (alice, bob)]
            complaints = [person.complaints_about_code() for person in (alice, bob)]

    assert all(mirror["host"] in hosts for hosts in asked), asked
    assert all(any(word in text for text in seen) for seen in texts for word in ("before", "after", "and on"))
    assert complaints == [[], []]


async def test_a_newer_version_is_offered_and_used_when_wanted(tmp_path, chromium_path):
    """A new mirror is a new version of the page, which must be let reach it: offered, then used whole."""
    server = ServerProcess(tmp_path / "data", interval=600, lead=5, grace=5)
    with a_plain_site(tmp_path) as mirror, server:
        async with Browsers(chromium_path, tmp_path) as browsers:
            alice = await browsers.open("alice", server.create_invite("--owner")["url"])
            await alice.enrol()
            first = await kept_for_later(alice)
            await add_mirror(server, mirror)

            await alice.page.goto(server.front_url)
            offer = alice.page.get_by_role("button", name="Use it now")
            await offer.wait_for(timeout=READY_MS)
            waiting = await alice.page.evaluate(VERSIONS)
            assert mirror["host"] not in await alice.page.evaluate(KEPT_POLICY)
            async with alice.page.expect_navigation():
                await offer.click()
            await alice.page.get_by_role("button", name="New room").wait_for(timeout=READY_MS)
            await offer.wait_for(state="hidden")
            used = await alice.page.evaluate(VERSIONS)
            policy = await alice.page.evaluate(KEPT_POLICY)

    assert len(waiting) == 2
    assert set(waiting) > set(first)
    assert used == [name for name in waiting if name not in first]
    assert mirror["host"] in policy
    assert alice.complaints_about_code() == []


async def test_nothing_but_the_app_and_sealed_files_is_kept(tmp_path, chromium_path):
    """Not the admin, not health, not an answer to whoever asks; and what is kept of discovery is what anybody gets."""
    server = ServerProcess(tmp_path / "data", interval=600, lead=5, grace=5)
    with server:
        async with Browsers(chromium_path, tmp_path) as browsers:
            alice = await browsers.open("alice", server.create_invite("--owner")["url"])
            await alice.enrol()
            await kept_for_later(alice)
            await alice.page.goto(server.front_url)
            for path in ("/admin/login/", "/healthz", "/worker.js", "/nowhere"):
                await alice.page.evaluate("path => fetch(path)", path)
            names = await alice.page.evaluate("caches.keys()")
            paths = await alice.page.evaluate(KEPT_PATHS)

    assert {name.split("-")[0] for name in names} == {"shell", "sealed"}
    assert all(path == "/" or path.startswith("/static/") or path in SEALED for path in paths)
    assert "/connection.json" in paths


async def kept_for_later(person: Person) -> list[str]:
    """Wait until the worker is in place; the names of the versions that are kept."""
    await person.page.evaluate("() => navigator.serviceWorker.ready")
    assert "/connection.json" in await person.page.evaluate(KEPT_FILES)
    return await person.page.evaluate(VERSIONS)


async def turn_away(person: Person) -> None:
    """Close the app, and keep the browser."""
    page = await person.context.new_page()
    await person.page.close()
    person.take(page)


def hosts_asked_by(person: Person) -> set[str]:
    """The hosts that this person's browser asks from now on, filled in as it goes."""
    hosts: set[str] = set()
    person.context.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    return hosts


async def add_mirror(server: ServerProcess, mirror: dict) -> None:
    """One more mirror; returns once it holds the file."""
    await asyncio.to_thread(server.run, "shell", "-c", ADD_MIRROR.format(text=json.dumps(mirror)))
    async with asyncio.timeout(MOVE_SECONDS):
        while "well" not in await asyncio.to_thread(server.run, "shell", "-c", MIRROR_IS_WELL):
            await asyncio.sleep(0.5)


async def until_moved(server: ServerProcess, times: int) -> None:
    """Wait until so many ports have given way since now."""
    seen: list[int] = []
    async with asyncio.timeout(MOVE_SECONDS):
        while len(seen) <= times:
            leases = (await asyncio.to_thread(server.status))["leases"]
            now = [lease["port"] for lease in leases if lease["state"] == "open" and lease["kind"] == "moving"]
            seen += [port for port in now if port not in seen]
            await asyncio.sleep(0.5)
