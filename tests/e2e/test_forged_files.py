"""Forged and forked files on a mirror: they move nobody, and whoever reads them says which host they came from."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable

import pytest

from clawchat.client import Client
from clawchat.protocol.places import FILE_NAME
from tests.e2e import forging
from tests.e2e.browser import Browsers
from tests.e2e.server import ServerProcess
from tests.e2e.test_mirrors import ADD, LONGEST_SECONDS, Town, town
from tests.e2e.test_places import FIND_MS, in_a_room, sent
from tests.mega.emulator import PASSWORD, MegaEmulator
from tests.soak.rows import Rows

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

# The port stays for as long as a test takes, and the server looks around often all the same.
HOUR, QUICK = 3600, {"DJANGO_SETTINGS_MODULE": "tests.e2e.quick_settings"}
TRIES = 5
# Local file, front door, and two folders.
ALL = 4
# Mirrors that do not have the newest file.
BEHIND = """
state != 'safe' AND publication_id = (SELECT id FROM discovery_publication ORDER BY serial DESC LIMIT 1)
"""
SUSPECTED = "SELECT subject, details FROM chat_auditevent WHERE code = 'mirror_suspect' ORDER BY id"

Forge = Callable[[], bytes]


class Liar:
    """The town's WebDAV mirror, where somebody else can write, too."""

    def __init__(self, here: Town) -> None:
        mirror = here.mirrors["WebDAV"]
        self.host = mirror.row["options"]["public"].split("/")[2]
        self._here, self._rows = here, Rows(here.server.data_dir)
        self._file = here.server.data_dir.parent / "dav" / "shared" / FILE_NAME
        self._named = 0

    async def tell(self, forge: Forge) -> bytes:
        """Put a lie there that was made just now, whole at once; the lie."""
        lie = await asyncio.to_thread(forge)
        aside = self._file.with_name("aside")
        aside.write_bytes(lie)
        aside.replace(self._file)
        return lie

    def suspected(self) -> list[list[str]]:
        """What the audit log says: which mirror, and what was found there."""
        return [[subject, json.loads(details)["finding"]] for subject, details in self._rows.ask(SUSPECTED)]

    async def until_named(self, forge: Forge) -> None:
        """Let the server's own round come upon the lie. A file that was published meanwhile took its place, and made an
        older file of a fork, so another lie is told."""
        lie = b""
        async with asyncio.timeout(LONGEST_SECONDS):
            while True:
                # In this order: what the server has mended it has named before.
                given = self._file.read_bytes()
                if len(self.suspected()) > self._named:
                    break
                if given != lie:
                    lie = await self.tell(forge)
                self._here.look()
                await asyncio.sleep(0.5)
        self._named += 1

    async def until_mended(self) -> None:
        """Wait until the newest file is there again, and until a look of the server's has found it there."""
        newest = self._here.server.data_dir / FILE_NAME
        async with asyncio.timeout(LONGEST_SECONDS):
            while self._file.read_bytes() != newest.read_bytes():
                await asyncio.sleep(0.1)
        await self._here.look_until("well")


async def test_a_forged_or_forked_file_is_named_by_all_and_moves_nobody(tmp_path):
    """Somebody else's signature, a second file of one number, another server's file: Alice, who asks all places while
    there is nobody to talk to, says which host it was and stays; the server's own round finds it, says so once, and
    puts the file there again."""
    async with (
        trap() as (port, misled),
        town(tmp_path / "town", HOUR, QUICK) as here,
        Client.open(tmp_path / "town" / "alice") as alice,
    ):
        server, liar = here.server, Liar(here)
        theirs = await asyncio.to_thread(forging.file_of_another_server, ServerProcess(tmp_path / "other"))
        forged, forked, others = (
            lambda: forging.forged_file(server, port),
            lambda: forging.forked_file(server, port),
            lambda: theirs,
        )
        await stop_when_all_have_the_newest(server)
        # Not to be taken for one another: twice the same doubt does not follow.
        for forge, code in ((forged, "unauthentic"), (forked, "forked"), (others, "unauthentic")):
            await liar.tell(forge)
            named = {liar.host: code}
            await until(
                lambda named=named: alice.doubts == named, lambda named=named: f"not {named}: {alice.doubts}, {misled}"
            )
        await asyncio.to_thread(server.start)
        await until(lambda: alice.status == "connected", server.log_tail)
        for forge in (others, forked):
            await liar.until_named(forge)
            await liar.until_mended()
        await alice.request("device.list")

        assert alice.port in here.opened()
        assert liar.suspected() == [["WebDAV", "foreign"], ["WebDAV", "forked"]]
    assert misled == []


async def test_a_page_names_a_forged_or_forked_file_and_is_not_moved(tmp_path, chromium_path):
    """Of two folders at MEGA somebody writes into one while the server is away: the page says what lies there, uses
    neither file, and goes on with the server when it is back."""
    server = ServerProcess(tmp_path / "data", interval=HOUR, environment=QUICK)
    with MegaEmulator() as mega, server:
        rows = [mega_folder(mega, name) for name in ("lying", "true")]
        await asyncio.to_thread(server.run, "shell", "-v", "0", "-c", ADD.format(rows=json.dumps(rows)))
        await until(lambda: Rows(server.data_dir).count("discovery_mirror", "state = 'well'") == ALL, server.log_tail)
        async with trap() as (port, misled), Browsers(chromium_path, tmp_path) as browsers:
            alice = await in_a_room(server, browsers)
            await stop_when_all_have_the_newest(server)
            await alice.page.locator(".chip.offline").click(timeout=FIND_MS)
            card = alice.page.locator("#connection-card")
            for later, (forge, words) in enumerate(
                (
                    (forging.forged_file, "has what your server did not sign. It was not used."),
                    (forging.forked_file, "contradicts what this device knows. It was not used."),
                ),
                start=1,
            ):
                lie = await asyncio.to_thread(forge, server, port)
                # The newest of a name counts, by the service's clock, which tells seconds.
                mega.put_file(rows[0]["secrets"]["link"], FILE_NAME, lie, at=int(time.time()) + later)
                await card.get_by_text(f"{mega.origin.removeprefix('http://')} {words}").wait_for(timeout=FIND_MS)
            await asyncio.to_thread(server.start)
            await alice.page.keyboard.press("Escape")
            await alice.say("not misled")
            await sent(alice, "not misled")

        assert misled == []
        assert alice.complaints_about_code() == []


@contextlib.asynccontextmanager
async def trap() -> AsyncIterator[tuple[int, list[str]]]:
    """A port that forged files lead to, and a list that is empty while nobody dialled it."""
    misled: list[str] = []

    def turn_away(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        misled.append("somebody was misled")
        writer.close()

    server = await asyncio.start_server(turn_away, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], misled


def mega_folder(mega: MegaEmulator, name: str) -> dict:
    """The row of a mirror in a shared folder of an account of its own."""
    account = mega.make_account(f"{name}@example.test")
    secrets = {"password": PASSWORD, "link": mega.export_folder(account)}
    return {"name": name, "kind": "mega", "options": {"email": account.email}, "secrets": secrets}


async def stop_when_all_have_the_newest(server: ServerProcess) -> None:
    """Stop it at a moment when all mirrors have its newest file, so that whoever asks there knows a fork."""
    rows = Rows(server.data_dir)

    def is_everywhere() -> bool:
        return rows.count("discovery_publicationresult", BEHIND) == 0

    for _ in range(TRIES):
        await until(is_everywhere, server.log_tail)
        await asyncio.to_thread(server.stop)
        if is_everywhere():
            return
        await asyncio.to_thread(server.start)
    raise AssertionError(f"it publishes without end\n{server.log_tail()}")


async def until(happened: Callable[[], bool], what: Callable[[], str]) -> None:
    """Wait for it; `what` says what there is instead."""
    ends = time.monotonic() + LONGEST_SECONDS
    while not happened():
        assert time.monotonic() < ends, what()
        await asyncio.sleep(0.1)
