"""A full scan from another address while people chat: all of it is seen, nobody is disturbed, and it learns nothing.

What connects is seen. A scanner who only sends the first packet of a handshake and never finishes it (SYN scan) is
answered by the kernel and cannot be seen by an application; a firewall's log would show that one.
"""

import asyncio
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as XML
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.e2e.networks import Namespace, join, needs_networks
from tests.e2e.server import ServerProcess
from tests.soak.rows import Rows
from tests.soak.soak import Plan, Soak

pytestmark = [pytest.mark.e2e, pytest.mark.paired, pytest.mark.timeout(500)]

HOUSE, SCANNER = "10.77.0.1", "10.77.0.2"
SCAN_SECONDS = 200
CLIENTS = 6
SEEN_SECONDS = 20.0
# What is touched is written down within a second, by a machine that has time.
COUNTED_SECONDS = 5
# Everybody in the house has one address, which is not loopback, and moves often because of the scan.
LIMITS = (
    "from chat.services.policy import change_policy\n"
    "change_policy('test', handshakes_per_minute=9999, handshake_burst=9999, ban_after_touches={touches})"
)
TOUCH = (
    "import socket, sys\nfor port in sys.argv[2:]:\n    socket.create_connection((sys.argv[1], int(port)), 5).close()"
)


@pytest.fixture
def house() -> Iterator[Namespace]:
    """Where the server and its people are."""
    needs_networks("nmap")
    with Namespace("house") as house:
        yield house


@pytest.fixture
def stranger(house) -> Iterator[Namespace]:
    """A machine that is joined to the house and belongs to nobody there."""
    with Namespace("stranger") as stranger:
        join(house, f"{HOUSE}/24", stranger, f"{SCANNER}/24")
        yield stranger


async def test_a_full_scan_is_seen_disturbs_nobody_and_learns_nothing(tmp_path, house, stranger):
    """Each open port, live or not, looks the same to nmap; each touch of a tripwire is in the audit log."""
    server = ServerProcess(
        tmp_path / "data",
        # Nothing moves while it is looked at, not even at the interval that scans bring about.
        interval=3600,
        lead=200,
        grace=200,
        environment={
            "CLAWCHAT_BIND": "0.0.0.0",
            "CLAWCHAT_HOST": HOUSE,
            "CLAWCHAT_TLS": "local",
            "CLAWCHAT_PORTS": "2",
            "CLAWCHAT_DECOYS": "4",
        },
    )
    rows = Rows(server.data_dir)
    soak = Soak([server], rows, Plan(clients=CLIENTS, room_of=3, squatted=0.0), tmp_path)
    with house.entered():
        try:
            await soak.start()
            await asyncio.to_thread(server.run, "shell", "-c", LIMITS.format(touches=0))
            await soak.prepare(ca_file=server.data_dir / "tls" / "ca.crt")
            soak.crowd.start(0.5)
            await until(lambda: len(ports(rows, "tripwire")) == 4 and len(ports(rows, "open")) == 2, "all ports")

            found = await scan(stranger, "-sT", "-p", "49152-65535")
            looked_like = await scan(stranger, "-sV", "--version-light", "-p", ",".join(map(str, sorted(found))))
            live, decoys = ports(rows, "open"), ports(rows, "tripwire")

            armed, before = await steady_tripwires(rows), touches(rows)
            await asyncio.to_thread(stranger.run, "python3", "-c", TOUCH, HOUSE, *map(str, 3 * sorted(armed)))

            def all_counted() -> bool:
                seen = touches(rows)
                return all(seen[port] - before[port] >= 3 for port in armed & ports(rows, "tripwire"))

            await until(all_counted, "three touches of each tripwire")
            await asyncio.sleep(1)
            # One that was given up meanwhile has counted what it saw of them.
            armed &= ports(rows, "tripwire")
            counted = {touches(rows)[port] - before[port] for port in armed}

            # With bans again: the scanner is one soon, and whoever chats does not notice.
            await asyncio.to_thread(server.run, "shell", "-c", LIMITS.format(touches=3))
            await scan(stranger, "-sT", "-p", "49152-65535")
            await until(lambda: rows.count("chat_ban") > 0, "a ban")
            await soak.crowd.quiet(rows)
            wrong = soak.crowd.judge(rows.logs())
            told = {port for _, audited in audit(rows) for port in audited["ports"]}
            alerts = set(rows.ask("SELECT kind, subject FROM chat_alert WHERE closed_at IS NULL"))
            banned = {network for (network,) in rows.ask("SELECT network FROM chat_ban")}
            addresses = {address for address, _ in audit(rows)}
        finally:
            await soak.close()
            if server.process is not None:
                await asyncio.to_thread(server.stop)

    assert found.keys() == live | decoys
    # What a scanner is told does not depend on what a port is for.
    assert len(set(looked_like.values())) == 1, looked_like
    assert decoys <= told
    assert counted == {3}
    assert armed <= told
    assert addresses == {SCANNER}
    # The operator is told of the scanner, and only the scanner is kept out.
    assert ("scan", SCANNER) in alerts
    assert banned == {SCANNER}
    assert not any(wrong[kind] for kind in ("lost", "twice", "reordered", "foreign", "complaints")), wrong
    assert wrong["received"] > wrong["sent"] > CLIENTS


async def scan(stranger: Namespace, *how: str) -> dict[int, str]:
    """What nmap says of the house's open ports: each with what it takes it for, without the port's number."""
    nmap = shutil.which("nmap")
    command = [nmap, "-Pn", "-n", "-T4", "--max-retries", "2", "-oX", "-", *how, HOUSE]
    done = await asyncio.to_thread(run_in, stranger, command)
    found = {}
    for port in XML.fromstring(done).iter("port"):
        state, service = port.find("state"), port.find("service")
        if state.get("state") == "open":
            number = port.get("portid")
            facts = sorted(service.items()) if service is not None and "-sV" in how else []
            scripts = [script.get("output") for script in port.iter("script")]
            found[int(number)] = re.sub(rf"\b{number}\b", "PORT", f"{state.get('reason')} {facts} {scripts}")
    return found


def run_in(namespace: Namespace, command: list[str]) -> str:
    """What a program prints that runs in there, given the time that a scan takes."""
    with namespace.entered():
        return subprocess.run(command, capture_output=True, text=True, timeout=SCAN_SECONDS, check=True).stdout


def ports(rows: Rows, state: str) -> set[int]:
    """The ports of leases in this state."""
    return {one.port for one in rows.leases() if one.state == state}


def audit(rows: Rows) -> list[tuple[str, dict]]:
    """(address, details) of each scan in the audit log."""
    found = rows.ask("SELECT address, details FROM chat_auditevent WHERE code = 'scan'")
    return [(address, json.loads(details) if isinstance(details, str) else details) for address, details in found]


async def steady_tripwires(rows: Rows) -> set[int]:
    """Ports that are tripwires not only in their rows."""
    while True:
        before = ports(rows, "tripwire")
        await asyncio.sleep(COUNTED_SECONDS)
        if steady := before & ports(rows, "tripwire"):
            return steady


def touches(rows: Rows) -> Counter[int]:
    """How often each port has been touched as a tripwire."""
    return Counter(dict(rows.ask("SELECT port, sum(count) FROM rotation_scan WHERE tripwire GROUP BY port")))


async def until(holds, what: str) -> None:
    """Return when it is so."""
    for _ in range(int(10 * 3 * SEEN_SECONDS)):
        if await asyncio.to_thread(holds):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"never came: {what}")
