"""Mirrors die and lie: a client that was away finds the server all the same, and the operator is told."""

import asyncio
import contextlib
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from clawchat.client import Client
from tests.discovery import servers
from tests.e2e.server import ServerProcess
from tests.mega.emulator import PASSWORD, MegaEmulator
from tests.ports import free_port
from tests.soak.rows import Rows

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

INTERVAL, LEAD, GRACE = 6, 2, 2
# Where something has to happen between two files.
CALM_INTERVAL = 15
LONGEST_SECONDS = 60
ADD = """
import json
from discovery.models import Mirror
from discovery.services.mirror_secrets import write_secrets
for row in json.loads({rows!r}):
    secrets = row.pop("secrets")
    write_secrets(Mirror.objects.create(**row), secrets)
"""
# The next pass sends somebody to look, as it does every ten minutes.
LOOK = "UPDATE discovery_mirror SET watched_at = NULL WHERE name = 'WebDAV'"
FRONT = "Front door"


@dataclass
class Elsewhere:
    """A mirror that is not the server's own: its row, and how it dies and comes back."""

    row: dict
    kill: Callable[[], object]
    revive: Callable[[], object]


class Town:
    """A server with its mirrors around it, and Alice, who is away while things happen."""

    def __init__(self, server: ServerProcess, mirrors: dict[str, Elsewhere], alice: Path) -> None:
        self.server, self.mirrors, self._alice = server, mirrors, alice

    async def all_well(self) -> None:
        """Wait until every mirror has given the file back."""
        ends = time.monotonic() + LONGEST_SECONDS
        while set((states := self.show()[0]).values()) != {"well"}:
            assert time.monotonic() < ends, f"{states}\n{self.server.log_tail()}"
            await asyncio.sleep(0.5)

    def show(self) -> tuple[dict[str, str], list[list[str]]]:
        """State of each mirror, and what the audit log says of suspect ones."""
        rows = Rows(self.server.data_dir)
        # In this order: what is suspect has been named before.
        states = dict(rows.ask("SELECT name, state FROM discovery_mirror"))
        said = rows.ask("SELECT subject, details FROM chat_auditevent WHERE code = 'mirror_suspect' ORDER BY id")
        return states, [[subject, json.loads(details)["finding"]] for subject, details in said]

    def look(self) -> None:
        """Let the server's next round look at the WebDAV mirror."""
        with contextlib.closing(sqlite3.connect(self.server.data_dir / "clawchat.sqlite3", timeout=30)) as database:
            database.execute(LOOK)
            database.commit()

    async def look_until(self, state: str) -> None:
        """Let the server look at the WebDAV mirror, in its own round, until it finds it so; a look finds nothing while
        a file is on its way."""
        ends = time.monotonic() + LONGEST_SECONDS
        self.look()
        while (found := self.show()[0]["WebDAV"]) != state:
            assert time.monotonic() < ends, f"{found} instead of {state}\n{self.server.log_tail()}"
            await asyncio.sleep(2)
            self.look()

    async def enrol_alice(self) -> None:
        """A member who has seen all places once and went away."""
        invite = await asyncio.to_thread(self.server.create_invite, "--owner")
        async with await Client.enrol(invite["invite"], self._alice, name="Alice"):
            pass

    async def kill(self, name: str) -> None:
        """Let a mirror die; the front door dies by a restart of the server without one."""
        if name == FRONT:
            await asyncio.to_thread(self.server.stop)
            await asyncio.to_thread(self.server.start, front=False)
        else:
            await asyncio.to_thread(self.mirrors[name].kill)

    async def revive(self, name: str) -> None:
        """Let it come back."""
        if name == FRONT:
            await asyncio.to_thread(self.server.stop)
            await asyncio.to_thread(self.server.start)
        else:
            await asyncio.to_thread(self.mirrors[name].revive)

    async def until_moved(self) -> None:
        """Wait until no port serves any more that served when this was called, and others do."""
        before = await self._ports()
        async with asyncio.timeout(LONGEST_SECONDS):
            while not (now := await self._ports()) or now & before:
                await asyncio.sleep(0.5)

    def opened(self) -> set[int]:
        """The ports that clients are sent to."""
        leases = Rows(self.server.data_dir).leases()
        return {lease.port for lease in leases if lease.kind == "moving" and lease.state == "open"}

    async def alice_finds_it(self, without: str) -> None:
        """She comes back, and the server answers her."""
        try:
            client = Client.open(self._alice)
            await client.connect(LONGEST_SECONDS)
            async with client:
                await client.request("device.list")
        except Exception as error:
            raise AssertionError(f"not found without {without}: {error!r}\n{self.server.log_tail()}") from error

    async def _ports(self) -> set[int]:
        leases = await asyncio.to_thread(Rows(self.server.data_dir).leases)
        return {lease.port for lease in leases if lease.kind == "moving" and lease.state in ("open", "draining")}


@contextlib.asynccontextmanager
async def town(
    folder: Path, interval: float = INTERVAL, environment: dict[str, str] | None = None
) -> AsyncIterator[Town]:
    """A server with a WebDAV folder, an S3 bucket and a MEGA folder beside its front door, all of them well."""
    folder.mkdir(exist_ok=True)
    server = ServerProcess(folder / "data", interval=interval, lead=LEAD, grace=GRACE, environment=environment)
    with contextlib.ExitStack() as stack:
        dav = stack.enter_context(servers.webdav(folder / "dav", free_port()))
        bucket = stack.enter_context(servers.s3(folder, free_port()))
        mega = stack.enter_context(MegaEmulator())
        account = mega.make_account()
        link = {"password": PASSWORD, "link": mega.export_folder(account)}

        def silence_mega() -> None:
            for where in ("*", "upload", "download"):
                mega.fault(where, "drop", times=-1)

        mirrors = {
            "WebDAV": Elsewhere(_row("webdav", dav.options, dav.secrets), dav.process.kill, dav.process.start),
            "S3": Elsewhere(_row("storage", bucket.options, bucket.secrets), bucket.process.kill, bucket.process.start),
            "MEGA": Elsewhere(_row("mega", {"email": account.email}, link), silence_mega, mega.faults.clear),
        }
        rows = [{"name": name, **mirror.row} for name, mirror in mirrors.items()]
        await asyncio.to_thread(server.start)
        try:
            await asyncio.to_thread(server.run, "shell", "-v", "0", "-c", ADD.format(rows=json.dumps(rows)))
            here = Town(server, mirrors, folder / "alice")
            await here.all_well()
            await here.enrol_alice()
            yield here
        finally:
            await asyncio.to_thread(server.stop)


def _row(kind: str, options: dict, secrets: dict) -> dict:
    return {"kind": kind, "options": options, "secrets": secrets}


async def test_each_mirror_may_die(tmp_path):
    """One after the other is gone while the port moves: whoever was away finds the server through the others."""
    async with town(tmp_path / "town") as here:
        for name in [*here.mirrors, FRONT]:
            await here.kill(name)
            await here.until_moved()
            await here.alice_finds_it(without=name)
            await here.revive(name)


async def test_any_one_mirror_is_enough(tmp_path):
    """All but one are gone while the port moves, for each one in turn."""
    async with town(tmp_path / "town") as here:
        await here.kill(FRONT)
        for survivor in here.mirrors:
            others = [name for name in here.mirrors if name != survivor]
            for name in others:
                await here.kill(name)
            await here.until_moved()
            await here.alice_finds_it(without=f"all but {survivor}")
            for name in others:
                await here.revive(name)
        for name in here.mirrors:
            await here.kill(name)
        await here.revive(FRONT)
        await here.until_moved()
        await here.alice_finds_it(without="all but the front door")


async def test_a_port_stays_while_nobody_who_is_away_could_learn_of_the_next(tmp_path):
    """The data directory takes the file as ever, and that is none for Alice: what she holds leads to the old port."""
    async with town(tmp_path / "town") as here:
        await here.kill(FRONT)
        for name in here.mirrors:
            await here.kill(name)
        rows = Rows(here.server.data_dir)
        # One that was late before is no answer.
        late = "code = 'port_late'"
        told = rows.count("chat_auditevent", late)
        await _until(lambda: rows.count("chat_auditevent", late) > told, here.server.log_tail)
        before = here.opened()
        await asyncio.sleep(2 * INTERVAL)
        after = here.opened()
        await here.revive("MEGA")
        await here.until_moved()
        await here.alice_finds_it(without="all but MEGA")

    assert before == after != set()


async def test_a_mirror_that_lies_is_named_and_moves_nobody(tmp_path):
    """Yesterday's file and noise on one mirror: Alice finds the server, the operator reads which mirror and what."""
    shared = tmp_path / "town" / "dav" / "shared"
    async with town(tmp_path / "town", interval=CALM_INTERVAL) as here:
        yesterday = (shared / "connection.json").read_bytes()
        await here.until_moved()
        for lie, finding in ((yesterday, "older"), (b"<!doctype html><title>Sign in</title>", "noise")):
            said = await _lie_until_caught(here, shared / "connection.json", lie)
            (shared / "connection.json").write_bytes(lie)
            await here.alice_finds_it(without="the truth on one mirror")

            assert said[-1] == ["WebDAV", finding]
            # It is given the newest file anew, and a look that finds it there clears it.
            await here.look_until("well")

        # The lie that Alice is shown may be a second one: a look of the server's own has cleared the mirror between.
        assert list(dict.fromkeys(finding for _, finding in here.show()[1])) == ["older", "noise"]


async def _lie_until_caught(here: Town, path: Path, lie: bytes) -> list[list[str]]:
    """Put the lie there and let the server look, again and again: a file that is published just then takes its place.

    Returns what the audit log says of suspect mirrors.
    """
    ends = time.monotonic() + LONGEST_SECONDS
    while True:
        states, said = here.show()
        if states["WebDAV"] == "suspect":
            return said
        assert time.monotonic() < ends, f"nobody saw what the mirror gave: {states}\n{here.server.log_tail()}"
        path.write_bytes(lie)
        here.look()
        await asyncio.sleep(2)


async def _until(happened: Callable[[], bool], what: Callable[[], str]) -> None:
    ends = time.monotonic() + LONGEST_SECONDS
    while not happened():
        assert time.monotonic() < ends, what()
        await asyncio.sleep(0.1)
