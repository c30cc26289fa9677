"""The promise of the product: two people talk, the port moves, the server is killed, and nothing is lost."""

import asyncio

from tests.e2e.browser import Browsers
from tests.e2e.faults import HOLD, KILL, arm, disarm
from tests.e2e.server import ServerProcess
from tests.e2e.talking import application_log, burst_and_wait, everything_arrived, said, start_talking

MESSAGES = 300
EVERY_MS = 240
BURST = 7
LEAST_WAITING = 5


async def test_two_browsers_lose_nothing_while_the_port_moves_and_the_server_is_killed(tmp_path, chromium_path):
    """Both screens equal the log by message id: none lost, none twice, none out of order, none unreadable."""
    server = ServerProcess(tmp_path / "data", environment={"DJANGO_SETTINGS_MODULE": "tests.e2e.settings"})
    with server:
        async with Browsers(chromium_path, tmp_path) as browsers:
            alice, bob = await two_people_in_a_room(server, browsers)
            people = [alice, bob]
            arm(server.data_dir, HOLD)
            for person in people:
                await start_talking(person, MESSAGES, EVERY_MS, BURST)

            await until_moves(people, 2)
            await burst_and_wait(people, LEAST_WAITING)
            server.kill()
            server.start()
            await until_moves(people, 3)
            arm(server.data_dir, KILL)
            await burst_and_wait(people, LEAST_WAITING)
            await asyncio.to_thread(server.process.wait, 20)
            server.kill()
            server.start()
            await everything_arrived(people, 2 * MESSAGES, seconds=150)
            disarm(server.data_dir, HOLD)

            moves = [await person.page.evaluate("() => window.talk.waitingAtMoves") for person in people]
            screens = [await person.transcript() for person in people]

    assert all(len(waiting) >= 3 for waiting in moves), moves
    assert all(min(waiting) >= LEAST_WAITING for waiting in moves), moves
    log = application_log(server.data_dir)
    for screen in screens:
        rows = [row for row in screen if row["status"] != "notice"]
        assert [(row["seq"], row["id"]) for row in rows] == [
            entry for entry in log if entry[1] in {row["id"] for row in rows}
        ]
        # The one application message that no screen shows is the room's name, repeated for the newcomer.
        assert len(rows) == 2 * MESSAGES == len(log) - 1
        assert {row["status"] for row in rows} <= {"sent", "received"}
        assert said(rows, "alice") == list(range(MESSAGES))
        assert said(rows, "bob") == list(range(MESSAGES))
    assert [alice.complaints_about_code(), bob.complaints_about_code()] == [[], []]


async def two_people_in_a_room(server: ServerProcess, browsers: Browsers):
    """Alice owns the server and makes a room; bob comes by invitation and is added."""
    alice = await browsers.open("alice", server.create_invite("--owner")["url"])
    await alice.enrol()
    bob = await browsers.open("bob", server.create_invite()["url"])
    await bob.enrol()
    await alice.create_room("Garden")
    await alice.add("bob")
    await bob.open_room("Garden")
    return alice, bob


async def until_moves(people, count: int) -> None:
    """Wait until everybody has changed the port `count` times."""
    for person in people:
        await person.page.wait_for_function(f"() => window.talk.waitingAtMoves.length >= {count}", timeout=60_000)
