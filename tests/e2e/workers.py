"""Celery's worker beside servers that have no embedded one."""

import subprocess
import sys
from contextlib import contextmanager

from tests.e2e.server import ROOT, ServerProcess

WORKER = "-A clawchat_site worker -B -P threads -c 4 --without-gossip --without-mingle --loglevel WARNING"


@contextmanager
def worker(server: ServerProcess):
    """Celery's worker with its beat, as an operator of several nodes runs it."""
    command = [sys.executable, "-W", "ignore::UserWarning", "-m", "celery", "--quiet", *WORKER.split()]
    with (server.data_dir.parent / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=server.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
