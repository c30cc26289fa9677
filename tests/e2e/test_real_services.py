"""The server's own tests once more, on real PostgreSQL and real Redis."""

import os
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.server import ServerProcess

ROOT = Path(__file__).resolve().parents[2]
# Two parts that take about the same time, each with a database and a Redis of its own: they run side by side.
PARTS = {"one": ["tests/chat"], "other": ["tests/discovery", "tests/rotation"]}
# Sockets, certificates, routers, whole processes and hours in small steps: no row is touched there, none of this
# database, or the same ones a thousand times.
ROWLESS = [
    "process",
    "slots",
    "clock_jumps",
    "silent",
    "same_answers",
    "tls",
    "trustca",
    "proxies",
    "link",
    "guard",
    "pins",
    "upnp",
    "natpmp",
    "gateway",
    "budget",
]
# Of the chat: sessions, what strangers cost and what is usual, which ask no database or a made-up one.
ROWLESS_CHAT = ["test_rekey.py", "test_truncation.py", "test_silence_order.py", "detection"]
MINUTES = 10

pytestmark = [pytest.mark.e2e, pytest.mark.alone]


@pytest.mark.timeout(MINUTES * 60 + 30)
def test_the_servers_own_tests_pass_on_postgresql_and_redis(postgres_server, redis_servers):
    """Every test of chat, discovery and rotation that asks the database passes on PostgreSQL with Redis too."""
    with ThreadPoolExecutor(len(PARTS)) as threads:
        runs = []
        for part, areas in PARTS.items():
            # The tests make the database themselves, out of this name.
            services = {"DATABASE_URL": f"{postgres_server}_{part}", "REDIS_URL": redis_servers()}
            runs.append(threads.submit(own_tests, areas, services))

    for run in runs:
        done = run.result()
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
        assert " passed" in done.stdout


def own_tests(areas: list[str], services: dict[str, str]) -> subprocess.CompletedProcess:
    """What pytest says of the tests in these folders, with these services."""
    ignored = [f"--ignore-glob=tests/rotation/*test_*{word}*.py" for word in ROWLESS]
    ignored += [f"--ignore=tests/chat/{name}" for name in ROWLESS_CHAT]
    # Other people's servers are what these are about.
    ignored += ["--ignore=tests/discovery/test_remote_mirrors.py"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "not e2e", *ignored, *areas],
        cwd=ROOT,
        env={**os.environ, **services},
        capture_output=True,
        text=True,
        timeout=MINUTES * 60,
        check=False,
    )


def test_a_crowd_at_the_front_door_leaves_the_chat_its_database(postgres_server, tmp_path):
    """PostgreSQL takes a hundred connections; far more requests at once than that are all answered."""

    def ask(_: int) -> int:
        with urllib.request.urlopen(f"{server.front_url}/healthz", timeout=30) as answer:
            return answer.status

    with (
        ServerProcess(tmp_path / "data", environment={"DATABASE_URL": postgres_server}) as server,
        ThreadPoolExecutor(40) as threads,
    ):
        answers = list(threads.map(ask, range(400)))

    assert answers == [200] * 400
    assert "Traceback" not in server.log()
