"""What the operator's console costs: limits, the audit log beside delivery, pages over a million rows, memory."""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from tests.e2e.members import make_room, mls_message
from tests.e2e.pairs import two_members
from tests.e2e.server import ROOT, ServerProcess
from tests.soak.soak import percentiles

SETTLE_SECONDS = 20.0
TALK_SECONDS = 12.0
PAUSE_SECONDS = 0.02
AUDIT_RATE = 2_000
MEBIBYTE = 1 << 20
ROUNDS = "tests.bench.console_rounds"
# Run inside a server's installation.
RUN = """
import json
from {module} import *
print("FOUND" + json.dumps({call}))
"""


def console(folder: Path) -> dict[str, Any]:
    """One server after the other: at rest, with an audit log that is busy, and with one that is long."""
    made = {"interval": 3600, "lead": 120, "grace": 300}
    with ServerProcess(folder / "console", **made) as server:
        time.sleep(SETTLE_SECONDS)
        figures = memory(server) | inside(server, ROUNDS, "limits()") | asyncio.run(audit_beside_delivery(server))
    with ServerProcess(folder / "long", **made) as server:
        server.stop()
        figures |= inside(server, ROUNDS, "audit_alone()") | inside(server, ROUNDS, "pages()")
    return figures


def memory(server: ServerProcess) -> dict[str, float]:
    """What all processes of a server at rest have for themselves, and their part of what they share. Units: MiB."""
    own = psutil.Process(server.process.pid)
    used = [one.memory_full_info().pss / MEBIBYTE for one in (own, *own.children(recursive=True))]
    return {
        "all processes at rest, PSS, MiB": round(sum(used), 1),
        "of that each, MiB": [round(each, 1) for each in used],
    }


async def audit_beside_delivery(server: ServerProcess) -> dict[str, Any]:
    """Two people talk, first alone, then while 2,000 events a second go into the audit log of the same database."""
    with tempfile.TemporaryDirectory(prefix="clawchat-bench-") as store:
        async with two_members(server, Path(store)) as (alice, bob):
            room_id, _ = await make_room(alice, [bob])
            quiet = await _talk(alice, room_id, asyncio.create_task(asyncio.sleep(TALK_SECONDS)))
            call = f"audit_beside({AUDIT_RATE}, {TALK_SECONDS})"
            writing = asyncio.create_task(asyncio.to_thread(inside, server, ROUNDS, call))
            busy = await _talk(alice, room_id, writing)
    written = writing.result()
    return {
        "audit events written beside delivery, a second": written["rate"],
        "the last of them was linked after, s": written["linked after, s"],
        "send to acknowledgement meanwhile, ms": percentiles(busy),
        "the same without them, ms": percentiles(quiet),
    }


async def _talk(client: Any, room_id: bytes, meanwhile: asyncio.Task) -> list[float]:
    """Seconds from each send to its acknowledgement, until the other task is done."""
    took = []
    while not meanwhile.done():
        message_id, message = mls_message(room_id, b"x" * 200)
        began = time.perf_counter()
        await client.send(room_id, message, message_id)
        took.append(time.perf_counter() - began)
        await asyncio.sleep(PAUSE_SECONDS)
    return took


def inside(server: ServerProcess, module: str, call: str) -> dict[str, Any]:
    """What a function of this module returns in the server's installation."""
    # A million rows take longer than any command of a test.
    command = [sys.executable, "manage.py", "shell", "-c", RUN.format(module=module, call=call)]
    done = subprocess.run(command, cwd=ROOT, env=server.environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.partition("FOUND")[2].splitlines()[0])
