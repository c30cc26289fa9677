"""The operator at a real browser: forms work under the content security policy, and revoking shuts a device out."""

import time

import pytest
from playwright.async_api import Locator

from tests.e2e.browser import Browsers, Person
from tests.e2e.server import ServerProcess

NAME, PASSWORD = "operator", "watchword-7"
# A second, and what a page takes to show it.
SHUT_OUT_SECONDS = 3
NAMED_SECONDS = 20

pytestmark = pytest.mark.e2e


async def sign_in(browsers: Browsers, server: ServerProcess) -> Person:
    """The operator, at the admin's first page."""
    server.run("createsuperuser", "--noinput", "--username", NAME, "--email", "")
    operator = await browsers.open(NAME, f"{server.front_url}/admin/")
    await operator.page.get_by_label("Username").fill(NAME)
    await operator.page.get_by_label("Password").fill(PASSWORD)
    await operator.page.get_by_role("button", name="Log in").click()
    await operator.page.get_by_role("heading", name="The operator's side").wait_for()
    return operator


async def device_of(name: str, operator: Person, server: ServerProcess) -> Locator:
    """The row of somebody's device in the admin's list; a name comes to the server a moment after the device."""
    row = operator.page.locator("tr", has_text=name)
    deadline = time.monotonic() + NAMED_SECONDS
    while not await row.count():
        assert time.monotonic() < deadline, f"{name} is not in the list of devices"
        await operator.page.goto(f"{server.front_url}/admin/chat/device/")
    return row


async def test_operator_invites_and_revokes(tmp_path, chromium_path):
    """An invitation made in the admin lets bob in; revoking his device shuts him out at once and leaves alice alone."""
    environment = {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    server = ServerProcess(tmp_path / "data", interval=3600, lead=120, grace=300, environment=environment)
    with server:
        async with Browsers(chromium_path, tmp_path) as browsers:
            alice = await browsers.open("alice", server.create_invite("--owner")["url"])
            await alice.enrol()
            operator = await sign_in(browsers, server)

            await operator.page.goto(f"{server.front_url}/admin/chat/invite/add/")
            await operator.page.get_by_label("Label").fill("Bob")
            await operator.page.get_by_role("button", name="Make the invite").click()
            link = await operator.page.get_by_label("Link").input_value()
            bob = await browsers.open("bob", link)
            await bob.enrol()

            await (await device_of("Bob", operator, server)).locator("input[type=checkbox]").check()
            await operator.page.get_by_label("Select action to run").select_option("revoke_devices")
            await operator.page.get_by_role("button", name="Run").click()
            await operator.page.get_by_role("button", name="Revoke").click()
            began = time.monotonic()
            await bob.page.get_by_text("This device was signed out").wait_for()
            took = time.monotonic() - began

            assert took < SHUT_OUT_SECONDS
            assert not await alice.page.get_by_text("This device was signed out").count()
            policy = [text for text in operator.complaints if "Content Security Policy" in text]
            assert policy == []
