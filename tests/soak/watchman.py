"""Looks at a running server again and again: has every live lease its socket, does the file name dead ports?"""

import asyncio
import contextlib
import os
import time
import urllib.request
from pathlib import Path
from typing import Self

from clawchat.client import Client
from clawchat.ending import end_tasks
from clawchat.protocol.connection_file import SealedConnectionFile
from tests.e2e.server import ServerProcess
from tests.soak.rows import Rows

LOOK_SECONDS = 0.1
LISTENING = "0A"
WITH_A_SOCKET = ("bound", "announced", "open", "draining", "tripwire")


class Watchman:
    """How long, in seconds, a live lease was without a socket at most, and the published file named a dead port.

    It counts while the front door answers: a server that is down has no sockets, and nobody reads its file there. A
    context.
    """

    def __init__(self, server: ServerProcess, rows: Rows, reader: Client) -> None:
        self._server, self._rows, self._reader = server, rows, reader
        self._task: asyncio.Task | None = None
        self._since: dict[tuple[str, int], float] = {}
        self.without_a_socket = self.dead_in_file = 0.0
        self.looks = 0
        # Why the last look that failed did.
        self.blind: Exception | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        await end_tasks([self._task])

    async def _watch(self) -> None:
        while True:
            bad: set[tuple[str, int]] | None = None
            # A server that is going, coming or without a database just now is looked at again.
            try:
                bad = await asyncio.to_thread(self._look)
            except Exception as error:
                self.blind = error
            now = time.monotonic()
            self._since = {what: self._since.get(what, now) for what in bad or ()}
            for (kind, _), since in self._since.items():
                if kind == "lease":
                    self.without_a_socket = max(self.without_a_socket, now - since)
                else:
                    self.dead_in_file = max(self.dead_in_file, now - since)
            self.looks += bad is not None
            await asyncio.sleep(LOOK_SECONDS)

    def _look(self) -> set[tuple[str, int]]:
        process = self._server.process
        assert process is not None
        before = {lease.pk: lease for lease in self._rows.leases()}
        named = self._named()
        sockets = listening_ports(process.pid)
        after = self._rows.leases()
        # What has moved on while we looked is judged the next time.
        steady = [lease for lease in after if before.get(lease.pk) == lease]
        live = {lease.port for lease in steady if lease.state in WITH_A_SOCKET}
        return {("lease", port) for port in live - sockets} | {("file", port) for port in named - sockets}

    def _named(self) -> set[int]:
        """The ports of the file that the front door hands out now."""
        url = f"http://127.0.0.1:{self._server.front_port}/connection.json"
        with urllib.request.urlopen(url, timeout=1) as answer:
            sealed = SealedConnectionFile.parse(answer.read())
        device = self._reader._device
        return {endpoint.port for endpoint in sealed.open(device.discovery_secrets, device.pins).endpoints}


def listening_ports(pid: int) -> set[int]:
    """The TCP ports that this very process listens on."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            inodes.add(os.readlink(link))
    ports = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and f"socket:[{fields[9]}]" in inodes:
                ports.add(int(fields[1].rpartition(":")[2], 16))
    return ports
