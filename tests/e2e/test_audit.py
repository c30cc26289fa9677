"""Show 4: whatever somebody who can write the database does to the audit log, `verifyaudit` names the row."""

import asyncio
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.members import make_room
from tests.e2e.pairs import two_members
from tests.e2e.server import ServerFailed, ServerProcess

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

SEALED_WITHIN_SECONDS = 60.0
INVITES = (
    "from chat.services.invites import create_invite\nfor number in range(12):\n    create_invite(label=str(number))"
)
# Of the newest rows, which is what a burglar would like to be gone.
NEWEST = 10


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[ServerProcess]:
    """A server on which people have talked, whose log was published, and which runs no more."""
    server = ServerProcess(tmp_path_factory.mktemp("audit") / "data", interval=3600, lead=120, grace=300)
    with server:
        server.run("shell", "-c", INVITES)
        yield server


async def talk(server: ServerProcess, folder: Path) -> None:
    """Two members come, make a room and go."""
    async with two_members(server, folder) as (alice, bob):
        await make_room(alice, [bob])


@pytest.fixture(scope="module")
def whole(server, tmp_path_factory) -> str:
    """What `verifyaudit` says of the log as it is, after which the server is stopped."""
    asyncio.run(talk(server, tmp_path_factory.mktemp("members")))
    wait_until_sealed(server)
    server.run("publishconnection")
    said = server.run("verifyaudit")
    server.stop()
    shutil.copy(database(server), kept(server))
    return said


@pytest.fixture
def log(server, whole) -> Iterator[Callable[..., list[tuple]]]:
    """Asks or changes the database behind the server's back; afterwards all is as it was."""

    def ask(sql: str, *values: object) -> list[tuple]:
        with closing(sqlite3.connect(database(server))) as rows, rows:
            return rows.execute(sql, values).fetchall()

    yield ask
    ask("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(kept(server), database(server))


def database(server: ServerProcess) -> Path:
    """The file with everything."""
    return server.data_dir / "clawchat.sqlite3"


def kept(server: ServerProcess) -> Path:
    """The same, as it was."""
    return server.data_dir.parent / "kept.sqlite3"


def wait_until_sealed(server: ServerProcess) -> None:
    """Until no event waits for its place."""
    deadline = time.monotonic() + SEALED_WITHIN_SECONDS
    while time.monotonic() < deadline:
        with closing(sqlite3.connect(database(server))) as rows:
            if rows.execute("SELECT count(*) FROM chat_auditevent WHERE number IS NULL").fetchone() == (0,):
                return
        time.sleep(0.2)
    pytest.fail("The audit events were not linked.")


def refusal(server: ServerProcess, *arguments: str) -> str:
    """What `verifyaudit` says of a log that is not whole."""
    with pytest.raises(ServerFailed) as failed:
        server.run("verifyaudit", *arguments)
    return str(failed.value)


def test_a_log_that_nobody_touched_is_whole(whole):
    """And it was compared with the file that readers have, at the front door and in the data directory."""
    assert "hang together" in whole
    assert "Front door: its file says" in whole
    assert "Data directory: its file says" in whole


@pytest.mark.parametrize(
    "change",
    [
        "time_ms = time_ms + 1",
        "code = 'nothing'",
        "actor = actor || 'x'",
        "subject = 'x' || substr(subject, 2)",
        "details = replace(details, ':', ': ')",
        "address = '192.0.2.9', address_salt = x'00'",
        "previous_hash = x'01' || substr(previous_hash, 2)",
        "hash = x'01' || substr(hash, 2)",
        "number = number + 1000",
        "id = id + 1000000",
    ],
)
def test_one_change_anywhere_names_the_row(server, log, change):
    """Of each column, in an event in the middle."""
    (number,) = log("SELECT number FROM chat_auditevent WHERE code = 'invite_made' ORDER BY id LIMIT 1 OFFSET 5")[0]
    log(f"UPDATE chat_auditevent SET {change} WHERE number = ?", number)

    assert f"Event {number} " in refusal(server)


def test_one_row_removed_is_named(server, log):
    """From the middle."""
    log("DELETE FROM chat_auditevent WHERE number = 7")

    assert "Event 7 is missing" in refusal(server)


def test_the_newest_ten_rows_removed_are_named(server, log, whole):
    """With the note of the log's end set back: by the last signed connection file. With that taken out of the database
    too: by the one on the disk. And by the line that somebody had written down."""
    (last,) = log("SELECT max(number) FROM chat_auditevent")[0]
    first = last - NEWEST + 1
    log("DELETE FROM chat_auditevent WHERE number >= ?", first)
    named = f"Events {first} to {last} are missing"
    assert named in refusal(server)

    end = "(SELECT number, hash FROM chat_auditevent WHERE number = ?)"
    log(f"UPDATE chat_audithead SET (number, hash) = {end}", first - 1)
    published = refusal(server)
    assert f"Events {first} to " in published
    assert "the stored connection file of" in published

    log("DELETE FROM discovery_publicationresult")
    log("DELETE FROM discovery_publication")
    assert "the connection file in the data directory of" in refusal(server)

    (server.data_dir / "connection.json").rename(server.data_dir / "moved.json")
    try:
        assert "hang together" in server.run("verifyaudit", "--no-mirrors")
        noted = whole.partition("--head ")[2].split()[0]
        last = noted.partition(":")[0]
        assert f"Events {first} to {last} are missing: by the head given here" in refusal(server, "--head", noted)
    finally:
        (server.data_dir / "moved.json").rename(server.data_dir / "connection.json")
