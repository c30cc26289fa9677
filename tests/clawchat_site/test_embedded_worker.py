"""The Celery child works: beat sends, a thread takes, and SIGTERM ends both."""

import os
import signal
import subprocess
import sys
import time

from rotation.worker import MODULE

# Beat sends this each tenth of a second; the file tells that it was taken, and what the process had loaded.
SETTINGS = """
from clawchat_site.settings import *
CELERY_IMPORTS = ["noting"]
CELERY_BEAT_SCHEDULE = {"note": {"task": "noting.note", "schedule": 0.1}}
"""
NOTING = """
import sys, threading
from pathlib import Path
from celery import shared_task

@shared_task(name="noting.note")
def note():
    heavy = [name for name in ("celery.bin.celery", "chat.admin", "unfold.admin") if name in sys.modules]
    beat = any(thread.name == "Beat" for thread in threading.enumerate())
    with Path(__file__).with_name("noted").open("a") as noted:
        noted.write(f"{beat} {heavy}\\n")
"""


def test_beat_sends_and_a_thread_takes(tmp_path, pytestconfig):
    """Without a second process, Celery's command line or the pages of the admin in memory."""
    (tmp_path / "quick.py").write_text(SETTINGS)
    (tmp_path / "noting.py").write_text(NOTING)
    noted = tmp_path / "noted"
    surroundings = os.environ | {
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{pytestconfig.rootpath}",
        "DJANGO_SETTINGS_MODULE": "quick",
        "CLAWCHAT_DATA_DIR": str(tmp_path / "data"),
        "CELERY_SKIP_CHECKS": "1",
    }
    command = [sys.executable, "-W", "ignore::UserWarning:celery.platforms", "-m", MODULE, "2"]
    with subprocess.Popen(command, env=surroundings, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as worker:
        until = time.monotonic() + 60
        while not (noted.exists() and noted.read_text().count("\n") >= 2) and time.monotonic() < until:
            assert worker.poll() is None, worker.stderr.read()
            time.sleep(0.05)
        worker.send_signal(signal.SIGTERM)
        _, said = worker.communicate(timeout=20)

    assert set(noted.read_text().splitlines()) == {"True []"}
    assert (worker.returncode, said) == (0, "")
