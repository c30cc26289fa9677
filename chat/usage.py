"""What this process and its machine use: processor, memory, disk. Where the system does not tell, None."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Usage:
    """Percent of one core and bytes of this process; percent of all cores and of memory of the machine; bytes of the
    disk. Memory is the process's own share of what it shares with others, where the system tells."""

    cpu_percent: float | None = None
    memory_bytes: int | None = None
    machine_cpu_percent: float | None = None
    machine_memory_percent: float | None = None
    disk_free_bytes: int | None = None
    disk_total_bytes: int | None = None


@dataclass(frozen=True)
class _Times:
    """Seconds: when it was, what this process has computed by then, and what the machine has, busy and in all."""

    at: float
    own: float | None
    busy: float | None
    all: float | None


class UsageMeter:
    """Looks at one process, this one, and the disk that `folder` is on. Takes a few milliseconds: not for the loop."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._clock = folder, clock
        self._process = psutil.Process()
        self._began = self._times()

    def begin(self) -> None:
        """From here on, percents are of the time since."""
        self._began = self._times()

    def look(self) -> Usage:
        """What is used now; percents of processors on average since `begin`."""
        now, began = self._times(), self._began
        disk = _told(lambda: psutil.disk_usage(str(self._folder)))
        return Usage(
            cpu_percent=_percent(began.own, now.own, now.at - began.at),
            memory_bytes=_told(self._memory_bytes),
            machine_cpu_percent=_percent(began.busy, now.busy, (now.all or 0.0) - (began.all or 0.0)),
            machine_memory_percent=_told(lambda: float(psutil.virtual_memory().percent)),
            disk_free_bytes=disk.free if disk else None,
            disk_total_bytes=disk.total if disk else None,
        )

    def _memory_bytes(self) -> int:
        memory = self._process.memory_full_info()
        return int(getattr(memory, "pss", None) or memory.uss)

    def _times(self) -> _Times:
        own = _told(self._process.cpu_times)
        machine = _told(psutil.cpu_times)
        # Time that a guest got is in the user's time already.
        everything = (
            sum(machine) - getattr(machine, "guest", 0) - getattr(machine, "guest_nice", 0) if machine else None
        )
        idle = machine.idle + getattr(machine, "iowait", 0) if machine else None
        return _Times(
            self._clock(),
            own.user + own.system if own else None,
            everything - idle if machine else None,
            everything,
        )


def _percent(before: float | None, now: float | None, of: float) -> float | None:
    if before is None or now is None or of <= 0:
        return None
    return round(max(0.0, 100 * (now - before) / of), 1)


def _told(ask: Callable[[], Answer]) -> Answer | None:
    """The system's answer, or None where it gives none: hardened containers hide much."""
    with contextlib.suppress(psutil.Error, OSError, NotImplementedError, AttributeError):
        return ask()
    return None
