"""End-to-end means: what a person types is nowhere but in the browsers."""

import pytest

from tests.e2e.browser import Browsers
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
            await bob.log.get_by_text(SECRET).wait_for(timeout=20_000)
            await bob.say(f"I will not write {SECRET} down")
            await alice.log.get_by_text(f"not write {SECRET}").wait_for(timeout=20_000)
            wire = relay.recorded
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
    found = traces(VISIBLE, sources)
    assert "handlers" in found
    assert any("clawchat.sqlite3" in name for name in found)
    assert "wire" not in found
