"""What a test can make go wrong in a real server, between commit and acknowledgement.

A fault is armed by a file in the server's data directory: `fault-hold` delays acknowledgements while it is there,
`fault-kill` ends the process the next time rows have been committed and not yet acknowledged.
"""

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HOLD, KILL = "fault-hold", "fault-kill"
HOLD_SECONDS = 1.6


def arm(data_dir: Path, fault: str) -> None:
    """Make `fault` happen from now on."""
    (data_dir / fault).touch()


def disarm(data_dir: Path, fault: str) -> None:
    """Make `fault` stop."""
    (data_dir / fault).unlink(missing_ok=True)


def after_commit(rows: Sequence[Any]) -> None:
    """Called in the writer's thread with the rows that were just committed."""
    from django.conf import settings

    if not rows:
        return
    if (settings.CLAWCHAT_DATA_DIR / KILL).exists():
        (settings.CLAWCHAT_DATA_DIR / KILL).unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    if (settings.CLAWCHAT_DATA_DIR / HOLD).exists():
        time.sleep(HOLD_SECONDS)
