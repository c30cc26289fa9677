"""From a touched tripwire to a message at a webhook and in a mailbox: a real server, its worker, and both receivers."""

import asyncio
import json
import socket
import time
from contextlib import ExitStack
from hmac import digest

import pytest

from tests.chat.listening import MailServer, WebServer, running
from tests.e2e.server import ServerProcess
from tests.e2e.test_false_alarms import ask, tripwires

pytestmark = pytest.mark.e2e

KEY = "a key of enough characters"
ADD_CHANNELS = (
    "import sys\n"
    "from chat.models import AlertChannel\n"
    "from chat.services.channels import write_secrets\n"
    "hook = AlertChannel.objects.create(name='hook', kind='webhook')\n"
    "write_secrets(hook, {{'url': {url!r}, 'key': {key!r}}})\n"
    "AlertChannel.objects.create(name='mail', kind='mail', options={{'to': 'ops@example.org'}})\n"
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
