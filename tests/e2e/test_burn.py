"""A burn in the middle of a busy chat: everything is renewed within seconds, and nobody loses a message."""

import asyncio
import json
import re
import sqlite3
import urllib.request
from pathlib import Path

import pytest

from clawchat.protocol.connection_file import SealedConnectionFile
from clawchat.protocol.errors import UnknownPeer
from tests.e2e.pairs import Watchful, converse, two_members
from tests.e2e.server import ServerProcess

pytestmark = [pytest.mark.e2e, pytest.mark.paired]

# A client may wait eleven seconds for new keys, and the old port's grace ends ten seconds after the burn began.
GOAL_SECONDS = 40
WAIT_SECONDS = "50"


class Busy(Watchful):
    """Leaves hardly a moment without a message."""

    pause = 0.02


async def test_a_burn_makes_safe_within_seconds_and_loses_nothing(tmp_path):
    """New ports, secret and keys; the file under the old secret's eyes is noise; the grace of the old port, which would
    have been a minute, is over; the row has the seconds of each step."""
    server = ServerProcess(tmp_path / "data", interval=600, lead=3, grace=60)
    said: list[str] = []
    await asyncio.to_thread(server.start)
    try:
        async with two_members(server, tmp_path) as clients:
            ports = _open_ports(server)
            secrets = list(clients[0]._device.discovery_secrets.values())

            async def burn(talkers: list[Busy]) -> None:
                await asyncio.sleep(1)
                arguments = ("burn", "--drill", "--why", "a drill", "--wait", WAIT_SECONDS)
                said.append(await asyncio.to_thread(server.run, *arguments))

            talkers, log = await converse(clients, Busy, burn)
            file = await asyncio.to_thread(_published, server)
            with pytest.raises(UnknownPeer):
                SealedConnectionFile.parse(file).open(secrets[-1], clients[0]._device.pins)
            assert not ports & _open_ports(server)
    finally:
        await asyncio.to_thread(server.stop)

    for talker in talkers:
        talker.check(log)
        assert len(talker.epochs) > 1 or max(talker.epochs.values()) > 0
    assert len(log) > 100
    seconds = float(re.search(r"Safe after ([\d.]+) seconds\.", said[0])[1])
    assert seconds <= GOAL_SECONDS
    assert said[0].count(" s  ") == 4
    assert _burn_row(tmp_path / "data") == (1, "a drill", True)


def _open_ports(server: ServerProcess) -> set[int]:
    return {lease["port"] for lease in server.status()["leases"] if lease["state"] in ("open", "draining")}


def _published(server: ServerProcess) -> bytes:
    with urllib.request.urlopen(f"{server.front_url}/connection.json", timeout=5) as answer:
        data = answer.read()
    assert json.loads(data)["v"] == 2
    return data


def _burn_row(data_dir: Path) -> tuple[bool, str, bool]:
    with sqlite3.connect(f"file:{data_dir / 'clawchat.sqlite3'}?mode=ro", uri=True) as database:
        return database.execute("SELECT drill, why, safe_at IS NOT NULL FROM rotation_burn").fetchone()
