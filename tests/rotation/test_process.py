"""The server as a process: how it starts, what it refuses, and that it ends well however it is told to."""

import asyncio
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.server import ROOT, ServerFailed, ServerProcess, configures_clawchat
from tests.ports import free_port
from tests.rotation.certificates import sign, write_pair
from tests.rotation.processes import descendants, is_alive, wait_until
from tests.rotation.test_silent import knock

LOOPBACK = "127.0.0.1"
# An idle machine needs less than two; this one may be busy with other tests.
START_SECONDS = 20
STOP_SECONDS = 15


@pytest.fixture
def server(tmp_path) -> Iterator[ServerProcess]:
    """A server that is about to start; ports move every hour."""
    process = ServerProcess(tmp_path / "data", interval=3600, lead=120, grace=300)
    yield process
    process.kill()


@pytest.fixture
def hears_hangups() -> Iterator[None]:
    """Whoever runs the tests under nohup ignores SIGHUP, and so would the server, as it should."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def open_lease(server: ServerProcess) -> tuple[int, str]:
    """Port and path of the open lease, once there is one."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with sqlite3.connect(server.data_dir / "clawchat.sqlite3") as database:
            row = database.execute("SELECT port, path FROM rotation_portlease WHERE state = 'open'").fetchone()
        database.close()
        if row:
            return row
        time.sleep(0.05)
    raise AssertionError(f"no port was opened in {START_SECONDS} s:\n{server.log_tail()}")


async def farewell(url: str, server: ServerProcess, signal_number: int) -> list[int | None]:
    """The close codes that two connected clients get when the server is told to end."""
    async with aiohttp.ClientSession() as session:
        sockets = [await session.ws_connect(url) for _ in range(2)]
        server.process.send_signal(signal_number)
        return [(await ws.receive(timeout=STOP_SECONDS)).data for ws in sockets]


COUNT_AT_EXIT = """
import atexit, gc, pathlib, sys
if "runclawchat" in sys.argv:
    atexit.register(lambda: pathlib.Path({path!r}).write_text(str(gc.get_freeze_count())))
"""


def test_the_program_itself_is_not_searched_for_rubbish(tmp_path):
    """Once it serves, the hundred thousand objects of the program are set aside from the garbage collector."""
    count = tmp_path / "count"
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(COUNT_AT_EXIT.format(path=str(count)))
    with ServerProcess(tmp_path / "data", interval=3600, environment={"PYTHONPATH": str(site)}) as server:
        wait_until(lambda: "Admin" in server.log(), START_SECONDS)
        time.sleep(0.5)

    assert int(count.read_text()) > 50_000


@pytest.mark.usefixtures("hears_hangups")
@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_server_drains_when_it_is_told_to_end(server, signal_number):
    """Status 0, no traceback, no child left behind, all within fifteen seconds; who knew the path alone is reset.

    (Members are told 1001: test_link.py.)
    """
    server.start()
    number, path = open_lease(server)
    wait_until(lambda: descendants(server.process.pid))
    family = descendants(server.process.pid)

    began = time.monotonic()
    codes = asyncio.run(farewell(f"ws://{LOOPBACK}:{number}{path}", server, signal_number))
    status = server.process.wait(STOP_SECONDS)

    assert codes == [None, None]
    assert status == 0
    assert time.monotonic() - began < STOP_SECONDS
    assert "Traceback" not in server.log()
    assert not any(map(is_alive, family))


def test_a_start_that_is_broken_off_ends_well(tmp_path):
    """Whenever SIGTERM comes, once or twice: status 0, no traceback, no child left behind."""
    for delay in (0, 0.5, 1, 2):
        server = ServerProcess(tmp_path / f"{delay:g}", interval=3600, lead=120, grace=300)
        with subprocess.Popen(
            [sys.executable, "manage.py", "runclawchat"],
            cwd=ROOT,
            env=server._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            # Before that it is Python that starts, and nothing of ours.
            wait_until(lambda pid=process.pid: takes_signal(pid, signal.SIGTERM))
            time.sleep(delay)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                printed, _ = process.communicate(timeout=STOP_SECONDS * 2)
            finally:
                process.kill()
        assert process.returncode == 0, f"{process.returncode} after {delay:g} s: {printed}"
        # Python itself tells of an exception that it drops in a finalizer.
        assert "Traceback" not in printed or "Exception ignored in" in printed


def test_an_end_that_was_swallowed_while_the_server_started_is_made_up_for(tmp_path):
    """A signal may come in a finalizer, where Python drops the exception that ends the process."""
    server = ServerProcess(tmp_path / "data", interval=3600, lead=120, grace=300)
    swallow = """
import os, signal, sys
from rotation import early_end
early_end.listen()
try:
    os.kill(os.getpid(), signal.SIGTERM)
except SystemExit:
    pass
sys.argv = ["manage.py", "runclawchat"]
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
    done = subprocess.run(
        [sys.executable, "-c", swallow],
        cwd=ROOT,
        env=server._environment,
        capture_output=True,
        text=True,
        timeout=STOP_SECONDS * 2,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.e2e
def test_a_port_survives_a_crash(server):
    """After SIGKILL the next start opens the same port with the same path, and no old worker goes on."""
    server.start()
    before = open_lease(server)
    wait_until(lambda: descendants(server.process.pid))
    family = descendants(server.process.pid)

    server.kill()
    wait_until(lambda: not any(map(is_alive, family)))
    server.start()

    assert open_lease(server) == before
    wait_until(lambda: can_connect(before[0]), START_SECONDS)


def takes_signal(process_id: int, number: int) -> bool:
    """Whether a process has a handler of its own for a signal."""
    status = Path(f"/proc/{process_id}/status").read_text()
    caught = int(re.search(r"^SigCgt:\s*(\w+)", status, re.MULTILINE)[1], 16)
    return bool(caught >> (number - 1) & 1)


def can_connect(number: int) -> bool:
    """Whether somebody listens."""
    try:
        socket.create_connection((LOOPBACK, number), timeout=1).close()
    except OSError:
        return False
    return True


def test_a_running_server(server):
    """One start, several truths: a silent port, one server for a data directory, a status that programs can read."""
    server.start()
    number, _ = open_lease(server)

    assert asyncio.run(knock(number, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")) == (b"", True)
    with pytest.raises(ServerFailed, match=r"ended with 1:\n.*Another ClawChat server \(process \d+\) uses"):
        server.run("runclawchat")
    status = server.status()
    # In the last two minutes of an hour the next port is there too.
    assert [lease["port"] for lease in status["leases"] if lease["state"] == "open"] == [number]
    assert status["front"] == server.front_url
    assert status["connections"] == 0
    assert status["nodes"][0]["running"]
    assert re.search(rf"port {number}\s+open", server.run("clawchatstatus"))


def test_a_front_door_in_use_is_named(tmp_path):
    """One sentence with the way out, and status 1."""
    with socket.create_server((LOOPBACK, 0)) as taken:
        server = ServerProcess(tmp_path / "data", front_port=taken.getsockname()[1])
        with pytest.raises(ServerFailed) as failed:
            server.run("runclawchat")

    text = str(failed.value)
    assert "ended with 1" in text and "CLAWCHAT_FRONT" in text
    assert f"Another program uses 127.0.0.1:{server.front_port}" in text
    assert "Traceback" not in text


@pytest.mark.parametrize(("name", "value"), [("CLAWCHAT_BIND", "0.0.0.0"), ("CLAWCHAT_FRONT", "192.0.2.1:8000")])
def test_an_address_that_others_can_reach_is_refused(tmp_path, name, value):
    """The sentence names the setting, and the one that helps."""
    server = ServerProcess(tmp_path / "data", environment={name: value})

    with pytest.raises(ServerFailed, match=rf"(?s)ended with 1.*{name} is .*no TLS.*CLAWCHAT_TLS=local") as failed:
        server.run("runclawchat")
    assert "Traceback" not in str(failed.value)


def test_a_certificate_that_is_no_good_is_one_sentence(tmp_path):
    """The server does not start with it, and the other commands still work."""
    chain, key = write_pair(tmp_path, "server", sign("server", hosts=("elsewhere.example",)))
    environment = {"CLAWCHAT_TLS": "files", "CLAWCHAT_TLS_FILES": f"{chain}:{key}"}
    server = ServerProcess(tmp_path / "data", environment=environment)

    with pytest.raises(ServerFailed, match=r"ended with 1") as failed:
        server.run("runclawchat")
    assert f"CommandError: The certificate in {chain} is not for localhost" in str(failed.value)
    assert "Traceback" not in str(failed.value)
    assert server.status()["connections"] == 0


def test_a_welcome_lets_the_first_person_in(tmp_path):
    """The link for the owner and the operator's account are shown once; SIGINT ends what `&` began."""
    front_port = free_port()
    environment = {
        # A database that others use too would know an owner already.
        **{name: value for name, value in os.environ.items() if not configures_clawchat(name)},
        "DJANGO_SETTINGS_MODULE": "clawchat_site.settings",
        "CLAWCHAT_DATA_DIR": str(tmp_path / "data"),
        "CLAWCHAT_FRONT": f"{LOOPBACK}:{front_port}",
    }

    first, second = (greeting(environment) for _ in range(2))

    assert f"http://localhost:{front_port}/#clawchat:" in first
    assert re.search(r"user operator, password \S{16} ", first)
    assert f"http://localhost:{front_port}/admin/" in first and f"http://localhost:{front_port}/admin/" in second
    assert "password" not in second


def greeting(environment: dict[str, str]) -> str:
    """What `runclawchat --welcome` prints until it is ready; ends it again."""
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "manage.py", "runclawchat", "--welcome"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        # As a shell does to what it starts in the background.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),  # noqa: PLW1509
    ) as process:
        try:
            printed = ""
            while "Chat port" not in printed:
                line = process.stdout.readline()
                assert line, f"the server ended with {process.wait()}: {printed}"
                printed += line
            assert time.monotonic() - began < START_SECONDS
            process.send_signal(signal.SIGINT)
            printed += process.stdout.read()
            assert process.wait(STOP_SECONDS) == 0
        finally:
            process.kill()
    return printed
