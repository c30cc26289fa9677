"""A flood from another address while people chat: they lose nothing, stay quick, and nobody of them is shut out."""

import asyncio
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.e2e.networks import Namespace, join, needs_networks
from tests.e2e.server import ROOT, ServerProcess
from tests.ports import free_port
from tests.soak.rows import Rows
from tests.soak.soak import Plan, Soak
from tests.soak.trouble import resident_mib

pytestmark = [pytest.mark.e2e, pytest.mark.paired, pytest.mark.timeout(400)]

HOUSE, STRANGER = "10.78.0.1", "10.78.0.2"
CLIENTS, DEVICES, KNOCKS = 6, 100, 2000
# Messages a second that one device may send; the flood sends three times as many, for so long.
RATE, FLOOD_SECONDS = 4, 15
CALM_SECONDS = 8
ENROL_SECONDS = 200
# What a flood may cost at most: far above what is measured, far below what somebody would call slow or a leak.
SLOW_SECONDS = 6.0
LEAK_MIB = 48
LIMITS = (
    "from chat.services.policy import change_policy\n"
    "change_policy('test', handshakes_per_minute={handshakes}, handshake_burst={handshakes}, max_devices=200, "
    f"max_sessions_per_address=150, messages_per_second={RATE}, message_burst={2 * RATE})"
)


@pytest.fixture
def house() -> Iterator[Namespace]:
    """Where the server and its people are."""
    needs_networks()
    with Namespace("house") as house:
        yield house


@pytest.fixture
def stranger(house) -> Iterator[Namespace]:
    """The other address, which the flood comes from."""
    with Namespace("flood") as stranger:
        join(house, f"{HOUSE}/24", stranger, f"{STRANGER}/24")
        yield stranger


def start(stranger: Namespace, *arguments: object) -> subprocess.Popen:
    """The flooding program, in there."""
    command = [sys.executable, "-m", "tests.e2e.flooding", *map(str, arguments)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return stranger.start(*command, cwd=ROOT, **pipes)


def end(flood: subprocess.Popen) -> None:
    """Leave nothing of it."""
    flood.kill()
    flood.communicate()


async def line_of(flood: subprocess.Popen) -> dict:
    """What it says next."""
    async with asyncio.timeout(ENROL_SECONDS):
        text = await asyncio.to_thread(flood.stdout.readline)
    assert text, f"the flood ended with {flood.wait()}"
    return json.loads(text)


async def tell(flood: subprocess.Popen, what: object = "") -> None:
    """A line for it."""
    print(json.dumps(what), file=flood.stdin, flush=True)


def waits(soak: Soak) -> list[float]:
    """How long each honest message so far took to be acknowledged, in seconds."""
    return [send.seconds for talker in soak.crowd.talkers for send in talker.sends]


async def test_a_flood_costs_honest_people_nothing(tmp_path, house, stranger):
    """2,000 knocks and 100 members at three times their rate, all from one address; the house chats on."""
    port = free_port()
    server = ServerProcess(
        tmp_path / "data",
        interval=3600,
        lead=200,
        grace=200,
        front_port=port,
        environment={
            "CLAWCHAT_BIND": "0.0.0.0",
            "CLAWCHAT_FRONT": f"0.0.0.0:{port}",
            "CLAWCHAT_HOST": HOUSE,
            "CLAWCHAT_TLS": "local",
            "CLAWCHAT_DECOYS": "2",
        },
    )
    rows, ca = Rows(server.data_dir), server.data_dir / "tls" / "ca.crt"
    soak = Soak([server], rows, Plan(clients=CLIENTS, room_of=3, squatted=0.0), tmp_path)
    floods: list[subprocess.Popen] = []
    with house.entered():
        try:
            await soak.start()
            await limit(server, handshakes=9999)
            await soak.prepare(ca_file=ca)
            devices = start(stranger, "devices", tmp_path, ca, 3 * RATE, FLOOD_SECONDS)
            floods.append(devices)
            await tell(devices, await invitations(soak))
            assert await line_of(devices) == {"enrolled": DEVICES}
            await limit(server, handshakes=10)

            soak.crowd.start(1.0)
            await asyncio.sleep(CALM_SECONDS)
            calm, memory = waits(soak), resident_mib(server.process.pid)
            leases = [lease.port for lease in rows.leases() if lease.state in ("open", "tripwire")]
            strangers = start(stranger, "knocks", HOUSE, KNOCKS, *leases)
            floods.append(strangers)
            await tell(devices)
            knocked, flooded = await line_of(strangers), await line_of(devices)
            busy = waits(soak)[len(calm) :]
            grown = resident_mib(server.process.pid) - memory

            await soak.crowd.quiet(rows)
            wrong = soak.crowd.judge(rows.logs())
            banned = {network for (network,) in rows.ask("SELECT network FROM chat_ban")}
            told = set(rows.ask("SELECT kind, subject FROM chat_alert"))
        finally:
            for flood in floods:
                end(flood)
            await soak.close()
            if server.process is not None:
                await asyncio.to_thread(server.stop)

    assert knocked["knocked"] == KNOCKS and knocked["heard"] == 0
    assert flooded["tried"] > 0
    assert not any(wrong[kind] for kind in ("lost", "twice", "reordered", "foreign", "complaints")), soak.crowd.details
    assert {talker.client.status for talker in soak.crowd.talkers} <= {"connected", "offline"}
    assert HOUSE not in banned
    assert (("scan", STRANGER) in told) or STRANGER in banned
    print(f"calm {median(calm):.0f} ms, flooded {median(busy):.0f} ms, {grown:.0f} MiB more")
    assert statistics.quantiles(busy, n=20)[-1] < SLOW_SECONDS
    assert grown < LEAK_MIB


async def limit(server: ServerProcess, handshakes: int) -> None:
    """Set the limits of this test, in force a second later."""
    await asyncio.to_thread(server.run, "shell", "-c", LIMITS.format(handshakes=handshakes))
    await asyncio.sleep(1)


async def invitations(soak: Soak) -> list[str]:
    """One for each device of the flood, from several members: nobody may have too many open ones."""
    makers = [talker.client for talker in soak.crowd.talkers]
    return [(await makers[number % CLIENTS].request("invite.create"))["invite"] for number in range(DEVICES)]


def median(seconds: list[float]) -> float:
    """In milliseconds."""
    return 1000 * statistics.median(seconds)
