"""What the screens promise, in Chromium with sample data: the policy is quiet, nothing is lost, nothing jumps."""

import re
import threading
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from playwright.async_api import Page, async_playwright, expect

from tests.e2e.browser import DESKTOP, FLAGS, PHONE, READY_MS
from tests.preview.serve import SteadyPreview, start

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

SCENES = [
    "starting",
    "elsewhere",
    "empty",
    "revoked",
    "invited",
    "expired",
    "enrolling",
    "failed",
    "unknown",
    "shutout",
    "signedout",
    "needless",
    "foreign",
    "incomplete",
    "waits",
    "ready",
    "alone",
    "quiet",
    "joining",
    "waiting",
    "writing",
    "moving",
    "connecting",
    "offline",
    "doubts",
    "lost",
    "problem",
    "clock",
    "update",
    "long",
    "files",
]
OVERFLOW = """() => {
  const { scrollWidth, scrollHeight } = document.documentElement;
  return Math.max(scrollWidth - innerWidth, scrollHeight - innerHeight);
}"""
# The frame is on the screen before its app is open: two frames after it has the app, the scene is what is seen.
DRAWN = """async () => {
  const frame = document.querySelector("cc-app");
  while (!frame.app && !frame.failure) await new Promise(requestAnimationFrame);
  await frame.updateComplete;
  await new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)));
}"""
FROM_END = "log => log.scrollHeight - log.scrollTop - log.clientHeight"


class Screen:
    """A page with a scene on it. `said` holds every line of its console."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page, self._origin = page, origin
        self.said: list[str] = []
        page.on("console", lambda line: self.said.append(line.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))

    async def show(self, scene: str) -> None:
        """Open a scene and wait until it is drawn."""
        await self.page.goto(f"{self._origin}/?scene={scene}")
        await self.page.evaluate(DRAWN)

    @property
    def composer(self):
        """The text box "Message"."""
        return self.page.get_by_role("textbox", name="Message", exact=True)

    @property
    def log(self):
        """The region "Messages"."""
        return self.page.get_by_role("log", name="Messages")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(chromium_path):
    """A browser and the origin of a server, which all scenes share."""
    with start(handler=SteadyPreview) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
            yield browser, f"http://localhost:{server.server_port}"
            await browser.close()
        server.shutdown()


@asynccontextmanager
async def screen_of(stage, **options):
    """A page of somebody who was never here before."""
    browser, origin = stage
    context = await browser.new_context(**options)
    context.set_default_timeout(READY_MS)
    yield Screen(await context.new_page(), origin)
    await context.close()


@pytest_asyncio.fixture(loop_scope="module")
async def desktop(stage):
    """Somebody at a desk."""
    async with screen_of(stage, viewport=DESKTOP) as screen:
        yield screen


@pytest_asyncio.fixture(loop_scope="module")
async def phone(stage):
    """Somebody with a phone in the hand."""
    async with screen_of(stage, viewport=PHONE, has_touch=True, is_mobile=True) as screen:
        yield screen


async def test_no_scene_makes_the_console_speak(desktop):
    """Under the real policy no style, script or sink of ours is refused, in any scene."""
    for scene in SCENES:
        await desktop.show(scene)

    assert desktop.said == []


async def test_nothing_is_wider_or_higher_than_a_phone(phone):
    """No scene can be scrolled sideways, and the page itself never scrolls."""
    for scene in SCENES:
        await phone.show(scene)

        assert await phone.page.evaluate(OVERFLOW) <= 0, scene


async def test_first_start_asks_one_thing(desktop):
    """The invitation has one box, which has the focus, and one button; Enter is enough."""
    await desktop.show("invited")

    await expect(desktop.page.get_by_role("textbox", name="Your name")).to_be_focused()
    await expect(desktop.page.get_by_role("button")).to_have_count(1)
    await desktop.page.keyboard.type("Zoe")
    await desktop.page.keyboard.press("Enter")
    await expect(desktop.page.get_by_text("Welcome, Zoe")).to_be_visible()


async def test_own_message_keeps_its_place_from_waiting_to_sent(desktop):
    """The very element that was drawn while waiting is the one that says sent."""
    await desktop.show("ready")
    await desktop.page.evaluate("() => { app.answer = () => new Promise(done => { app.release = done }) }")

    await desktop.composer.fill("hello")
    await desktop.composer.press("Shift+Enter")
    await desktop.composer.press_sequentially("world")
    await desktop.composer.press("Enter")
    bubble = desktop.page.locator("cc-message").last
    await expect(bubble).to_have_attribute("data-status", "waiting")
    drawn = await bubble.element_handle()
    await desktop.page.evaluate("() => app.release()")
    await expect(bubble).to_have_attribute("data-status", "sent")

    assert await drawn.evaluate("bubble => bubble.isConnected")
    assert await bubble.locator(".text").inner_text() == "hello\nworld"
    await expect(desktop.composer).to_have_value("")


async def test_reader_who_scrolled_up_is_left_in_peace(desktop):
    """What comes is counted on a button and stays unread until the end is on the screen again."""
    await desktop.show("long")
    await expect(desktop.page.locator("cc-message")).to_have_count(1000)
    assert await desktop.log.evaluate(FROM_END) < 2

    await desktop.log.evaluate("log => log.scrollTo(0, 3000)")
    button = desktop.page.get_by_role("button", name="To the newest")
    await button.wait_for()
    await desktop.page.evaluate("() => { app.hear('one'); app.hear('two'); }")
    button = desktop.page.get_by_role("button", name="2 new messages")
    await button.wait_for()
    assert await desktop.log.evaluate("log => log.scrollTop") == 3000
    assert await desktop.page.evaluate("app.rooms[0].unread") == 2

    await button.click()
    await expect(button).to_have_count(0)
    assert await desktop.log.evaluate(FROM_END) < 2
    assert await desktop.page.evaluate("app.rooms[0].unread") == 0


async def test_draft_waits_in_its_room(desktop):
    """Half a sentence is still there when one comes back from another room."""
    await desktop.show("ready")

    await desktop.composer.fill("half a sent")
    await desktop.page.get_by_role("button", name="Third floor band").click()
    await expect(desktop.composer).to_have_value("")
    await desktop.page.get_by_role("button", name="Kitchen table").first.click()

    await expect(desktop.composer).to_have_value("half a sent")


async def test_unread_messages_begin_at_a_line(desktop):
    """A room with two unread messages shows where they begin, and then counts them as read."""
    await desktop.show("ready")

    await desktop.page.get_by_role("button", name="2 unread messages").click()

    await expect(desktop.page.locator(".unread-row + cc-message")).to_contain_text("New strings")
    await desktop.page.wait_for_function("() => app.rooms[1].unread === 0")


async def test_dialogs_give_the_focus_back(desktop):
    """Escape closes a dialog, and whoever came by keyboard is where they were."""
    await desktop.show("ready")

    add = desktop.page.get_by_role("button", name="Add people")
    await add.press("Enter")
    await expect(desktop.page.get_by_role("checkbox", name="Inés Duarte")).to_be_visible()
    await desktop.page.keyboard.press("Escape")

    await expect(add).to_be_focused()


async def test_why_there_is_no_connection_is_told_step_by_step(phone):
    """From the chip to one sentence and one remedy, without a connection; each step says its grade to a reader too."""
    await phone.show("offline")
    await phone.page.locator(".room").first.tap()
    chip = phone.page.get_by_role("button", name="Offline", exact=True)
    await chip.tap()
    await phone.page.get_by_role("button", name="Why can't I connect?").tap()
    dialog = phone.page.get_by_role("dialog", name="Why can't I connect?")

    await expect(dialog.get_by_role("status")).to_contain_text("does not answer")
    await expect(dialog.get_by_role("status")).to_contain_text("Try another network")
    await expect(dialog.get_by_role("listitem")).to_have_count(9)
    grades = await dialog.get_by_role("listitem").evaluate_all("steps => steps.map(step => step.dataset.grade)")
    assert grades == ["unknown", "well", "noted", "noted", "well", "wrong", "unknown", "unknown", "unknown"]
    await expect(dialog.get_by_role("listitem").nth(5)).to_contain_text("The port: in the way")
    await phone.page.keyboard.press("Escape")
    await expect(chip).to_be_focused()


async def test_the_way_is_gone_again_when_asked(desktop):
    """What was in the way may be gone a moment later."""
    await desktop.show("offline")
    await desktop.page.get_by_role("button", name="Offline", exact=True).click()
    await desktop.page.get_by_role("button", name="Why can't I connect?").press("Enter")
    dialog = desktop.page.get_by_role("dialog", name="Why can't I connect?")
    await expect(dialog.get_by_role("status")).to_contain_text("does not answer")

    await desktop.page.evaluate("app.way = [{ code: 'gate_well' }, { code: 'device_well' }]")
    await dialog.get_by_role("button", name="Look again").press("Enter")

    await expect(dialog.get_by_role("status")).to_contain_text("All is well")
    assert await desktop.page.evaluate("app.connection.status") == "connecting"


@pytest.mark.parametrize(("scene", "has_it"), [("unknown", 1), ("revoked", 0), ("elsewhere", 0)])
async def test_a_full_stop_offers_the_way_where_it_can_help(desktop, scene, has_it):
    """A server that does not know the device may be the wrong one; a device that was signed out knows why."""
    await desktop.show(scene)

    await expect(desktop.page.get_by_role("button", name="Why can't I connect?")).to_have_count(has_it)


async def test_chip_has_a_name_and_a_shape_for_each_state(desktop):
    """Connected, Moving, Reconnecting, Offline: never by colour alone."""
    await desktop.show("ready")

    shapes = set()
    for status, name in [
        ("connected", "Connected"),
        ("moving", "Moving"),
        ("connecting", "Reconnecting"),
        ("offline", "Offline"),
    ]:
        await desktop.page.evaluate("status => app.connect({ status })", status)
        chip = desktop.page.get_by_role("button", name=name, exact=True)
        shapes.add(await chip.locator("svg").evaluate("ring => ring.innerHTML.replaceAll(/<!--.*?-->/g, '')"))

    assert len(shapes) == 4


async def test_pasted_invitation_goes_the_way_of_a_link(desktop):
    """Out of any text the invitation lands in the fragment, which no server sees; anything else is refused in words."""
    await desktop.show("empty")
    box = desktop.page.get_by_role("textbox", name="Or paste your invitation")

    await box.fill("no idea")
    await box.press("Enter")
    await expect(desktop.page.get_by_role("alert")).to_contain_text("not an invitation")
    await box.fill("Here you are: https://chat.example/#clawchat:AbC_-9 Mara")
    await box.press("Enter")

    await desktop.page.wait_for_url("**#clawchat:AbC_-9")


async def test_invitation_put_into_the_address_of_an_open_page_is_opened(desktop):
    """Only the fragment changes then, for which a browser loads nothing by itself."""
    await desktop.show("ready")
    await desktop.page.evaluate("window.isBefore = true")

    async with desktop.page.expect_event("load"):
        await desktop.page.evaluate("window.location.hash = 'clawchat:AbC_-9'")

    assert await desktop.page.evaluate("window.isBefore") is None


async def test_starting_over_is_asked_and_escape_is_a_no(desktop):
    """The question comes by itself, with the focus on what loses nothing; Escape leaves all as it was."""
    await desktop.show("shutout")
    dialog = desktop.page.get_by_role("dialog", name="Start over with this invitation?")

    await expect(dialog.get_by_role("button", name="Keep everything")).to_be_focused()
    await expect(dialog.get_by_role("button", name="Keep everything")).to_have_accessible_description(
        re.compile("Erased here, for good: the rooms and messages")
    )
    await desktop.page.keyboard.press("Escape")

    await expect(dialog).to_have_count(0)
    await desktop.page.wait_for_function("() => app.offer === null")
    assert await desktop.page.evaluate("app.state") == "ready"
    await expect(desktop.page.get_by_role("button", name="Kitchen table").first).to_be_visible()


@pytest.mark.parametrize("scene", ["shutout", "signedout"])
async def test_a_yes_leads_to_the_first_start(desktop, scene):
    """By keyboard alone, and the box for the name has the focus when the question is gone."""
    await desktop.show(scene)
    yes = desktop.page.get_by_role("button", name="Erase and start over")

    await expect(desktop.page.get_by_role("button", name="Keep everything")).to_be_focused()
    await desktop.page.keyboard.press("Tab")
    await expect(yes).to_be_focused()
    await desktop.page.keyboard.press("Enter")

    await expect(desktop.page.get_by_role("textbox", name="Your name")).to_be_focused()
    await expect(desktop.page.get_by_role("dialog")).to_have_count(0)


async def test_an_invitation_that_opens_nothing_erases_nothing(desktop):
    """The dialog says why, and its remedy leads to the box for another one, not behind the dialog."""
    await desktop.show("shutout")
    await desktop.page.evaluate(
        "() => { app.startOver = async () => { throw { code: 'invitation_opens_nothing' }; }; }"
    )
    dialog = desktop.page.get_by_role("dialog", name="Start over with this invitation?")

    await dialog.get_by_role("button", name="Erase and start over").press("Enter")
    await expect(dialog.get_by_role("alert")).to_contain_text("This invitation opens nothing")
    await dialog.get_by_role("button", name="Use another invitation").press("Enter")

    await expect(dialog).to_have_count(0)
    await desktop.page.get_by_role("textbox", name="Or paste your invitation").fill("clawchat:AbC")


@pytest.mark.parametrize("scene", ["needless", "foreign", "incomplete"])
async def test_a_word_about_an_invitation_is_answered_once(phone, scene):
    """What was read goes, and the rooms stay."""
    await phone.show(scene)

    await phone.page.get_by_role("alert").get_by_role("button", name="All right").tap()

    await expect(phone.page.get_by_role("alert")).to_have_count(0)
    await phone.page.wait_for_function("() => app.problem === null")
    await expect(phone.page.get_by_role("navigation", name="Rooms")).to_be_visible()


async def test_what_a_word_about_an_invitation_hid_is_told_after_it(desktop):
    """Whoever has read that the link was damaged still learns that the server lets this device in no more."""
    await desktop.show("incomplete")
    await desktop.page.evaluate("app.connect({ status: 'offline', problem: { code: 'refused' } })")

    await desktop.page.get_by_role("button", name="All right").click()

    await expect(desktop.page.get_by_role("alert")).to_contain_text("The server does not know this device")


async def test_a_wrong_clock_is_a_line_that_is_put_away_until_it_is_news_again(desktop):
    """It says by how much and what to do, goes by itself when the clock is right, and hides nothing that is worse."""
    await desktop.show("clock")
    line = desktop.page.get_by_role("status").filter(has_text="clock of this device is wrong")
    await expect(line).to_contain_text("2 hours behind the server's. Set it to automatic.")
    await expect(desktop.page.get_by_role("alert")).to_have_count(0)

    await line.get_by_role("button", name="Close").click()
    await expect(line).to_have_count(0)
    await desktop.page.evaluate("app.connect({ clockAhead: -7201000 })")
    await expect(line).to_have_count(0)
    await desktop.page.evaluate("app.connect({ clockAhead: 0 })")
    await desktop.page.evaluate("app.connect({ clockAhead: 600000 })")

    await expect(line).to_contain_text("10 minutes ahead of the server's")
    await desktop.page.evaluate("app.connect({ problem: { code: 'refused' } })")
    await expect(desktop.page.get_by_role("alert")).to_contain_text("The server does not know this device")
    await desktop.page.evaluate("app.connect({ problem: null, clockAhead: 0 })")
    await expect(line).to_have_count(0)


async def test_who_is_writing_shows_in_the_list_and_is_told_by_the_open_room_alone(desktop):
    """In place of what was said last; no part of the list speaks by itself."""
    await desktop.show("ready")
    rooms = desktop.page.get_by_role("navigation", name="Rooms")
    band = rooms.get_by_role("button", name="Third floor band")
    await expect(band).to_contain_text("Thursday at eight then?")

    await desktop.page.evaluate(
        "(id) => app.write([app.people[3].userId], id)", await band.get_attribute("data-room-id")
    )

    await expect(band).to_contain_text("Inés is writing…")
    await expect(band).not_to_contain_text("Thursday")
    await expect(rooms.locator("[aria-live], [role=status], [role=alert]")).to_have_count(0)
    await expect(desktop.page.locator("cc-writing")).not_to_contain_text("Inés")
    await desktop.page.evaluate("(id) => app.write([], id)", await band.get_attribute("data-room-id"))
    await expect(band).to_contain_text("Thursday at eight then?")


async def test_whoever_does_not_show_it_is_not_shown_it(desktop):
    """The choice counts at once, in the list and in the open room."""
    await desktop.show("writing")
    rooms = desktop.page.get_by_role("navigation", name="Rooms")
    await expect(rooms).to_contain_text("Mara and Jonas are writing…")
    await expect(desktop.page.locator("cc-writing .writing")).to_have_text("Mara and Jonas are writing…")

    await desktop.page.locator(".self").click()
    await desktop.page.get_by_role("group", name="Writing and reading").get_by_label("Not shown").check()

    await expect(rooms).not_to_contain_text("writing")
    await expect(desktop.page.locator("cc-writing .writing")).to_have_text("")


async def test_phone_shows_one_pane_and_finds_back(phone):
    """The phone's own way back and the button both lead from a conversation to the rooms."""
    await phone.show("ready")
    rooms = phone.page.get_by_role("navigation", name="Rooms")

    await phone.page.get_by_role("button", name="Kitchen table").tap()
    await expect(phone.log).to_be_visible()
    await expect(rooms).to_have_count(0)
    await phone.page.go_back()
    await expect(rooms).to_be_visible()
    await phone.page.get_by_role("button", name="Kitchen table").tap()
    await phone.page.get_by_role("button", name="Back to the rooms").tap()
    await expect(rooms).to_be_visible()


async def test_files_are_chosen_shown_left_out_and_sent(desktop):
    """Each stands above the box with its size and a way out; files need no words, and Enter sends them."""
    await desktop.show("ready")
    chosen = desktop.page.get_by_role("list", name="Files to send").get_by_role("listitem")
    send = desktop.page.get_by_role("button", name="Send", exact=True)
    await expect(send).to_be_disabled()

    await pick(desktop, ("lake.jpg", 700_000), ("a\u202eb.pdf", 12))
    await expect(chosen).to_contain_text(["lake.jpg 684 KB", "ab.pdf 12 bytes"])
    await desktop.page.get_by_role("button", name="Leave out lake.jpg").press("Enter")
    await expect(chosen).to_have_count(1)
    await expect(desktop.composer).to_be_focused()
    await desktop.composer.press("Enter")

    await expect(chosen).to_have_count(0)
    await expect(desktop.page.locator("cc-message").last.locator("bdi")).to_have_text("ab.pdf")
    await expect(desktop.page.locator("cc-message").last.locator(".text")).to_have_count(0)


async def test_what_does_not_go_into_a_message_is_said_at_once(desktop):
    """Those that fit are there, and the limit is named."""
    await desktop.show("ready")
    chosen = desktop.page.get_by_role("list", name="Files to send").get_by_role("listitem")

    await pick(desktop, ("large.bin", 26_300_000), ("small.bin", 10))
    await expect(desktop.page.get_by_role("alert")).to_contain_text("A file can have 25 MB.")
    await expect(chosen).to_have_count(1)
    await pick(desktop, *((f"{number}.txt", 1) for number in range(10)))

    await expect(desktop.page.get_by_role("alert")).to_contain_text("Ten files go into one message")
    await expect(chosen).to_have_count(10)


async def test_files_are_dropped_on_the_room_and_pasted_into_the_box(desktop):
    """The room says where they go while they are dragged; a page that is left for a dropped file loses everything."""
    await desktop.show("ready")
    chosen = desktop.page.get_by_role("list", name="Files to send").get_by_role("listitem")
    place = desktop.page.get_by_text("Drop the files here to send them")
    data = await desktop.page.evaluate_handle(
        "() => { const data = new DataTransfer(); data.items.add(new File(['x'], 'dropped.txt')); return data }"
    )

    await desktop.log.dispatch_event("dragover", {"dataTransfer": data})
    await expect(place).to_be_visible()
    await desktop.log.dispatch_event("drop", {"dataTransfer": data})
    await expect(place).to_have_count(0)
    await desktop.composer.evaluate(
        """box => { const clipboardData = new DataTransfer()
          clipboardData.items.add(new File(["x"], "image.png", { type: "image/png" }))
          box.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true })) }"""
    )

    await expect(chosen).to_contain_text(["dropped.txt", "image.png"])


async def test_chosen_files_wait_in_their_room(desktop):
    """Like the words beside them."""
    await desktop.show("ready")
    chosen = desktop.page.get_by_role("list", name="Files to send").get_by_role("listitem")
    await desktop.page.get_by_role("button", name="Kitchen table").first.click()
    await pick(desktop, ("lake.jpg", 700))
    await expect(chosen).to_have_count(1)

    await desktop.page.get_by_role("button", name="Third floor band").click()
    await expect(chosen).to_have_count(0)
    await desktop.page.get_by_role("button", name="Kitchen table").first.click()

    await expect(chosen).to_have_count(1)


async def test_picture_is_shown_in_its_frame_and_whole(desktop):
    """A small one comes by itself, nothing moves when it does, and it opens over the room, not as a page."""
    await desktop.show("files")
    frame = desktop.page.locator("cc-picture .frame").first
    before = await frame.bounding_box()
    await frame.scroll_into_view_if_needed()
    await desktop.page.get_by_role("img", name="Picture: lake.jpg").wait_for()
    after = await frame.bounding_box()

    await desktop.page.get_by_role("button", name="lake.jpg, enlarge").press("Enter")
    await expect(desktop.page.get_by_role("dialog", name="lake.jpg").get_by_role("img")).to_be_visible()
    await desktop.page.keyboard.press("Escape")

    await expect(desktop.page.get_by_role("dialog", name="lake.jpg")).to_have_count(0)
    assert (before["width"], before["height"]) == (after["width"], after["height"])
    assert desktop.said == []


async def test_a_file_that_only_calls_itself_a_picture_is_none(desktop):
    """A script in a picture's name is neither shown nor run; it can only be saved."""
    await desktop.show("files")
    card = desktop.page.locator("cc-file", has_text="cat.png")
    await card.scroll_into_view_if_needed()
    await expect(card.locator("cc-picture")).to_have_count(0)

    async with desktop.page.expect_download() as downloading:
        await card.get_by_role("button", name="Download cat.png").click()

    assert (await downloading.value).suggested_filename == "cat.png"
    assert (await desktop.page.title()) != "run"
    assert len(desktop.page.context.pages) == 1


async def test_message_that_is_not_sent_gives_its_words_back(phone):
    """Whoever takes it back goes on with the text."""
    await phone.show("files")
    await phone.page.locator(".room").first.tap()
    await phone.composer.fill("new words")

    await phone.page.get_by_role("button", name="Remove").tap()

    await expect(phone.composer).to_have_value("The good cups\nnew words")


async def pick(screen, *files):
    """Choose files of these names and sizes."""
    async with screen.page.expect_file_chooser() as choosing:
        await screen.page.get_by_role("button", name="Attach a file").click()
    chooser = await choosing.value
    await chooser.set_files(
        [{"name": name, "mimeType": "application/octet-stream", "buffer": bytes(size)} for name, size in files]
    )
