"""Processes of this machine, as tests look at them."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path


def is_alive(process_id: int) -> bool:
    """Whether a process runs; a dead one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def descendants(process_id: int) -> list[int]:
    """The processes that this one has started, and theirs."""
    found = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = {int(pid): int(parent) for pid, parent in (line.split() for line in found.splitlines())}
    own = [pid for pid, parent in parents.items() if parent == process_id]
    return own + [deeper for pid in own for deeper in descendants(pid)]


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Return when `condition()` is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not come true within {seconds:g} s"
        time.sleep(0.05)
