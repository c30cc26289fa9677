"""The console at a real browser: no page of it offends its content security policy, and what the theme moves moves."""

import re

import pytest

from tests.e2e.browser import PHONE, Browsers, Person
from tests.e2e.server import ServerProcess

NAME, PASSWORD = "operator", "watchword-7"
# Pages leave what was violated where the next page of the tab finds it.
NOTE_VIOLATIONS = """addEventListener("securitypolicyviolation", said => {
  const noted = JSON.parse(sessionStorage.getItem("violations") || "[]");
  const what = `${location.pathname}: ${said.violatedDirective} ${said.blockedURI} ${said.sample}`;
  sessionStorage.setItem("violations", JSON.stringify([...noted, what]));
})"""
READ_VIOLATIONS = "JSON.parse(sessionStorage.getItem('violations') || '[]')"
LINKS = "[...document.querySelectorAll('a[href]')].map(link => link.pathname)"

pytestmark = pytest.mark.e2e


async def sign_in(browsers: Browsers, server: ServerProcess, **options: object) -> Person:
    """The operator, at the dashboard, every offence against the policy noted from the start."""
    server.run("createsuperuser", "--noinput", "--username", NAME, "--email", "")
    operator = await browsers.open(NAME, "about:blank", **options)
    await operator.context.add_init_script(NOTE_VIOLATIONS)
    await operator.page.goto(f"{server.front_url}/admin/")
    await operator.page.get_by_label("Username").fill(NAME)
    await operator.page.get_by_label("Password").fill(PASSWORD)
    await operator.page.get_by_role("button", name="Log in").click()
    await operator.page.locator("#nav-sidebar-apps").wait_for(state="attached")
    return operator


async def walk(operator: Person, root: str) -> set[str]:
    """Every page of the console that a link leads to, one of each kind (of rows, one); their addresses."""
    seen: dict[str, str] = {}
    waiting = ["/admin/"]
    while waiting:
        path = waiting.pop()
        kind = re.sub(r"/\d+/", "/n/", path)
        if kind in seen or "logout" in path:
            continue
        answer = await operator.page.goto(f"{root}{path}")
        assert answer is not None and answer.status == 200, f"{path} answers {answer and answer.status}"
        seen[kind] = path
        waiting += [link for link in await operator.page.evaluate(LINKS) if link.startswith("/admin/")]
    return set(seen)


def server_in(tmp_path) -> ServerProcess:
    """A server with an operator to be."""
    environment = {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    return ServerProcess(tmp_path / "data", interval=3600, lead=120, grace=300, environment=environment)


async def test_no_page_offends_the_policy(tmp_path, chromium_path):
    """Every page is opened with rows in it: no script, style or request is refused, and no script fails."""
    with server_in(tmp_path) as server:
        async with Browsers(chromium_path, tmp_path) as browsers:
            alice = await browsers.open("alice", server.create_invite("--owner")["url"])
            await alice.enrol()
            operator = await sign_in(browsers, server)

            seen = await walk(operator, server.front_url)

            assert {"/admin/chat/device/", "/admin/chat/device/n/change/", "/admin/rotation/portlease/"} <= seen
            assert await operator.page.evaluate(READ_VIOLATIONS) == []
            assert operator.complaints == []


async def test_the_theme_moves(tmp_path, chromium_path):
    """Dark and light by keys, too, and it is remembered; on a phone the side bar comes and goes."""
    with server_in(tmp_path) as server:
        async with Browsers(chromium_path, tmp_path) as browsers:
            operator = await sign_in(browsers, server, viewport=PHONE)
            page = operator.page
            aside = page.locator("#nav-sidebar-inner")
            assert not await aside.is_visible()

            await page.get_by_role("button", name="Side bar").press("Enter")
            await aside.wait_for()
            # The theme made both for pointers alone.
            await aside.get_by_role("button", name=NAME).press("Enter")
            await aside.get_by_role("button", name="Dark").press("Space")

            await page.reload()
            await page.locator("html.dark").wait_for(state="attached")
            assert not await aside.is_visible()
            assert operator.complaints == []
