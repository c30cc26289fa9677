"""Our own clients at a real server with tripwires: none is ever taken for a scanner, and no scanner for one of ours."""

import asyncio
import json
import socket
import sqlite3
import struct
from collections.abc import Callable

import pytest

from clawchat.client import Client, entrance
from clawchat.protocol.errors import Rediscover
from clawchat.protocol.limits import FIRST_MESSAGE_MAX_BYTES
from clawchat.protocol.primitives import random_bytes
from rotation.probes import KEY, proper_request
from tests.e2e.server import ServerProcess

pytestmark = pytest.mark.e2e

LOOPBACK = "127.0.0.1"
MOVES = 4
DECOYS = 3
LONGEST_SECONDS = 90
READ_SECONDS = 30


class Dials:
    """What became of each dial of the clients under test, by port."""

    def __init__(self, monkeypatch) -> None:
        self.ended: list[tuple[int, type[BaseException] | None]] = []
        really_dial = entrance.dial

        async def dial_and_note(http, endpoint, *rest, **options):
            try:
                connection = await really_dial(http, endpoint, *rest, **options)
            except BaseException as error:
                self.ended.append((endpoint.port, type(error)))
                raise
            self.ended.append((endpoint.port, None))
            return connection

        monkeypatch.setattr(entrance, "dial", dial_and_note)


def ask(server: ServerProcess, question: str) -> list[tuple]:
    """Rows of the server's database."""
    with sqlite3.connect(server.data_dir / "clawchat.sqlite3") as database:
        rows = database.execute(question).fetchall()
    database.close()
    return rows


def tripwires(server: ServerProcess) -> dict[int, str]:
    """Port and path of each tripwire."""
    return dict(ask(server, "SELECT port, path FROM rotation_portlease WHERE state = 'tripwire'"))


def alarms(server: ServerProcess) -> dict[str, list[tuple]]:
    """All that tells of scanners or strangers."""
    return {
        "scans": ask(server, "SELECT address, port, tripwire, count FROM rotation_scan"),
        "events": ask(
            server,
            "SELECT code, details FROM chat_auditevent WHERE code IN ('scan', 'strangers', 'banned', 'scan_by_member')",
        ),
        "bans": ask(server, "SELECT network FROM chat_ban"),
    }


async def wait_until(holds: Callable[[], bool], seconds: float = LONGEST_SECONDS) -> None:
    """Return when `holds()` is true."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.1)


async def test_no_client_of_ours_is_taken_for_a_scanner(tmp_path, monkeypatch):
    """Through moves of the port, a restart, and with a file so old that its port is a tripwire: not one row."""
    dials = Dials(monkeypatch)
    server = ServerProcess(tmp_path / "data", interval=10, lead=3, grace=4)
    await asyncio.to_thread(server.start)
    try:
        alice = await Client.enrol(server.create_invite("--owner")["invite"], tmp_path / "alice", name="Alice")
        dora = await Client.enrol(server.create_invite()["invite"], tmp_path / "dora", name="Dora")
        slept_at = dora.port
        await dora.close()
        async with alice:
            ports = {alice.port}
            await wait_until(lambda: bool(ports.add(alice.port)) or len(ports - {None}) > MOVES // 2)
            server.kill()
            await asyncio.to_thread(server.start)
            await wait_until(lambda: bool(ports.add(alice.port)) or len(ports - {None}) > MOVES)
            await wait_until(lambda: slept_at in tripwires(server))

            dora = Client.open(tmp_path / "dora")
            await dora.connect()
            await dora.close()
    finally:
        await asyncio.to_thread(server.stop)

    assert (slept_at, Rediscover) in dials.ended
    assert alarms(server) == {"scans": [], "events": [], "bans": []}


def connect_and_go(port: int) -> None:
    """What a scanner does that only looks whether somebody listens."""
    socket.create_connection((LOOPBACK, port), timeout=READ_SECONDS).close()


def connect_and_reset(port: int) -> None:
    """The same, with a reset instead of a goodbye."""
    with socket.create_connection((LOOPBACK, port), timeout=READ_SECONDS) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def answer_to(port: int, *pieces: bytes) -> tuple[bytes, str]:
    """What a port sends to these pieces, the next after the end of an HTTP header, and how it ends."""
    received = b""
    with socket.create_connection((LOOPBACK, port), timeout=READ_SECONDS) as connection:
        try:
            for piece in pieces:
                while received and not received.endswith(b"\r\n\r\n"):
                    received += connection.recv(1)
                connection.sendall(piece)
                if piece is not pieces[-1]:
                    received += connection.recv(1)
            while chunk := connection.recv(65_536):
                received += chunk
        except ConnectionResetError:
            return received, "reset"
    return received, "end"


def binary_frame(data: bytes) -> bytes:
    """One masked message of a client (RFC 6455 5.2), under a mask of nothing."""
    return b"\x82" + struct.pack("!BH", 0x80 | 126, len(data)) + bytes(4) + data


def test_every_touch_of_a_scanner_is_written_down(tmp_path):
    """However it touches a tripwire; live ports answer the same, byte for byte, to strangers and to eavesdroppers."""
    server = ServerProcess(tmp_path / "data", interval=3600, lead=120, grace=300)
    with server:
        asyncio.run(wait_until(lambda: len(tripwires(server)) == DECOYS))
        asyncio.run(wait_until(lambda: bool(ask(server, "SELECT 1 FROM rotation_portlease WHERE state = 'open'"))))
        ((live, path),) = ask(server, "SELECT port, path FROM rotation_portlease WHERE state = 'open'")
        known = tripwires(server)
        for port in known:
            connect_and_go(port)
            connect_and_reset(port)
        touches = 2 * len(known)
        for text in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\r\n", b"SSH-2.0-x\r\n"):
            assert {answer_to(port, text) for port in (live, *known)} == {(b"", "reset")}
            touches += len(known)
        # Mallory has seen the paths on the wire, and has no discovery secret.
        hello = binary_frame(b"H\x01" + random_bytes(FIRST_MESSAGE_MAX_BYTES - 2))
        answers = {answer_to(port, proper_request(path), hello) for port, path in {live: path, **known}.items()}
        touches += len(known)
        assert len(answers) == 1
        ((answer, ending),) = answers
        assert answer.startswith(b"HTTP/1.1 101 ") and answer.endswith(b"\r\n\r\n") and ending == "reset"
        assert KEY.encode() not in answer

        def written() -> int:
            return sum(count for _, _, tripwire, count in alarms(server)["scans"] if tripwire)

        asyncio.run(wait_until(lambda: written() >= touches))

    found = alarms(server)
    scans = [json.loads(details) for code, details in found["events"] if code == "scan"]
    assert written() == touches == sum(scan["count"] for scan in scans)
    assert {port for scan in scans for port in scan["ports"]} == set(known)
    assert sum(count for _, port, tripwire, count in found["scans"] if port == live and not tripwire) == 4
    # Loopback is never banned.
    assert found["bans"] == []
