"""The Celery child of the embedded default: worker and beat in a process of its own, kept alive."""

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

logger = logging.getLogger(__name__)

# Visits to mirrors take none of these threads (discovery/tasks.py), so that a slow mirror never holds up a tick.
THREADS = 4
MODULE = "clawchat_site.embedded_worker"
# Celery warns at each start that it runs as root; a container's only user is often root.
QUIET = ["-W", "ignore::UserWarning:celery.platforms"]

POLL_SECONDS = 0.5
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
# A child that lived for so long was well; the next pause is the first one again.
WELL_AFTER_SECONDS = 60.0
# Since the request to stop: when it is told to be quick, and when it is ended. Together less than a drain.
QUIT_AFTER_SECONDS = 6.0
KILL_AFTER_SECONDS = 8.0

PR_SET_PDEATHSIG = 1


class CeleryChild:
    """One child process that runs worker and beat; started again when it dies."""

    def __init__(self, project_dir: Path, command: list[str] | None = None) -> None:
        self._command = command or [sys.executable, *QUIET, "-m", MODULE, str(THREADS)]
        self._project_dir = project_dir
        self._process: subprocess.Popen | None = None
        self._keeping: asyncio.Task | None = None

    @property
    def process_id(self) -> int | None:
        """The child's process id; None while there is none."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the child and watch over it. On the main thread only: the child dies with the thread that made it."""
        self._spawn()
        self._keeping = asyncio.ensure_future(self._keep())

    async def stop(self) -> None:
        """End the child: ask, ask to hurry, then end it; nothing of it is left when this returns."""
        if self._keeping is not None:
            self._keeping.cancel()
        if self._process is None:
            return
        asked_at = time.monotonic()
        hints = [(0.0, signal.SIGTERM), (QUIT_AFTER_SECONDS, signal.SIGQUIT), (KILL_AFTER_SECONDS, signal.SIGKILL)]
        while self._process.poll() is None:
            if hints and time.monotonic() - asked_at >= hints[0][0]:
                self._process.send_signal(hints.pop(0)[1])
            await asyncio.sleep(0.05)
        self._end_group()

    async def _keep(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            started_at = time.monotonic()
            while self._process.poll() is None:
                await asyncio.sleep(POLL_SECONDS)
            self._end_group()
            if time.monotonic() - started_at > WELL_AFTER_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            logger.warning(
                "the Celery worker ended with status %s; starting it again in %g s", self._process.returncode, pause
            )
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            self._spawn()

    def _spawn(self) -> None:
        paths = [str(self._project_dir), os.environ.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(
            self._command,
            # Its checks were made when this process started.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "CELERY_SKIP_CHECKS": "1"},
            stdin=subprocess.DEVNULL,
            # Its log goes to stderr; what it says on stdout is a banner and a farewell.
            stdout=subprocess.DEVNULL,
            # A session of its own, so that Ctrl-C in the terminal reaches it through us alone.
            start_new_session=True,
            preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509  (two system calls, no lock is taken)
        )

    def _end_group(self) -> None:
        """End what the child may have left behind."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


def _die_with(parent: int):
    """What the child does before it becomes Celery: ask the kernel for SIGTERM when we are gone (Linux only)."""
    libc = ctypes.CDLL(None)

    def ask() -> None:
        if sys.platform == "linux":
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)

    return ask
