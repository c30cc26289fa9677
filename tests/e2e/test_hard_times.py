"""What goes wrong around a browser, and what the person there sees of it."""

import re
import resource

import pytest

from tests.e2e.browser import READY_MS, Browsers
from tests.e2e.server import ServerProcess
from tests.e2e.talking import application_log, everything_arrived

pytestmark = pytest.mark.e2e


@pytest.fixture
def server(tmp_path):
    """A server that stays where it is."""
    with ServerProcess(tmp_path / "data", interval=3600, lead=120, grace=300) as running:
        yield running


async def alone_in_a_room(server, browsers):
    """Alice, with a room of her own."""
    alice = await browsers.open("alice", server.create_invite("--owner")["url"])
    await alice.enrol()
    await alice.create_room("Garden")
    return alice


async def test_a_reload_keeps_everything_also_what_was_written_while_the_server_was_away(
    server, tmp_path, chromium_path
):
    """Messages of before and of the outage stand there after a reload, once each, and go out by themselves."""
    async with Browsers(chromium_path, tmp_path) as browsers:
        alice = await alone_in_a_room(server, browsers)
        await alice.say("before")
        await everything_arrived([alice], 1, seconds=60)
        server.kill()
        for number in range(5):
            await alice.say(f"meanwhile {number}")
        waiting = [row["status"] for row in await alice.transcript()].count("waiting")
        server.start()
        await alice.page.reload()
        await alice.open_room("Garden")
        await everything_arrived([alice], 6, seconds=60)
        texts = [row["text"] for row in await alice.transcript() if row["status"] == "sent"]

    assert waiting == 5
    assert [text.count("meanwhile") for text in texts] == [0, 1, 1, 1, 1, 1]
    assert [f"meanwhile {number}" in texts[number + 1] for number in range(5)] == [True] * 5
    assert len(application_log(server.data_dir)) == 6


async def test_a_second_tab_says_where_the_first_one_is(server, tmp_path, chromium_path):
    """Two tabs of one device never write at once; when the first closes, the second takes over by itself."""
    async with Browsers(chromium_path, tmp_path) as browsers:
        alice = await alone_in_a_room(server, browsers)
        second = await alice.context.new_page()
        await second.goto(server.front_url)
        await second.get_by_text("ClawChat is open in another tab").wait_for(timeout=READY_MS)

        await alice.page.close()

        await second.get_by_role("navigation", name="Rooms").get_by_text("Garden").wait_for(timeout=READY_MS)


async def test_a_used_invitation_is_worthless_and_says_so(server, tmp_path, chromium_path):
    """Mallory, who finds alice's link later, gets in nowhere; the link is not left in alice's address bar."""
    async with Browsers(chromium_path, tmp_path) as browsers:
        link = server.create_invite("--owner")["url"]
        alice = await browsers.open("alice", link)
        await alice.page.get_by_role("textbox", name="Your name").wait_for(timeout=READY_MS)
        address = alice.page.url
        await alice.enrol()
        mallory = await browsers.open("mallory", link)
        await mallory.page.get_by_role("textbox", name="Your name").fill("Mallory")
        await mallory.page.keyboard.press("Enter")
        # A new invitation may not have been published yet, so a browser tries for a while before it says that.
        worthless = re.compile("This invitation (opens nothing|was used already)")
        await mallory.page.get_by_text(worthless).wait_for(timeout=2 * READY_MS)

    assert "clawchat:" not in address


async def test_a_full_disk_keeps_messages_waiting_and_loses_none(server, tmp_path, chromium_path):
    """While nothing can be stored nothing is acknowledged; once there is room it all goes through, in order."""
    async with Browsers(chromium_path, tmp_path) as browsers:
        alice = await alone_in_a_room(server, browsers)
        await alice.say("there is room")
        await everything_arrived([alice], 1, seconds=60)
        _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        # No file of the server may grow: to SQLite this is a full disk.
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (0, hard))
        for number in range(5):
            await alice.say(f"no room {number}")
        await alice.page.wait_for_timeout(3_000)
        during = await alice.transcript()
        stored = application_log(server.data_dir)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        await everything_arrived([alice], 6, seconds=60)
        after = [row for row in await alice.transcript() if row["status"] != "notice"]

    assert [row["status"] for row in during].count("waiting") == 5
    assert len(stored) == 1
    assert [f"no room {number}" in after[number + 1]["text"] for number in range(5)] == [True] * 5


async def test_a_room_is_made_and_written_in_by_keyboard_alone(server, tmp_path, chromium_path):
    """After the dialog the cursor stands in the message box: type, Enter, sent."""
    async with Browsers(chromium_path, tmp_path) as browsers:
        alice = await browsers.open("alice", server.create_invite("--owner")["url"])
        await alice.enrol()
        await alice.page.get_by_role("button", name="New room").focus()
        await alice.page.keyboard.press("Enter")
        await alice.page.keyboard.type("Garden")
        await alice.page.keyboard.press("Enter")
        await alice.page.get_by_role("dialog").wait_for(state="hidden", timeout=READY_MS)
        await alice.page.keyboard.type("first words")
        await alice.page.keyboard.press("Enter")

        await everything_arrived([alice], 1, seconds=60)
