"""Bad things that befall a server, and what they get: nothing lost, no live lease without a socket, no dead file."""

import asyncio
import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.bad_day import INTERVAL, LEAD, bad_day
from tests.ports import free_port
from tests.soak.trouble import Squatter, descendants, kill_worker
from tests.soak.watchman import listening_ports

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

PHASES = ["planned", "bound", "announced", "open", "draining", "tripwire"]
HOUR = 3600
WAITING = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((typeof(&name))dlsym(dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD), #name))

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *left) {
    return syscall(SYS_clock_nanosleep, clock, flags, time, left) ? errno : 0;
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until) {
    static typeof(&pthread_cond_timedwait) real;
    if (!real) real = REAL(pthread_cond_timedwait);
    return real(condition, mutex, until);
}

int sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *until) {
    static typeof(&sem_clockwait) real;
    if (!real) real = REAL(sem_clockwait);
    return real(semaphore, clock, until);
}
"""
LIBRARIES = ["/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1"]


# Ports


async def test_ports_that_somebody_else_has_are_passed_over(tmp_path):
    """With half of the range taken, half of the choices fail between choice and bind; the port moves all the same."""
    async with bad_day(tmp_path) as day:
        with Squatter(0.5):
            await day.until_moves(4)
            taken = [one for one in day.rows.leases() if one.state == "failed"]

    assert taken


async def test_a_port_that_is_taken_while_the_server_is_down_is_replaced(tmp_path):
    """Its lease fails at the restart, another is planned, and clients find it by the file."""
    # The file names the dead port until another one listens, and the front door shows it from the start.
    async with bad_day(tmp_path, slack_seconds=20) as day:
        with Squatter(0) as squatter:
            [serving] = [one for one in day.rows.leases() if one.kind == "moving" and one.state == "open"]
            await asyncio.to_thread(day.server.kill)
            assert squatter.take(serving.port)
            await asyncio.to_thread(day.server.start)
            await day.until_moves(1)
            await day.everybody_is_back()
            states = {one.pk: one.state for one in day.rows.leases()}

    assert states[serving.pk] == "failed"


# Processes


async def test_the_server_is_killed_at_each_phase_of_a_rotation(tmp_path):
    """Whatever stood in the rows, the restart goes on from there."""
    async with bad_day(tmp_path) as day:
        for phase in PHASES:
            await day.until_a_lease(phase)
            await day.kill_and_start()
            await day.everybody_is_back()


async def test_worker_and_beat_are_killed_at_each_phase_of_a_rotation(tmp_path):
    """The keeper decides until the worker is back; nobody notices."""
    killed = []
    async with bad_day(tmp_path) as day:
        for phase in ("planned", "announced", "open", "draining"):
            # It comes back after longer and longer pauses.
            await day.until(lambda: bool(descendants(day.server.process.pid)), "a worker")
            await day.until_a_lease(phase)
            killed.append(await asyncio.to_thread(kill_worker, day.server))

    assert all(killed)


def hang(pids: list[int], database: Path) -> None:
    """Stop these processes at a moment when none of them is writing: on SQLite nobody else could, for ever."""
    while True:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            with contextlib.closing(sqlite3.connect(database, timeout=2)) as other:
                other.execute("BEGIN IMMEDIATE")
                other.rollback()
                return
        except sqlite3.OperationalError:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
            time.sleep(0.2)


async def test_worker_and_beat_hang(tmp_path):
    """A process that is there and does nothing is not started again: the keeper sees that nobody decides, and does."""
    async with bad_day(tmp_path) as day:
        await day.until(lambda: bool(descendants(day.server.process.pid)), "a worker")
        hanging = descendants(day.server.process.pid)
        await asyncio.to_thread(hang, hanging, day.server.data_dir / "clawchat.sqlite3")
        await day.until_moves(2)
        assert descendants(day.server.process.pid) == hanging


# Mirrors


async def test_while_every_mirror_is_down_the_port_serves_on_and_the_operator_is_told(tmp_path):
    """No file, no move: the old port is prolonged, `port_late` is in the audit log, and it goes on when one is back."""
    async with bad_day(tmp_path) as day:
        await asyncio.to_thread(day.server.run, "shell", "-c", SWITCH_FRONT.format(enabled=False))
        held = day.server.data_dir / "connection.json"
        block(held)
        try:
            late = "code = 'port_late'"
            # One that was late before is no answer.
            told = day.rows.count("chat_auditevent", late)
            await day.until(lambda: day.rows.count("chat_auditevent", late) > told, "the operator was told")
            # A lease that had been announced before has opened meanwhile; the next one must not.
            serving = day.last_move
            await asyncio.sleep(INTERVAL + LEAD)
            assert day.last_move == serving
            assert all(talker.client.status == "connected" for talker in day.soak.crowd.talkers)
        finally:
            shutil.rmtree(held)
            await asyncio.to_thread(day.server.run, "shell", "-c", SWITCH_FRONT.format(enabled=True))
        await day.until_moves(2)


def block(file: Path) -> None:
    """Let a folder stand where the file should be, so that nothing can be put there; the server may just be at it."""
    folder = file.with_name("in the way")
    (folder / "something").mkdir(parents=True)
    while not file.is_dir():
        file.unlink(missing_ok=True)
        with contextlib.suppress(NotADirectoryError):
            folder.rename(file)


SWITCH_FRONT = (
    "from discovery.models import Mirror; Mirror.objects.filter(kind='https_endpoint').update(enabled={enabled})"
)


# Services


async def test_the_database_stands_still_and_comes_back(tmp_path, postgres_server):
    """PostgreSQL does not answer for a while, then ends every connection: what is acknowledged is stored."""
    async with bad_day(tmp_path, database_url=postgres_server, keeps_order=False) as day:
        await day.until_moves(1)
        family = [owner_of(port_of(postgres_server))]
        family += descendants(family[0])
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        try:
            # What was stored before is still being told.
            await asyncio.sleep(4)
            before = acknowledged(day)
            await asyncio.sleep(12)
            during = acknowledged(day)
        finally:
            for pid in family:
                # One that was about to end ends all the same.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
        await day.until_moves(1)
        await asyncio.to_thread(
            day.rows.ask, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        )
        await day.until_moves(1)

    # What was under way when it stopped may just have been stored.
    assert during - before <= 2 * len(day.soak.crowd.talkers)


async def test_redis_is_killed_and_comes_back(tmp_path, postgres_server):
    """Redis only wakes people up: without it all goes on a little slower, and with it again as before."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed (sudo apt install redis-server)")
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    redis = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        environment = {"REDIS_URL": f"redis://127.0.0.1:{port}/0"}
        async with bad_day(tmp_path, database_url=postgres_server, environment=environment) as day:
            await day.until_moves(1)
            redis.kill()
            redis.wait()
            before = acknowledged(day)
            await day.until_moves(2)
            during = acknowledged(day)
            redis = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            await day.until_moves(1)
    finally:
        redis.kill()
        redis.wait()

    assert during > before


def acknowledged(day) -> int:
    """How many messages have been acknowledged so far."""
    return sum(len(talker.sends) for talker in day.soak.crowd.talkers)


def port_of(url: str) -> int:
    """The port in a database's URL."""
    return int(url.rpartition(":")[2].partition("/")[0])


def owner_of(port: int) -> int:
    """The process below ours that listens on a port."""
    return next(pid for pid in descendants(os.getpid()) if port in listening_ports(pid))


# The clock


async def test_the_clock_is_set_forward_by_an_hour_and_back_again(tmp_path):
    """Whichever way it jumps while the server runs, the port goes on moving, and nothing is lost."""
    library = next((str(path) for pattern in LIBRARIES for path in Path("/").glob(pattern[1:])), None)
    if library is None:
        pytest.skip("faketime is not installed (sudo apt install faketime)")
    clock = tmp_path / "clock"
    set_clock(clock, 0)
    environment = {
        "LD_PRELOAD": f"{waiting_by_the_real_clock(tmp_path)} {library}",
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "NO_FAKE_STAT": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    async with bad_day(tmp_path, environment=environment) as day:
        await day.until_moves(1)
        for seconds in (HOUR, 0):
            set_clock(clock, seconds)
            await day.until_moves(2)
            status = await asyncio.to_thread(day.server.status)
            assert abs(status["now"] - time.time() - seconds) < 60

    assert "was set" in day.server.log()


def waiting_by_the_real_clock(folder: Path) -> Path:
    """A library that keeps faketime out of waiting, which is by the monotonic clock: while that stays real, faketime
    refuses every sleep, and lets Python's wait for its own lock end at once, so that its threads spin."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed (sudo apt install gcc)")
    source, library = folder / "waiting.c", folder / "waiting.so"
    source.write_text(WAITING)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    return library


def set_clock(file: Path, ahead: int) -> None:
    """Let the server's clock be so many seconds ahead of ours from now on."""
    new = file.with_suffix(".new")
    new.write_text(f"{ahead:+d}\n")
    new.rename(file)


# The disk


async def test_the_disk_is_full_for_a_while(tmp_path):
    """While nothing can be written nothing is acknowledged; sockets stay, and all goes on once there is room."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("only root may make a small disk (run the tests as root)")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "clawchat-test", str(disk)], check=True)
    try:
        async with bad_day(tmp_path, data_dir=disk / "data") as day:
            await day.until_moves(1)
            filler = disk / "filler"
            fill(filler)
            try:
                # What SQLite has of its log already it may still fill; then it stands still.
                await nothing_is_acknowledged(day, filler)
            finally:
                filler.unlink()
            await day.until_moves(2)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


async def nothing_is_acknowledged(day, filler: Path, seconds: float = 5) -> None:
    """Return when for so long no message was acknowledged; what becomes free meanwhile is filled."""
    deadline, before, since = time.monotonic() + 120, -1, time.monotonic()
    while time.monotonic() - since < seconds:
        assert time.monotonic() < deadline, "a full disk takes messages on and on"
        fill(filler)
        if acknowledged(day) != before:
            before, since = acknowledged(day), time.monotonic()
        await asyncio.sleep(0.1)


def fill(file: Path) -> None:
    """Let a file grow until the disk is full."""
    with file.open("ab", buffering=0) as filler:
        for size in (1 << 20, 4096, 1):
            while True:
                try:
                    if filler.write(b"\0" * size) < size:
                        break
                except OSError:
                    break
