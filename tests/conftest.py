"""What every test may ask for: a browser, a real Redis, a real PostgreSQL. With CI=1 a skip is a failure."""

import contextlib
import gc
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ports import free_port

# What is not part of the repository cannot be asked of every machine: a skip whose reason begins so is allowed in CI.
OUTSIDE = "outside the repository"
START_SECONDS = 30


class SkipsAreFailures:
    """Plugin for CI: turns the run red when a test was skipped, and says which."""

    def __init__(self) -> None:
        self.skipped: list[str] = []

    def _note(self, report) -> None:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if report.skipped and not reason.removeprefix("Skipped: ").startswith(OUTSIDE):
            self.skipped.append(f"{report.nodeid}: {reason}")

    def pytest_runtest_logreport(self, report) -> None:
        self._note(report)

    def pytest_collectreport(self, report) -> None:
        self._note(report)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session) -> None:
        if self.skipped and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter) -> None:
        if self.skipped:
            terminalreporter.section("CI=1: a skipped test is a failure", red=True)
            terminalreporter.write_line("\n".join(self.skipped))


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("CI") == "1":
        config.pluginmanager.register(SkipsAreFailures())


def pytest_collection_finish() -> None:
    """What was collected stays: no garbage collection looks through all of it in the middle of a test's second."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Remove the data directory that tests/settings.py made for this run."""
    from django.conf import settings

    shutil.rmtree(settings.CLAWCHAT_DATA_DIR, ignore_errors=True)


@pytest.fixture
def client():
    """Django's test client under a name of this machine: the admin answers to no other."""
    from django.test import Client

    return Client(SERVER_NAME="localhost")


@pytest.fixture
def admin_client(admin_user):
    """Another one of these, signed in as somebody who may do everything."""
    from django.test import Client

    client = Client(SERVER_NAME="localhost")
    client.force_login(admin_user)
    return client


def _wait_until(answers: Callable[[], bool], process: subprocess.Popen, log: Path) -> None:
    """Return when `answers` is true; fail with the log when the process ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while not answers():
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"{process.args[0]} did not start:\n{log.read_text()}")
        time.sleep(0.05)


@contextlib.contextmanager
def _running(command: list[str], log: Path, **options) -> Iterator[subprocess.Popen]:
    """A child process that is gone, and known to be gone, when the block ends."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Path of a Chromium; the tests that ask for it are skipped when there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.skip("Chromium is not installed (sudo apt install chromium)")


@pytest.fixture(scope="session")
def redis_server(redis_servers: Callable[[], str]) -> str:
    """URL of a Redis of this run's own."""
    return redis_servers()


@pytest.fixture(scope="session")
def redis_servers() -> Iterator[Callable[[], str]]:
    """Starts one more Redis of this run's own and gives its URL."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(_redis())


@contextlib.contextmanager
def _redis() -> Iterator[str]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed (sudo apt install redis-server)")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="clawchat-redis-") as folder:
        log = Path(folder, "log")
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        with _running(command, log) as process:
            _wait_until(lambda: _redis_answers(port), process, log)
            yield f"redis://127.0.0.1:{port}/0"


def _redis_answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


@pytest.fixture
def postgres_server(_postgres: str) -> str:
    """URL of a database that is empty and this test's alone, in a PostgreSQL of this run's own."""
    import psycopg

    name = f"test_{os.urandom(8).hex()}"
    with psycopg.connect(f"{_postgres}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{_postgres}/{name}"


@pytest.fixture(scope="session")
def _postgres() -> Iterator[str]:
    """URL of a running PostgreSQL, without a database's name."""
    tools = _postgres_tools()
    if tools is None:
        pytest.skip("PostgreSQL is not installed (sudo apt install postgresql)")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="clawchat-postgres-") as folder:
        user = _postgres_user(folder)
        data, log = Path(folder, "data"), Path(folder, "log")
        initdb = [tools / "initdb", "--pgdata", data, "--auth", "trust", "--username", "clawchat", "--encoding", "UTF8"]
        subprocess.run([*initdb, "--no-sync", "--locale", "C"], check=True, capture_output=True, cwd=folder, **user)
        # The tests empty every table hundreds of times and are never to survive a power cut.
        hasty = ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]
        command = [str(tools / "postgres"), "-D", str(data), "-p", str(port), "-k", folder, "-h", "127.0.0.1", *hasty]
        with _running(command, log, cwd=folder, **user) as process:
            _wait_until(lambda: _postgres_answers(tools, port), process, log)
            yield f"postgres://clawchat@127.0.0.1:{port}"


def _postgres_tools() -> Path | None:
    """The folder with initdb and postgres; Debian keeps it off the PATH."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    return folders[-1] if folders else None


def _postgres_user(folder: str) -> dict[str, str | int]:
    """Who PostgreSQL runs as: it refuses root, so root lends it another user and gives that user the folder."""
    if os.geteuid() != 0:
        return {}
    shutil.chown(folder, "nobody", "nogroup")
    return {"user": "nobody", "group": "nogroup"}


def _postgres_answers(tools: Path, port: int) -> bool:
    ready = [tools / "pg_isready", "--quiet", "--host", "127.0.0.1", "--port", str(port)]
    return subprocess.run(ready, check=False).returncode == 0
