"""New keys inside a session, in real browsers: a busy chat takes them every few seconds and does not notice."""

import asyncio

import pytest

from clawchat.protocol.frame import FRAME_VERSION, FrameHeader, MessageType
from clawchat.protocol.limits import FRAME_OVERHEAD
from clawchat.protocol.padding import padded_length
from tests.e2e.browser import Browsers
from tests.e2e.server import ServerProcess
from tests.e2e.talking import application_log, everything_arrived, said, start_talking

pytestmark = pytest.mark.e2e

MESSAGES = 120
EVERY_MS = 260
REKEYS = 3
SECONDS = 90
# What a reconnect or a move would change.
SAME = ("status", "port", "since", "connections")
SET_LIMITS = """
from chat.services.policy import change_policy
change_policy("test", rekey_after_frames=16, rekey_after_seconds=20)
"""
ASK_EVERYBODY = """
from chat.services.rekey import ask_everybody
ask_everybody("test")
"""
# INIT and RESP, and on the other side of them REQUEST and DONE: their sizes tell the steps of a rekey apart.
LARGE, SMALL = (FRAME_OVERHEAD + padded_length(length) for length in (1287, 33))


class Wiretap:
    """What mallory sees of one page: its connections, and which frames of type 0x04 went each way.

    The type stands in clear in a frame's header; who sent it and how large it is tell the rest.
    """

    def __init__(self, page):
        self.connections = 0
        self.sent: list[int] = []
        self.received: list[int] = []
        page.on("websocket", self._opened)

    def _opened(self, socket):
        self.connections += 1
        socket.on("framesent", lambda data: self._note(self.sent, data))
        socket.on("framereceived", lambda data: self._note(self.received, data))

    @staticmethod
    def _note(sizes, data):
        if data[0] == FRAME_VERSION and FrameHeader.parse(data).type == MessageType.KEY_ROTATION:
            sizes.append(len(data))

    @property
    def steps(self):
        """How many INIT, RESP and DONE there were; REQUEST is the server's to send or not."""
        return self.sent.count(LARGE), self.received.count(LARGE), self.sent.count(SMALL)


async def test_a_busy_chat_takes_new_keys_again_and_again_and_does_not_notice(tmp_path, chromium_path):
    """Nothing lost, doubled or out of order; each rekey is complete on the wire; no connection but the first."""
    with ServerProcess(tmp_path / "data", interval=3600, lead=30, grace=60) as server:
        server.run("shell", "-c", SET_LIMITS)
        async with Browsers(chromium_path, tmp_path) as browsers:
            people, taps = await two_people_in_a_room(server, browsers)
            before = [await at_rest(person, tap) for person, tap in zip(people, taps, strict=True)]
            for person in people:
                await start_talking(person, MESSAGES, EVERY_MS, burst=1)

            await everything_arrived(people, 2 * MESSAGES, seconds=150)
            for person, was in zip(people, before, strict=True):
                await until_epoch(person, was["epoch"] + REKEYS)
            talked = [await at_rest(person, tap) for person, tap in zip(people, taps, strict=True)]
            server.run("shell", "-c", ASK_EVERYBODY)
            for person, was in zip(people, talked, strict=True):
                await until_epoch(person, was["epoch"] + 1)
            after = [await at_rest(person, tap) for person, tap in zip(people, taps, strict=True)]
            screens = [await person.transcript() for person in people]
            complaints = [person.complaints_about_code() for person in people]

    for was, now, tap in zip(before, after, taps, strict=True):
        assert {name: now[name] for name in SAME} == {name: was[name] for name in SAME}
        assert now["steps"] - was["steps"] == now["epoch"] - was["epoch"] > REKEYS
        assert SMALL in tap.received
    log = application_log(server.data_dir)
    for screen in screens:
        rows = [row for row in screen if row["status"] != "notice"]
        # The one application message that no screen shows is the room's name, repeated for the newcomer.
        assert len(rows) == 2 * MESSAGES == len(log) - 1
        shown = {row["id"] for row in rows}
        assert [(row["seq"], row["id"]) for row in rows] == [entry for entry in log if entry[1] in shown]
        assert said(rows, "alice") == said(rows, "bob") == list(range(MESSAGES))
    assert complaints == [[], []]


async def two_people_in_a_room(server, browsers):
    """Alice owns the server and makes a room, bob is added; their wires are tapped from the first byte."""
    people, taps = [], []
    for name, options in (("alice", ["--owner"]), ("bob", [])):
        person = await browsers.open(name, "about:blank")
        taps.append(Wiretap(person.page))
        await person.page.goto(server.create_invite(*options)["url"])
        await person.enrol()
        people.append(person)
    alice, bob = people
    await alice.create_room("Garden")
    await alice.add("bob")
    await bob.open_room("Garden")
    return people, taps


async def at_rest(person, tap):
    """What the page says of its connection, and what was on the wire, at a moment without a rekey under way."""
    async with asyncio.timeout(SECONDS):
        while True:
            begun, answered, done = tap.steps
            connection = await person.page.evaluate("() => document.querySelector('cc-app').app.connection")
            if begun == answered == done == tap.steps[0] and connection["status"] == "connected":
                return {**connection, "steps": done, "connections": tap.connections}
            await asyncio.sleep(0.1)


async def until_epoch(person, epoch):
    """Wait until the page's session is that many rekeys old."""
    reached = f"() => document.querySelector('cc-app').app.connection.epoch >= {epoch}"
    await person.page.wait_for_function(reached, timeout=SECONDS * 1000)
