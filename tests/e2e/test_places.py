"""The browser finds its server wherever the file lies: in a MEGA folder, or in the hand of the person."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.browser import READY_MS, Browsers, Person
from tests.e2e.server import ServerProcess
from tests.e2e.test_offline import add_mirror
from tests.mega.emulator import PASSWORD, MegaEmulator

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

FIND_MS = 60_000


@pytest.fixture
def server(tmp_path):
    """A server whose port stays, but for restarts."""
    with ServerProcess(tmp_path / "data", interval=3600, lead=120, grace=300) as running:
        yield running


@pytest.fixture
def mega():
    """An emulated MEGA, of another origin than the front door."""
    with MegaEmulator() as emulator:
        yield emulator


async def test_the_server_is_found_through_a_mega_folder_alone(server, mega, tmp_path, chromium_path):
    """No front door any more, and another port: the open page reads the folder itself, across origins, and goes on."""
    await add_mirror(server, mega_mirror(mega))
    async with Browsers(chromium_path, tmp_path) as browsers:
        alice = await in_a_room(server, browsers)
        asked = requests_to(alice, mega.origin)
        async with elsewhere_without_front_door(server):
            await alice.say("found you")
            await sent(alice, "found you")

    assert asked[:3] == ["POST /cs", "POST /cs", "GET /dl"]
    assert alice.complaints_about_code() == []


async def test_the_server_is_found_by_a_file_picked_by_hand(server, tmp_path, chromium_path):
    """With no place left a file does, and the keyboard is enough; what is no file for us is refused and named."""
    noise, foreign = tmp_path / "noise.json", tmp_path / "foreign.json"
    noise.write_text("{}")
    foreign.write_bytes(await asyncio.to_thread(file_of_another_server, tmp_path / "other"))
    async with Browsers(chromium_path, tmp_path) as browsers:
        alice = await in_a_room(server, browsers)
        async with elsewhere_without_front_door(server):
            await alice.say("still here")
            await alice.page.locator(".chip.offline").wait_for(timeout=FIND_MS)
            await alice.page.locator(".chip").press("Enter")
            said = [await pick(alice, file) for file in (noise, foreign)]
            await pick(alice, server.data_dir / "connection.json")
            await sent(alice, "still here")

    assert "no connection file" in said[0]
    assert "not from your server" in said[1]
    assert alice.complaints_about_code() == []


async def test_a_place_that_gives_something_else_is_named_and_not_followed(server, mega, tmp_path, chromium_path):
    """What was changed on its way from MEGA is not used; the page says so and goes on through the front door."""
    await add_mirror(server, mega_mirror(mega))
    async with Browsers(chromium_path, tmp_path) as browsers:
        alice = await in_a_room(server, browsers)
        mega.fault("download", "corrupt", times=-1)
        await asyncio.to_thread(server.stop)
        await alice.page.locator(".chip.offline").click(timeout=FIND_MS)
        card = alice.page.locator("#connection-card")
        await card.get_by_text("has something that is no address. It was not used.").wait_for(timeout=READY_MS)
        words = await card.inner_text()
        await asyncio.to_thread(server.start)
        await alice.page.keyboard.press("Escape")
        await alice.say("not misled")
        await sent(alice, "not misled")

    host = mega.origin.removeprefix("http://")
    assert f"{host} has something" in words
    assert "folder/" not in words


def mega_mirror(mega: MegaEmulator) -> dict:
    """The row of a mirror in a folder that was shared there."""
    account = mega.make_account()
    secrets = {"password": PASSWORD, "link": mega.export_folder(account)}
    return {"kind": "mega", "options": {"email": account.email}, "secrets": secrets}


def file_of_another_server(data_dir: Path) -> bytes:
    """What another server has published."""
    with ServerProcess(data_dir) as other:
        other.create_invite("--owner")
        return (other.data_dir / "connection.json").read_bytes()


async def in_a_room(server: ServerProcess, browsers: Browsers) -> Person:
    """Alice, with a room of her own and everything that was published so far."""
    alice = await browsers.open("alice", server.create_invite("--owner")["url"])
    await alice.enrol()
    await alice.create_room("Garden")
    await alice.page.locator(".chip.connected").wait_for(timeout=READY_MS)
    return alice


@asynccontextmanager
async def elsewhere_without_front_door(server: ServerProcess) -> AsyncIterator[None]:
    """The same server on other ports, without the door that the page came through."""
    leases = (await asyncio.to_thread(server.status))["leases"]
    await asyncio.to_thread(server.stop)
    async with AsyncExitStack() as taken:
        for port in {lease["port"] for lease in leases if lease["state"] != "closed"}:
            # Whoever dials it is turned away, and the server cannot have it again.
            await taken.enter_async_context(await asyncio.start_server(lambda _, writer: writer.close(), port=port))
        await asyncio.to_thread(server.start, front=False)
        yield


async def sent(person: Person, text: str) -> None:
    """Wait until this stands on the screen as arrived at the server."""
    row = person.log.locator("[data-own=true][data-status=sent]").filter(has_text=text)
    await row.wait_for(timeout=FIND_MS)


async def pick(person: Person, file: Path) -> str:
    """Choose a file in the card of the connection, by keyboard; what is said of it, if the card is still there."""
    async with person.page.expect_file_chooser() as choosing:
        await person.page.get_by_role("button", name="Use a connection file").press("Enter")
    chooser = await choosing.value
    await person.page.evaluate("() => { document.querySelector('cc-address-file').said = null }")
    await chooser.set_files(file)
    said = await person.page.wait_for_function(
        """() => {
          const status = document.querySelector("cc-address-file [role=status]")
          return status === null ? "gone" : status.innerText.trim()
        }""",
        timeout=READY_MS,
    )
    return await said.json_value()


def requests_to(person: Person, origin: str) -> list[str]:
    """What the page asks of an origin from now on: method and the first part of the path."""
    asked: list[str] = []

    def note(request) -> None:
        if request.url.startswith(f"{origin}/"):
            asked.append(
                f"{request.method} /{request.url.removeprefix(f'{origin}/').partition('?')[0].partition('/')[0]}"
            )

    person.page.on("request", note)
    return asked
