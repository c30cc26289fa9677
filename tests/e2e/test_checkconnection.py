"""`manage.py checkconnection` beside a real server, and after it has stopped."""

import json
import subprocess
import sys
import time

import pytest

from tests.e2e.server import ROOT, ServerProcess

pytestmark = pytest.mark.e2e
SOON_SECONDS = 60


def check(server: ServerProcess, *options: str) -> subprocess.CompletedProcess:
    """The command as an operator types it."""
    command = [sys.executable, "manage.py", "checkconnection", *options]
    return subprocess.run(
        command, cwd=ROOT, env=server.environment, capture_output=True, text=True, check=False, timeout=60
    )


def check_until_well(server: ServerProcess) -> dict:
    """Its JSON, once the server has opened its first port."""
    deadline = time.monotonic() + SOON_SECONDS
    while True:
        ran = check(server, "--json")
        found = json.loads(ran.stdout) if ran.stdout else {}
        if ran.returncode == 0 or time.monotonic() > deadline:
            return found


@pytest.mark.parametrize("tls", [False, True])
def test_a_running_server_is_well_and_a_stopped_one_is_named(tmp_path, tls):
    """With and without TLS of its own authority: every step in order, and then the first one that is not."""
    environment = {"CLAWCHAT_TLS": "local", "CLAWCHAT_LOOPBACK_TLS": "1"} if tls else {}
    server = ServerProcess(tmp_path / "data", interval=3600, lead=120, grace=300, environment=environment)
    with server:
        found = check_until_well(server)
        said = check(server)
    after = check(server)

    assert found["verdict"] == {"code": "well", "sentence": "All is well on the way to the server.", "remedy": ""}
    steps = {step["name"]: [met["code"] for met in step["met"]] for step in found["steps"]}
    assert list(steps) == ["clock", "context", "places", "signature", "freshness", "port", "tls", "gate"]
    assert steps["tls"] == ["tls_well" if tls else "tls_local"]
    assert "All is well" in said.stdout
    assert after.returncode == 1
    assert "turns connections away. If it is this server's own front door, start the server" in after.stderr


def test_without_a_server_ever_it_says_what_to_do(tmp_path):
    """An empty data directory has nothing to look for."""
    server = ServerProcess(tmp_path / "data")
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=server.environment, check=True, timeout=120
    )

    ran = check(server)

    assert ran.returncode == 1
    assert "make run" in ran.stderr
