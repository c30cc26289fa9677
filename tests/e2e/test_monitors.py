"""A monitor beside a running server: it lives, it is ready, its numbers are those of the talk, its log is JSON."""

import asyncio
import json
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.members import make_room, mls_message
from tests.e2e.pairs import two_members
from tests.e2e.server import ServerProcess

pytestmark = pytest.mark.e2e

TOKEN = "a-token-of-a-monitor-elsewhere"
SENT = 25
LOOKED_SECONDS = 60
# What it comes to at least once all is counted.
ALL_COUNTED = {
    "clawchat_messages_total": SENT + 1,
    "clawchat_acknowledgement_seconds_count": SENT,
    "clawchat_deliveries_total": SENT,
    "clawchat_bytes_in_total": SENT * 100,
    "clawchat_devices_everywhere": 2,
}
TALLY = """
from chat.models import Tally
row = Tally.objects.order_by("-people", "-minute").first()
print("TALLY", row.node, row.people, sum(Tally.objects.values_list("messages", flat=True)), row.memory_bytes)
"""


def ask(server: ServerProcess, path: str, **headers: str) -> tuple[int, str]:
    """Status and body; by default as a program on this machine asks."""
    request = urllib.request.Request(
        server.front_url + path, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


async def talk(server: ServerProcess, folder: Path) -> float:
    """Alice sends; the seconds that all of it took. Both are still connected when the numbers are read."""
    async with two_members(server, folder) as (alice, bob):
        room_id, seq = await make_room(alice, [bob])
        await bob.follow(room_id, after=seq)
        began = time.monotonic()
        for number in range(SENT):
            message_id, message = mls_message(room_id, b"%d" % number)
            await alice.send(room_id, message, message_id)
        took = time.monotonic() - began
        # With a look of the meter's, every five seconds, the sessions' own counts are in.
        async with asyncio.timeout(LOOKED_SECONDS):
            told = numbers(await asyncio.to_thread(ask, server, "/metrics"))
            while any(told.get(name, 0) < least for name, least in ALL_COUNTED.items()):
                await asyncio.sleep(1)
                told = numbers(await asyncio.to_thread(ask, server, "/metrics"))
        check_numbers(told, took)
    return took


def numbers(answer: tuple[int, str]) -> dict[str, float]:
    """Those that have no labels, by name."""
    families = text_string_to_metric_families(answer[1])
    return {sample.name: sample.value for family in families for sample in family.samples if not sample.labels}


def check_numbers(told: dict[str, float], took: float) -> None:
    """What was counted is what was done."""
    # The commit that made the room is a row as well.
    assert told["clawchat_messages_total"] == SENT + 1
    assert told["clawchat_acknowledgement_seconds_count"] == SENT
    assert 0 < told["clawchat_acknowledgement_seconds_sum"] <= took
    assert told["clawchat_devices"] == told["clawchat_devices_everywhere"] == 2


def test_a_monitor_beside_a_running_server(tmp_path):
    """From this machine, or with the token; through a proxy that nobody named, not."""
    surroundings = {"CLAWCHAT_LOG_FORMAT": "json", "CLAWCHAT_METRICS_TOKEN": TOKEN}
    with ServerProcess(tmp_path / "data", interval=600, lead=5, grace=5, environment=surroundings) as server:
        asyncio.run(talk(server, tmp_path))
        assert [ask(server, path) for path in ("/livez", "/readyz")] == [(200, "ok\n")] * 2
        brought = {"X_Forwarded_For": "203.0.113.9"}
        assert ask(server, "/metrics", **brought)[0] == 404
        assert ask(server, "/metrics", Authorization=f"Bearer {TOKEN}", **brought)[0] == 200
        tally = server.run("shell", "-c", TALLY).partition("TALLY ")[2].split()
    node, people, messages, memory = tally[0], *map(int, tally[1:4])

    assert node
    assert (people, messages) == (2, SENT + 1)
    assert memory > 1 << 20
    lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    assert {"time", "level", "logger", "message", "process"} <= set.intersection(*(set(line) for line in lines))
    refused = [line for line in lines if line["message"] == "Not Found: /metrics"]
    assert len(refused[0]["request"]) == 8
    assert TOKEN not in server.log()
