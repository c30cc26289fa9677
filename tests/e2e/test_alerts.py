"""From a touched tripwire to a message at a webhook and in a mailbox: a real server, its worker, and both receivers."""

import asyncio
import json
import socket
import time
from contextlib import ExitStack
from hmac import digest

import pytest
from playwright.async_api import Page

from tests.chat.listening import MailServer, WebServer, running
from tests.e2e.browser import Browsers
from tests.e2e.server import ServerProcess
from tests.e2e.test_console import READ_VIOLATIONS, server_in, sign_in
from tests.e2e.test_false_alarms import ask, tripwires

pytestmark = pytest.mark.e2e

KEY = "a key of enough characters"
# A machine that is full has an alert of its own.
QUIET = (
    "from chat.services.policy import change_policy\n"
    "change_policy('test', alert_memory_percent=100, alert_disk_percent=100)\n"
)
ADD_CHANNELS = (
    f"{QUIET}"
    "import sys\n"
    "from chat.models import AlertChannel\n"
    "from chat.services.channels import write_secrets\n"
    "hook = AlertChannel.objects.create(name='hook', kind='webhook')\n"
    "write_secrets(hook, {{'url': {url!r}, 'key': {key!r}}})\n"
    "AlertChannel.objects.create(name='mail', kind='mail', options={{'to': 'ops@example.org'}})\n"
)
RAISE = (
    f"{QUIET}"
    "from chat.services.alerts import raise_alert\n"
    "raise_alert('unusual', '1a2b', 'warning', "
    "'Device 1a2b sent 4,100 messages in a minute; usually it sends 3 to 40.', "
    "'Ask its owner what it does. If nobody knows, revoke the device; its limits hold meanwhile.', "
    "messages=[4100, 3, 40])"
)
WAIT_SECONDS = 60


async def wait_until(holds) -> None:
    """Return once `holds()` is true."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not holds():
            await asyncio.sleep(0.1)


def touch(ports: list[int], times: int) -> None:
    """Look so often whether somebody listens."""
    for number in range(times):
        socket.create_connection(("127.0.0.1", ports[number % len(ports)]), WAIT_SECONDS).close()


async def test_a_scan_is_told_once_at_each_channel_within_seconds(tmp_path):
    """Signed at the webhook; ten touches are one message, and a hundred are too; loopback is not banned for them."""
    with ExitStack() as stack:
        web, mail = (stack.enter_context(running(server)) for server in (WebServer(), MailServer()))
        environment = {"EMAIL_URL": f"smtp://127.0.0.1:{mail.port}", "CLAWCHAT_MAIL_FROM": "clawchat@example.org"}
        server = stack.enter_context(
            ServerProcess(tmp_path / "data", interval=3600, lead=120, grace=300, environment=environment)
        )
        server.run("shell", "-c", ADD_CHANNELS.format(url=web.url, key=KEY))
        await wait_until(lambda: len(tripwires(server)) == 3)
        ports = list(tripwires(server))
        touch(ports, 10)
        began = time.monotonic()

        await wait_until(lambda: web.posts and mail.mails)

        print(f"told after {time.monotonic() - began:.1f} s")
        headers, body = web.posts[0]
        signed = headers["ClawChat-Time"].encode() + b"." + body
        assert headers["ClawChat-Signature"] == f"sha256={digest(KEY.encode(), signed, 'sha256').hex()}"
        said = json.loads(body)
        assert (said["kind"], said["subject"], said["news"]) == ("scan", "127.0.0.1", "open")
        assert "never banned" in said["remedy"]
        assert mail.recipients == ["ops@example.org"]
        touch(ports, 90)
        await wait_until(lambda: ask(server, "SELECT 1 FROM chat_alert WHERE kind = 'scan' AND count > 1"))
        await asyncio.sleep(2)
        assert (len(web.posts), len(mail.mails)) == (1, 1)
        assert ask(server, "SELECT state, heard FROM chat_alerttelling") == [("told", "open")] * 2
        log = server.log_path.read_text()
        assert "very-secret" not in log
        assert KEY not in log


AT_ONCE = """
import threading
from django.db import connections
from chat.models import Alert
from chat.services.alerts import close_alert, raise_alert
together = threading.Barrier(8)
problems = []
def see():
    try:
        together.wait()
        for number in range(25):
            raise_alert('flood', '192.0.2.1', 'warning', 'Much.', '')
            if number % 5 == 0:
                close_alert('flood', '192.0.2.1')
    except Exception as error:
        problems.append(repr(error))
    finally:
        connections.close_all()
threads = [threading.Thread(target=see) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(problems, list(Alert.objects.values_list('kind', 'count')))
"""


def test_many_who_see_the_same_at_once_have_one_row_in_postgresql(tmp_path, postgres_server):
    """Eight threads raise and close it; nobody is refused, nothing is counted twice or lost."""
    server = ServerProcess(tmp_path / "data", environment={"DATABASE_URL": postgres_server})
    server.run("migrate", "--verbosity", "0")

    assert "[] [('flood', 200)]" in server.run("shell", "-c", AT_ONCE)


async def test_an_operator_adds_a_webhook_and_tries_it(tmp_path, chromium_path):
    """In a real browser, under the console's policy; what was entered is in no page afterwards."""
    with running(WebServer()) as web, server_in(tmp_path) as server:
        server.run("shell", "-c", RAISE)
        async with Browsers(chromium_path, tmp_path) as browsers:
            operator = await sign_in(browsers, server)
            page = operator.page
            await page.goto(f"{server.front_url}/admin/chat/alertchannel/add/")
            await page.get_by_label("Name").fill("hook")
            await page.get_by_label("Kind").select_option("webhook")
            await page.get_by_role("button", name="Save", exact=True).click()
            await page.get_by_label("Web address").fill(web.url)
            await page.get_by_label("Signing key").fill(KEY)
            await page.get_by_role("button", name="Save", exact=True).click()
            await page.locator("#result_list").get_by_role("link", name="hook").wait_for()

            await act(page, "Send a test")

            await page.get_by_text("hook: the test was sent.").wait_for()
            assert json.loads(web.posts[0][1])["news"] == "test"
            await page.locator("#result_list").get_by_role("link", name="hook").click()
            await page.get_by_label("Web address").wait_for()
            assert "very-secret" not in await page.content()
            await page.goto(f"{server.front_url}/admin/chat/alert/")
            await page.get_by_text("Device 1a2b sent 4,100 messages").first.wait_for()
            await act(page, "I have seen them")
            await page.get_by_text("1 marked as seen by operator.").wait_for()
            assert await page.evaluate(READ_VIOLATIONS) == []
            assert operator.complaints == []


async def act(page: Page, action: str) -> None:
    """Choose the one row of a list, and an action."""
    await page.locator("input.action-select").check()
    await page.locator("select[name=action]").select_option(label=action)
    await page.get_by_role("button", name="Run").click()
