"""The Celery child: started again when it dies, ended for certain, gone when its server is gone."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rotation import worker
from rotation.worker import CeleryChild
from tests.rotation.processes import is_alive, wait_until

OBEYS = "import time; time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); {also}; time.sleep(60)"
DIES = "raise SystemExit(3)"
# A child that leaves a process of its own behind when it ends.
LEAVES_ONE = """
import subprocess, sys, pathlib
left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
pathlib.Path({note!r}).write_text(str(left.pid))
"""


def child(script: str) -> CeleryChild:
    """A child that runs `script` in place of Celery."""
    return CeleryChild(Path.cwd(), [sys.executable, "-c", script])


async def wait_for(condition) -> None:
    """Return when `condition()` is true."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def hurry(monkeypatch) -> None:
    """Short pauses."""
    for name in ("POLL_SECONDS", "FIRST_PAUSE_SECONDS"):
        monkeypatch.setattr(worker, name, 0.02)
    monkeypatch.setattr(worker, "QUIT_AFTER_SECONDS", 0.3)
    monkeypatch.setattr(worker, "KILL_AFTER_SECONDS", 0.6)


async def test_a_child_is_asked_to_end(monkeypatch):
    """SIGTERM is enough for one that obeys; what comes after it would be long in coming."""
    monkeypatch.setattr(worker, "QUIT_AFTER_SECONDS", 3600)
    obeying = child(OBEYS)
    obeying.start()
    process_id = obeying.process_id
    assert is_alive(process_id)

    await obeying.stop()

    assert not is_alive(process_id)


@pytest.mark.parametrize("also", ["pass", "signal.signal(signal.SIGQUIT, signal.SIG_IGN)"])
async def test_a_stubborn_child_is_ended_all_the_same(also):
    """SIGQUIT, then SIGKILL."""
    stubborn = child(STUBBORN.format(also=also))
    stubborn.start()
    await asyncio.sleep(0.2)

    await stubborn.stop()

    assert not is_alive(stubborn.process_id)


async def test_a_child_that_dies_is_started_again():
    """After a pause that grows with each death."""
    dying = child(DIES)
    dying.start()
    seen = {dying.process_id}

    def note() -> bool:
        seen.add(dying.process_id)
        return len(seen) >= 3

    began = time.monotonic()
    await wait_for(note)
    await dying.stop()

    assert time.monotonic() - began >= 0.02 + 0.04


async def test_nothing_of_a_dead_child_goes_on(tmp_path):
    """Whatever a child has started would work on without anybody who knows of it."""
    note = tmp_path / "left"
    leaving = child(LEAVES_ONE.format(note=str(note)))
    leaving.start()
    await wait_for(lambda: note.exists() and note.read_text())
    left = int(note.read_text())

    await wait_for(lambda: not is_alive(left))
    await leaving.stop()


def test_a_child_ends_with_its_server(tmp_path, pytestconfig):
    """Even when the server is killed and can ask nobody."""
    note = tmp_path / "child"
    script = f"""
import asyncio, pathlib, sys, time
sys.path.insert(0, {str(pytestconfig.rootpath)!r})
from rotation.worker import CeleryChild
async def main():
    child = CeleryChild(pathlib.Path.cwd(), [sys.executable, "-c", {OBEYS!r}])
    child.start()
    pathlib.Path({str(note)!r}).write_text(str(child.process_id))
    await asyncio.sleep(60)
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", script]) as server:
        wait_until(lambda: note.exists() and note.read_text())
        process_id = int(note.read_text())
        assert is_alive(process_id)
        os.kill(server.pid, signal.SIGKILL)

    wait_until(lambda: not is_alive(process_id))
