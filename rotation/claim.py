"""Which node this process is: a file in the data directory that one process holds at a time and that names the node."""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

# Servers that may share one data directory when Redis and a database server connect them.
MAX_NODES_HERE = 16
NAME_BYTES = 6


class DataDirTaken(Exception):
    """Another server uses this data directory; the text says which and what to do."""


@contextlib.contextmanager
def claim_node(data_dir: Path, may_share: bool) -> Iterator[str]:
    """The name of the node that this process is, as long as the block lasts; the same again after a restart.

    A name belongs to its file, not to the process or the machine, so leases find their server even when it was killed.
    Raises: DataDirTaken.
    """
    for number in range(1, (MAX_NODES_HERE if may_share else 1) + 1):
        path = data_dir / f"node-{number}"
        # The lock ends with the process, however that ends.
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
            if _lock(file.fileno()):
                yield _named(file)
                return
    raise DataDirTaken(_sentence(data_dir, may_share))


def node_names(data_dir: Path) -> list[str]:
    """The names of the nodes that have run with this data directory."""
    names = (path.read_text().partition("\n")[0].strip() for path in sorted(data_dir.glob("node-*")))
    return [name for name in names if name]


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _named(file: TextIO) -> str:
    """The name that the file holds, or a new one; the process id beside it is for the sentence below."""
    name = file.readline().strip() or secrets.token_hex(NAME_BYTES)
    # Written over before it is cut, so a crash in between cannot lose the name.
    file.seek(0)
    file.write(f"{name}\n{os.getpid()}\n")
    file.truncate()
    file.flush()
    return name


def _sentence(data_dir: Path, may_share: bool) -> str:
    if may_share:
        return f"{MAX_NODES_HERE} servers use the data directory {data_dir} already; give this one another."
    with contextlib.suppress(OSError, IndexError):
        process = (data_dir / "node-1").read_text().splitlines()[1]
        return (
            f"Another ClawChat server (process {process}) uses the data directory {data_dir}; "
            "stop it, or set CLAWCHAT_DATA_DIR to another directory."
        )
    return f"Another ClawChat server uses the data directory {data_dir}."
