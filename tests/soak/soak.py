"""A crowd talks while the port moves, ports are taken and processes are killed; then every log is compared.

`Soak` runs it over one server or several; `tests.soak` is the long form, tests in tests/e2e are short ones.
"""

import asyncio
import contextlib
import platform
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from clawchat.ending import end_tasks
from tests.e2e.server import ServerProcess
from tests.soak.crowd import Crowd
from tests.soak.rows import Lease, Rows
from tests.soak.trouble import Squatter, cpu_seconds, descendants, kill_and_steal, kill_worker, resident_mib

POLL_SECONDS = 0.2
# So long after a server was killed what clients see is called an outage, not a move.
OUTAGE_SECONDS = 8.0
DEVICES = 400


@dataclass(frozen=True)
class Plan:
    """What is to happen. Units: seconds; `squatted` is the share of the port range that somebody else has."""

    clients: int = 100
    moves: int = 50
    room_of: int = 5
    # Whether there is a room of everybody, too.
    all_together: bool = True
    pause: float = 4.0
    squatted: float = 0.25
    # After how many moves something is killed: "server" or "worker".
    kills: dict[int, str] = field(default_factory=dict)
    longest: float = 1200.0


@dataclass
class Outcome:
    """What came of it. `wrong` counts what must be zero, `figures` is for people to read."""

    wrong: Counter[str] = field(default_factory=Counter)
    figures: dict[str, Any] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Nothing lost, nothing twice, nothing out of order, nobody complained."""
        return not any(self.wrong[kind] for kind in ("lost", "twice", "reordered", "foreign", "complaints"))


class Soak:
    """One run. The servers share rows; those after the first may be none."""

    def __init__(
        self,
        servers: Sequence[ServerProcess],
        rows: Rows,
        plan: Plan,
        folder: Path,
        say: Callable[[str], None] = partial(print, flush=True),
    ) -> None:
        self.servers, self.rows, self.plan, self.crowd = list(servers), rows, plan, Crowd()
        self._say = say
        # A hundred devices have a hundred disks; here they have memory, and the server has the disk.
        memory = "/dev/shm" if Path("/dev/shm").is_dir() else folder
        self._clients = tempfile.TemporaryDirectory(prefix="clawchat-soak-", dir=memory)
        # When each moving lease was first seen announced and open, by monotonic time.
        self.announced: dict[int, tuple[float, Lease]] = {}
        self.opened: dict[int, float] = {}
        self.outages: list[tuple[float, float]] = []
        self.kills = Counter[str]()
        self._cpu_before: dict[int, float] = {}
        self.cpu: Counter[str] = Counter()
        self.rss = 0.0

    # The whole

    async def start(self) -> None:
        """Start the servers, and let as many devices in as will come."""
        for server in self.servers:
            await asyncio.to_thread(server.start)
        await asyncio.to_thread(raise_limits, self.servers[0])

    async def prepare(self, **options: Any) -> None:
        """Enrol everybody, with these options of `Member`, and make the rooms."""
        began = time.monotonic()
        owner = await asyncio.to_thread(self.servers[0].create_invite, "--owner")
        await self.crowd.gather(owner["invite"], self.plan.clients, Path(self._clients.name), **options)
        await self.crowd.make_rooms(self.plan.room_of, all_together=self.plan.all_together)
        self._say(
            f"{self.plan.clients} clients in {len(self.crowd.rooms)} rooms after {time.monotonic() - began:.0f} s"
        )

    async def run(self) -> Outcome:
        """Talk until the port has moved often enough, and judge."""
        watching = asyncio.create_task(self._watch_rows())
        self._began = time.monotonic()
        self._count_cpu()
        try:
            with Squatter(self.plan.squatted) as squatter:
                self.crowd.start(self.plan.pause)
                await self._until_moved(squatter)
                await self.crowd.quiet(self.rows)
        finally:
            self._note_cpu()
            await end_tasks([watching])
        return await self._judge()

    async def close(self) -> None:
        """End the clients."""
        await self.crowd.close()
        self._clients.cleanup()

    # While it runs

    @property
    def moves(self) -> int:
        """How often a port has moved since the talk began."""
        return max(0, len(self.opened) - len(self.servers))

    async def _until_moved(self, squatter: Squatter) -> None:
        said, due = 0.0, dict(sorted(self.plan.kills.items()))
        deadline = time.monotonic() + self.plan.longest
        while self.moves < self.plan.moves and time.monotonic() < deadline:
            if due and self.moves >= next(iter(due)):
                what = due.pop(next(iter(due)))
                # At any moment of a rotation.
                await asyncio.sleep(6 * random.random())
                await self._kill(what, squatter)
            if time.monotonic() - said > 10:
                said = time.monotonic()
                self._say(self._progress())
            await asyncio.sleep(POLL_SECONDS)

    async def _kill(self, what: str, squatter: Squatter) -> None:
        self.kills[what] += 1
        server = self.servers[0]
        began = time.monotonic()
        if what == "worker":
            await asyncio.to_thread(kill_worker, server)
            return
        self._note_cpu()
        await asyncio.to_thread(kill_and_steal, server, self.rows, squatter)
        await asyncio.to_thread(server.start)
        self._count_cpu()
        self.outages.append((began, time.monotonic() + OUTAGE_SECONDS))

    def _progress(self) -> str:
        sent = sum(len(talker.sends) for talker in self.crowd.talkers)
        waiting = sum(talker.unanswered for talker in self.crowd.talkers)
        kills = ", ".join(f"{count} x {what} killed" for what, count in self.kills.items()) or "nobody killed yet"
        failed = sum(lease.state == "failed" for lease in self.rows.leases())
        return (
            f"  move {self.moves} of {self.plan.moves}: {sent} messages acknowledged, {waiting} under way, "
            f"{failed} ports were taken, {kills}"
        )

    async def _watch_rows(self) -> None:
        while True:
            with contextlib.suppress(Exception):
                leases = await asyncio.to_thread(self.rows.leases)
                now = time.monotonic()
                for lease in leases:
                    if lease.kind == "moving":
                        if lease.state in ("announced", "open"):
                            self.announced.setdefault(lease.pk, (now, lease))
                        if lease.state == "open":
                            self.opened.setdefault(lease.pk, now)
                self._note_memory()
            await asyncio.sleep(POLL_SECONDS)

    def _count_cpu(self) -> None:
        for server in self.servers:
            if server.process is not None:
                family = [server.process.pid, *descendants(server.process.pid)]
                self._cpu_before |= {pid: cpu_seconds(pid) for pid in family}

    def _note_cpu(self) -> None:
        for server in self.servers:
            if server.process is None:
                continue
            main = server.process.pid
            for pid in [main, *descendants(main)]:
                with contextlib.suppress(OSError):
                    self.cpu["server" if pid == main else "worker"] += cpu_seconds(pid) - self._cpu_before.get(pid, 0.0)
                    self._cpu_before[pid] = cpu_seconds(pid)

    def _note_memory(self) -> None:
        for server in self.servers:
            if server.process is not None:
                with contextlib.suppress(OSError):
                    self.rss = max(self.rss, resident_mib(server.process.pid))

    # Judging

    async def _judge(self) -> Outcome:
        logs = await asyncio.to_thread(self.rows.logs)
        outcome = Outcome(self.crowd.judge(logs))
        outcome.complaints = self.crowd.details[:20]
        outcome.figures = self._figures(outcome.wrong)
        return outcome

    def _in_outage(self, since: float, until: float) -> bool:
        return any(since < end and until > begin for begin, end in self.outages)

    def _figures(self, wrong: Counter[str]) -> dict[str, Any]:
        sends = [send for talker in self.crowd.talkers for send in talker.sends]
        calm = [send for send in sends if not self._in_outage(send.began, send.began + send.seconds)]
        # What a client sees of one move: its slowest message among those that met the move.
        pauses = []
        for talker in self.crowd.talkers:
            for begin, end in talker.moves:
                met = [
                    send.seconds
                    for send in talker.sends
                    if send.began <= end + 0.1 and send.began + send.seconds >= begin
                ]
                if met and not self._in_outage(begin, end):
                    pauses.append(max(met))
        seconds = time.monotonic() - self._began
        return {
            "machine": machine(),
            "clients": self.plan.clients,
            "rooms": len(self.crowd.rooms),
            "servers": len(self.servers),
            "seconds": round(seconds),
            "moves": self.moves,
            "ports that were taken": self.rows.count("rotation_portlease", "state = 'failed'"),
            "killed": dict(self.kills),
            "messages": wrong["sent"],
            "path updates": sum(talker.updates for talker in self.crowd.talkers),
            "deliveries": wrong["received"],
            **{kind: wrong[kind] for kind in ("lost", "twice", "reordered")},
            "send to ack, no move near, ms": percentiles(send.seconds for send in calm if not send.across_a_move),
            "slowest message of a client's move, ms": percentiles(pauses),
            "a client's move, dial to switch, ms": percentiles(
                end - begin
                for talker in self.crowd.talkers
                for begin, end in talker.moves
                if not self._in_outage(begin, end)
            ),
            "announced until all have moved, s": self._until_all_moved(),
            "handshakes": self.rows.count("chat_connection"),
            "server CPU, % of a core": round(100 * self.cpu["server"] / seconds, 1),
            "worker CPU, % of a core": round(100 * self.cpu["worker"] / seconds, 1),
            "server memory at most, MiB": round(self.rss),
        }

    def _until_all_moved(self) -> dict[str, float] | None:
        """From the announcement of a port until the last client is on it, in seconds; moves amid outages left out."""
        if len(self.servers) > 1:
            return None
        arrivals: dict[int, list[float]] = {}
        for talker in self.crowd.talkers:
            for when, port in talker.ports:
                arrivals.setdefault(port, []).append(when)
        took = []
        for announced_at, lease in self.announced.values():
            when = arrivals.get(lease.port, [])
            if (
                len(when) >= self.plan.clients
                and not self._in_outage(announced_at, max(when))
                and min(when) >= self._began
            ):
                took.append(max(when) - announced_at)
        return {"median": round(statistics.median(took), 2), "most": round(max(took), 2)} if took else None


def percentiles(seconds: Any) -> dict[str, float] | None:
    """Median, 99th percentile and maximum in milliseconds, and of how many."""
    values = sorted(1000 * value for value in seconds)
    if not values:
        return None
    at = lambda share: round(values[min(len(values) - 1, int(share * len(values)))], 1)  # noqa: E731
    return {"p50": at(0.5), "p99": at(0.99), "most": round(values[-1], 1), "of": len(values)}


def machine() -> str:
    """What it ran on, in one line."""
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    cores = Path("/proc/cpuinfo").read_text().count("processor\t:")
    return f"{cores} cores ({cpu}), Linux {platform.release()}, Python {platform.python_version()}"


def raise_limits(server: ServerProcess) -> None:
    """Let more devices in than a fresh server does."""
    server.run(
        "shell", "-c", f"from chat.services.policy import change_policy; change_policy('soak', max_devices={DEVICES})"
    )
