"""The server's own tests once more, on real PostgreSQL and real Redis."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
AREAS = ["tests/chat", "tests/discovery", "tests/rotation"]
MINUTES = 10

pytestmark = pytest.mark.e2e


@pytest.mark.timeout(MINUTES * 60 + 30)
def test_the_servers_own_tests_pass_on_postgresql_and_redis(postgres_server, redis_server):
    """Every test of chat, discovery and rotation that passes on SQLite passes on PostgreSQL with Redis."""
    environment = {**os.environ, "DATABASE_URL": postgres_server, "REDIS_URL": redis_server}

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "not e2e", *AREAS],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=MINUTES * 60,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
