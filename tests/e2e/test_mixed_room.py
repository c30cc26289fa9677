"""A room of browsers and Python programs: one conversation, whoever takes part in it, over moves of the port."""

import asyncio

import pytest

from clawchat.client import Member, Pace, Room
from tests.e2e.browser import Browsers, Person
from tests.e2e.pairs import until
from tests.e2e.server import ServerProcess
from tests.e2e.talking import application_log, everything_arrived, said, start_talking

pytestmark = pytest.mark.e2e

NAMES, PROGRAMS = ("alice", "bob", "carol"), ("Parrot", "Magpie")
EACH, EVERY_MS, BURST = 40, 700, 3
SOON = 60
QUICK = {"pace": Pace(help=0.2, resync=0.2), "packages": 4}


async def test_three_browsers_and_two_programs_talk_across_port_moves(tmp_path, chromium_path):
    """Five devices of two languages show the same messages in the order of the log, none lost, twice or unreadable,
    while the port moves and the programs bring fresh keys into the room."""
    server = ServerProcess(tmp_path / "data", environment={"DJANGO_SETTINGS_MODULE": "tests.e2e.settings"})
    with server:
        async with Browsers(chromium_path, tmp_path) as browsers:
            people = await enrolled(server, browsers)
            programs = [
                await Member.enrol(server.create_invite()["invite"], tmp_path / name, name=name, **QUICK)
                for name in PROGRAMS
            ]
            try:
                rooms = await in_one_room(people, programs)
                for person in people:
                    await start_talking(person, EACH, EVERY_MS, BURST)
                await asyncio.gather(*(talk(room, name) for room, name in zip(rooms, PROGRAMS, strict=True)))
                total = EACH * (len(people) + len(programs))
                await everything_arrived(people, total, seconds=SOON)
                await until(lambda: all(room.unsent == 0 and len(texts(room)) == total for room in rooms), SOON)
                screens = [await person.transcript() for person in people]
                moves = [await person.page.evaluate("() => window.talk.waitingAtMoves.length") for person in people]
                read = [texts(room) for room in rooms]
            finally:
                await asyncio.gather(*(program.close() for program in programs))

    assert min(moves) >= 1, moves
    first = [row["id"] for row in screens[0] if row["status"] != "notice"]
    assert first == [message_id for _, message_id in application_log(server.data_dir) if message_id in set(first)]
    for screen in screens:
        rows = [row for row in screen if row["status"] != "notice"]
        assert [row["id"] for row in rows] == first
        assert {row["status"] for row in rows} <= {"sent", "received"}
        assert all(said(rows, name) == list(range(EACH)) for name in (*NAMES, *PROGRAMS))
    assert [[entry.id.hex() for entry in entries] for entries in read] == [first, first]
    assert [person.complaints_about_code() for person in people] == [[], [], []]


async def enrolled(server: ServerProcess, browsers: Browsers) -> list[Person]:
    """A browser each; the first owns the server."""
    people = []
    for name in NAMES:
        invite = server.create_invite("--owner") if not people else server.create_invite()
        people.append(await browsers.open(name, invite["url"]))
        await people[-1].enrol()
    return people


async def in_one_room(people: list[Person], programs: list[Member]) -> list[Room]:
    """The first person makes the room and adds everybody; the programs' rooms."""
    await people[0].create_room("Garden")
    for name in (*NAMES[1:], *PROGRAMS):
        await people[0].add(name)
    for person in people[1:]:
        await person.open_room("Garden")
    return [await program.room("Garden") for program in programs]


async def talk(room: Room, name: str) -> None:
    """Say as much as the browsers do, and bring fresh keys in halfway."""
    for number in range(EACH):
        room.post(f"{name} says {number}")
        if number == EACH // 2:
            await room.update()
        await asyncio.sleep(EVERY_MS / 1000)


def texts(room: Room) -> list:
    """What was said, and what could not be read, as it stands in the archive."""
    return [entry for entry in room.entries if entry.kind in ("text", "unreadable")]
