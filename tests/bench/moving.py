"""What a server costs that nobody uses, and what a crowd meets that follows its port."""

import asyncio
import gc
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.e2e.server import ServerProcess
from tests.soak.rows import Rows
from tests.soak.soak import Plan, Soak, percentiles
from tests.soak.trouble import cpu_seconds, descendants

IDLE_SECONDS = 30.0
TICKS = 200
SEARCHES = 20
LOOK_SECONDS = 0.005

# Run inside a server's installation: `tick` as the worker runs it, with nothing due.
MEASURE_TICK = """
import json, time
from rotation.services import tick
now = int(time.time())
tick(now)
quiet = []
for _ in range({ticks}):
    began = time.perf_counter(); tick(int(time.time())); quiet.append(time.perf_counter() - began)
print("TICKS" + json.dumps(quiet))
"""


# What a search for rubbish costs the event loop, over the program as it is and once it was set aside, as at a start.
MEASURE_GARBAGE = """
import gc, json, time
from rotation import node
from clawchat_site import asgi
def search():
    began = time.perf_counter(); gc.collect(); return time.perf_counter() - began
search()
whole = [search() for _ in range({searches})]
gc.freeze()
print("SEARCHES" + json.dumps([whole, [search() for _ in range({searches})]]))
"""


def idle(folder: Path) -> dict[str, Any]:
    """A server with nobody on it: its ticks, and what its process uses with and without tripwires."""
    figures: dict[str, Any] = {}
    used = {}
    for decoys in (0, 16):
        made = {"interval": 3600, "lead": 120, "grace": 300, "environment": {"CLAWCHAT_DECOYS": str(decoys)}}
        with ServerProcess(folder / f"idle-{decoys}", **made) as server:
            time.sleep(5)
            pid = server.process.pid
            family = descendants(pid)
            before, began = cpu_seconds(pid), time.monotonic()
            before_worker = sum(map(cpu_seconds, family))
            time.sleep(IDLE_SECONDS)
            seconds = time.monotonic() - began
            used[decoys] = 100 * (cpu_seconds(pid) - before) / seconds
            worker = 100 * (sum(map(cpu_seconds, family)) - before_worker) / seconds
            if decoys:
                said = server.run("shell", "-c", MEASURE_TICK.format(ticks=TICKS))
                ticks = json.loads(said.partition("TICKS")[2].splitlines()[0])
                figures["tick with nothing due, ms"] = percentiles(ticks)
                said = server.run("shell", "-c", MEASURE_GARBAGE.format(searches=SEARCHES))
                whole, rest = map(statistics.median, json.loads(said.partition("SEARCHES")[2].splitlines()[0]))
                figures["a full garbage collection, ms"] = round(1000 * whole, 1)
                figures["the same with the program set aside, of that"] = round(rest / whole, 3)
    figures["whole server process, idle, no decoys, % of a core"] = round(used[0], 2)
    figures["whole server process, idle, 16 decoys, % of a core"] = round(used[16], 2)
    figures["worker and beat, idle, % of a core"] = round(worker, 2)
    return figures


async def moves(folder: Path, clients: int) -> dict[str, Any]:
    """A crowd that follows three moves, once quiet and once talking."""
    server = ServerProcess(folder / "data", interval=30, lead=8, grace=10)
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    # No room of everybody: each message there would be opened a hundred times in the one process that all clients share
    # here, and what is measured would be that process.
    plan = Plan(clients=clients, moves=3, squatted=0.0, pause=4.0, all_together=False)
    with tempfile.TemporaryDirectory(prefix="clawchat-bench-", dir=memory) as stores:
        soak = Soak([server], Rows(server.data_dir), plan, Path(stores))
        try:
            await soak.start()
            await soak.prepare()
            # A hundred clients in one process are not what is measured.
            gc.collect()
            gc.freeze()
            watching = asyncio.create_task(_watch_own_loop(late := []))
            before, began = time.process_time(), time.monotonic()
            outcome = await soak.run()
            own = 100 * (time.process_time() - before) / (time.monotonic() - began)
            watching.cancel()
        finally:
            gc.unfreeze()
            await soak.close()
            await asyncio.to_thread(server.stop)
    figures = outcome.figures
    return {
        f"{clients} clients all moved, s": figures["announced until all have moved, s"],
        "pause of a client at a move, ms": figures["slowest message of a client's move, ms"],
        "the same clients with no move near, ms": figures["send to ack, no move near, ms"],
        "a client's move, dial to switch, ms": figures["a client's move, dial to switch, ms"],
        "how late the clients' own event loop was, ms": percentiles(late),
        "all clients' own process, % of a core": round(own),
        "lost, twice, reordered": [figures[kind] for kind in ("lost", "twice", "reordered")],
    }


async def _watch_own_loop(late: list[float]) -> None:
    """Note by how much each of many short sleeps took too long: so long nobody in this process could act."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(LOOK_SECONDS)
        late.append(time.perf_counter() - began - LOOK_SECONDS)
