"""What is thrown at a server while people talk: ports that others have taken, processes that are killed."""

import contextlib
import os
import random
import resource
import signal
import socket
import time
from pathlib import Path

from tests.e2e.server import ServerProcess
from tests.soak.rows import Rows

FIRST_PORT, PORT_COUNT = 49_152, 16_384


class Squatter:
    """Somebody else who has a share of the port range, half of it listening. A context: it lets go at its end."""

    def __init__(self, share: float, host: str = "127.0.0.1") -> None:
        self._host, self._wanted = host, int(PORT_COUNT * share)
        self._sockets: dict[int, socket.socket] = {}

    def __enter__(self) -> "Squatter":
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, self._wanted + 4_096)), hard))
        for port in random.sample(range(FIRST_PORT, FIRST_PORT + PORT_COUNT), self._wanted):
            self.take(port, listen=port % 2 == 0)
        return self

    def __exit__(self, *_: object) -> None:
        for taken in self._sockets.values():
            taken.close()

    def take(self, port: int, listen: bool = True) -> bool:
        """Take one port; False when somebody has it."""
        taken = socket.socket()
        if listen:
            # What is left of a dead server's connections is no hindrance to whoever listens.
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind((self._host, port))
            if listen:
                taken.listen(8)
        except OSError:
            taken.close()
            return False
        self._sockets[port] = taken
        return True

    def leave(self, port: int) -> None:
        """Let one port go."""
        self._sockets.pop(port).close()


def kill_and_steal(server: ServerProcess, rows: Rows, squatter: Squatter | None) -> int:
    """End a server by SIGKILL; the port that it serves on is somebody else's when it comes back. Returns the port."""
    port = next((lease.port for lease in rows.leases() if lease.state == "open" and lease.kind == "moving"), 0)
    server.kill()
    if squatter is not None and port:
        squatter.take(port)
    return port


def kill_worker(server: ServerProcess) -> int:
    """End the Celery child and what it has started by SIGKILL; returns how many processes that were."""
    assert server.process is not None
    family = descendants(server.process.pid)
    for pid in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    # Who looks for the next worker must not find this one dying.
    while set(family) & set(descendants(server.process.pid)):
        time.sleep(0.01)
    return len(family)


def descendants(pid: int) -> list[int]:
    """Process ids of all children and their children."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                if "State:\tZ" in Path(f"/proc/{child}/status").read_text():
                    continue
                found += [int(child), *descendants(int(child))]
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    """Memory that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
