"""The dialog "Why can't I connect?" in a real browser: what is well is said to be, and what is in the way is named."""

import pytest
from playwright.async_api import expect

from tests.e2e.browser import PHONE, READY_MS, Browsers
from tests.e2e.server import ServerProcess

pytestmark = pytest.mark.e2e
GRADES = "steps => Object.fromEntries(steps.map(step => [step.dataset.step, step.dataset.grade]))"


async def ask(page, chip: str, question: str):
    """Tap the chip, ask, wait for the verdict; gives it and how each step stands."""
    await page.get_by_role("button", name=chip, exact=True).tap(timeout=READY_MS)
    await page.get_by_role("button", name=question).tap()
    dialog = page.get_by_role("dialog", name=question)
    await dialog.locator(".verdict:not([data-verdict=''])").wait_for(timeout=READY_MS)
    verdict = await dialog.get_by_role("status").inner_text()
    grades = await dialog.locator(".step").evaluate_all(GRADES)
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    return verdict, grades


async def test_a_phone_is_told_what_is_in_the_way(chromium_path, tmp_path):
    """With a session every step is in order; when the server has stopped, the first that is not is the reason."""
    server = ServerProcess(tmp_path / "data", interval=3600, lead=120, grace=300)
    async with Browsers(chromium_path, tmp_path) as browsers:
        with server:
            invite = server.create_invite("--owner")["url"]
            alice = await browsers.open("alice", invite, PHONE, has_touch=True, is_mobile=True)
            await alice.enrol()
            well = await ask(alice.page, "Connected", "Check the connection")
        await expect(alice.page.locator(".chip")).to_have_attribute("data-status", "offline", timeout=READY_MS)
        stopped = await ask(alice.page, "Offline", "Why can't I connect?")

    assert well[0] == "All is well on the way to the server."
    assert set(well[1].values()) == {"well"}
    assert "Try again in a minute" in stopped[0] or "Try another network" in stopped[0]
    assert (stopped[1]["context"], stopped[1]["port"], stopped[1]["gate"]) == ("well", "wrong", "unknown")
    assert alice.complaints_about_code() == []
