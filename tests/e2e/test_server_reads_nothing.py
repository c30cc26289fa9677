"""End-to-end means: what a person types is nowhere but in the browsers."""

import asyncio
import contextlib
import re
import sqlite3
from pathlib import Path

import pytest

from clawchat.client import Client
from tests.e2e.browser import READY_MS, Browsers, Person
from tests.e2e.recorder import recorded_path
from tests.e2e.relay import RecordingRelay
from tests.e2e.server import ServerProcess
from tests.e2e.traces import files_below, traces

SECRET = "persimmon-lantern-4417"
VISIBLE = "Quillfeather-9083"

pytestmark = pytest.mark.e2e


async def test_a_typed_message_is_nowhere_but_in_the_browsers(tmp_path, chromium_path):
    """The marker is in no file, log or byte on the wire, nor in what handlers receive; the display name is found."""
    server = ServerProcess(
        tmp_path / "data",
        interval=3600,
        lead=120,
        grace=300,
        environment={
            "DJANGO_SETTINGS_MODULE": "tests.e2e.recording_settings",
            "CLAWCHAT_BIND": "127.0.0.2",
            "CLAWCHAT_HOST": "127.0.0.1",
            "CLAWCHAT_LOG_LEVEL": "DEBUG",
        },
    )
    with server:
        [lease] = [lease for lease in server.status()["leases"] if lease["state"] == "open"]
        async with RecordingRelay(lease["port"], "127.0.0.2") as relay, Browsers(chromium_path, tmp_path) as browsers:
            alice = await browsers.open("alice", server.create_invite("--owner")["url"])
            await alice.enrol()
            bob = await browsers.open("bob", server.create_invite()["url"])
            bob.name = VISIBLE
            await bob.enrol()
            await alice.create_room(f"room {SECRET}")
            await alice.add(VISIBLE)
            await bob.open_room(f"room {SECRET}")
            await alice.say(f"the password is {SECRET}")
            await bob.log.get_by_text(SECRET).wait_for(timeout=READY_MS)
            await bob.say(f"I will not write {SECRET} down")
            await alice.log.get_by_text(f"not write {SECRET}").wait_for(timeout=READY_MS)
            await signals_come_and_go(alice, bob)
            wire = relay.recorded
            peter = await Client.enrol((await asyncio.to_thread(server.create_invite))["invite"], None, name="Peter")
            await forged_ends_are_no_ends(relay, peter, alice, bob)
            await peter.close()
        running = dict(files_below(server.data_dir))

    sources = {
        **{f"running {name}": data for name, data in running.items()},
        **dict(files_below(server.data_dir)),
        "log": server.log().encode(),
        "wire": wire,
        "handlers": recorded_path(server.data_dir).read_bytes(),
    }
    assert len(wire) > 10_000
    assert traces(SECRET, sources) == []
    nonces = nonces_of_signals(server.data_dir, sources["handlers"])
    assert len(nonces) >= 4
    assert [name for name, data in sources.items() if name != "handlers" for nonce in nonces if nonce in data] == []
    found = traces(VISIBLE, sources)
    assert "handlers" in found
    assert any("clawchat.sqlite3" in name for name in found)
    assert "wire" not in found


async def signals_come_and_go(alice: Person, bob: Person) -> None:
    """Each sees the other write, until the message is there or nothing more is typed; and that the words were read."""
    await bob.composer.press_sequentially(f"about {SECRET}")
    writing = alice.page.locator(".writing span")
    await writing.get_by_text(f"{VISIBLE} is writing").wait_for(timeout=READY_MS)
    await bob.page.get_by_role("button", name="Send").click()
    await alice.log.get_by_text(f"about {SECRET}").wait_for(timeout=READY_MS)
    assert await writing.count() == 0
    await bob.log.get_by_role("img", name="Read by Alice").wait_for(timeout=READY_MS)

    await alice.composer.press_sequentially("hm")
    seen = bob.page.locator(".writing span")
    await seen.get_by_text("Alice is writing").wait_for(timeout=READY_MS)
    await alice.composer.fill("")
    await seen.wait_for(state="detached", timeout=30_000)


def nonces_of_signals(data_dir: Path, handlers: bytes) -> list[bytes]:
    """Of each signal that handlers got, by the room and the device that it begins with, 12 bytes like no others."""
    database = sqlite3.connect(data_dir / "clawchat.sqlite3")
    with contextlib.closing(database):
        rooms = [room for (room,) in database.execute("SELECT room_id FROM chat_room")]
        devices = [device for (device,) in database.execute("SELECT device_id FROM chat_device")]
    found = [re.finditer(re.escape(room + device), handlers) for room in rooms for device in devices]
    return [handlers[at.end() + 8 : at.end() + 20] for each in found for at in each]


async def forged_ends_are_no_ends(relay: RecordingRelay, peter: Client, alice: Person, bob: Person) -> None:
    """Who stands at the wire writes "revoked" and the like to everybody: they come back, and talk."""
    for code in (4410, 4409, 4403):
        connection = await peter.usable(10)
        assert relay.forge_close(code) == 3
        async with asyncio.timeout(20):
            while connection is peter._line._current or peter.status != "connected":
                await asyncio.sleep(0.05)
        await alice.say(f"not put out by {code}")
        await bob.log.get_by_text(f"not put out by {code}").wait_for(timeout=READY_MS)
    assert peter.problem is None
