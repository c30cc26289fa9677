"""Many Python clients that talk all the time and write down everything: what they sent, what came, how long it took."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clawchat.client import Client
from clawchat.client.events import Notice
from clawchat.ending import end_tasks
from clawchat.protocol.bodies import ChatDelivery
from tests.e2e.members import make_room, message_id_of, mls_message
from tests.soak.rows import Rows

ENROL_AT_ONCE = 8
# A client that moves sends this often, so that every move meets messages under way.
MOVING_PAUSE_SECONDS = 0.1
# Of its messages, one in so many goes to the room of all: what a hundred get, the others carry.
TO_ALL = 5
LOOK_SECONDS = 0.01
MOST_UNANSWERED = 24
SETTLE_SECONDS = 90.0
CONNECT_SECONDS = 60.0


@dataclass
class Send:
    """One message: when it was given to the client, how long until it was acknowledged, and what happened meanwhile."""

    began: float
    seconds: float = 0.0
    across_a_move: bool = False


@dataclass
class Talker:
    """One client in some rooms."""

    client: Client
    number: int
    rooms: list[bytes] = field(default_factory=list)
    sent: dict[bytes, list[bytes]] = field(default_factory=dict)
    came: dict[bytes, list[tuple[int, bytes]]] = field(default_factory=dict)
    sends: list[Send] = field(default_factory=list)
    # (when, port) of every port it has been on, and (from, until) of every move as it saw it.
    ports: list[tuple[float, int]] = field(default_factory=list)
    moves: list[tuple[float, float]] = field(default_factory=list)
    moving_since: float | None = None
    unanswered: int = 0
    complaints: list[str] = field(default_factory=list)
    _sending: set[asyncio.Task] = field(default_factory=set)

    def say_something(self, to_few: bool = False) -> None:
        """Send a message to one of its rooms, and do not wait for the answer."""
        if self.unanswered >= MOST_UNANSWERED:
            return
        room_id = self.rooms[0 if not to_few and random.randrange(TO_ALL) == 0 else -1]
        message_id, message = mls_message(room_id, b"x" * random.randrange(20, 400))
        self.sent.setdefault(room_id, []).append(message_id)
        self.unanswered += 1
        task = asyncio.create_task(self._send(room_id, message))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, room_id: bytes, message: bytes) -> None:
        send = Send(time.monotonic())
        port = self.client.port
        try:
            await self.client.send(room_id, message)
        except Exception as error:
            self.complaints.append(f"client {self.number} could not send: {error!r}")
            return
        finally:
            self.unanswered -= 1
        send.seconds = time.monotonic() - send.began
        send.across_a_move = self.moving_since is not None or port != self.client.port
        self.sends.append(send)

    async def talk(self, pause_seconds: float, enough: asyncio.Event) -> None:
        """Say something every now and then, and often while the port changes."""
        await asyncio.sleep(pause_seconds * random.random())
        while not enough.is_set():
            self.say_something()
            until = time.monotonic() + pause_seconds * (0.5 + random.random())
            while time.monotonic() < until and not enough.is_set():
                if self.moving_since is not None:
                    self.say_something(to_few=True)
                    await asyncio.sleep(MOVING_PAUSE_SECONDS)
                else:
                    await asyncio.sleep(min(2 * MOVING_PAUSE_SECONDS, max(0.0, until - time.monotonic())))

    async def listen(self) -> None:
        """Write down every row that comes."""
        async for event in self.client.events():
            if isinstance(event, ChatDelivery):
                self.came.setdefault(event.room_id, []).append((event.seq, message_id_of(event)))
            elif not isinstance(event, Notice):
                self.complaints.append(f"client {self.number} heard {event!r}")

    def look(self, now: float, may_talk: bool) -> None:
        """Note which port it is on, and when it moves; say something then, if it may."""
        is_moving = self.client.status == "moving"
        if is_moving and self.moving_since is None:
            self.moving_since = now
            if may_talk:
                self.say_something(to_few=True)
        elif not is_moving and self.moving_since is not None:
            self.moves.append((self.moving_since, now))
            self.moving_since = None
        port = self.client.port
        if port is not None and (not self.ports or self.ports[-1][1] != port):
            self.ports.append((now, port))


class Crowd:
    """All Python clients. A context: it talks from `start` until `quiet`."""

    def __init__(self) -> None:
        self.talkers: list[Talker] = []
        # The seq after which each room's log is everybody's.
        self.rooms: dict[bytes, int] = {}
        # What was wrong, in words.
        self.details: list[str] = []
        self._tasks: list[asyncio.Task] = []
        self._enough = asyncio.Event()
        self._talking: list[asyncio.Task] = []

    # Making it

    async def gather(self, owner_invite: str, count: int, folder: Path, **options: Any) -> None:
        """Enrol `count` clients, each with a store of its own in `folder`; the first makes the others' invitations.

        The options are those of `Client`.
        """
        options["seconds"] = CONNECT_SECONDS
        owner = await Client.enrol(owner_invite, folder / "client-0", name="Client 0", **options)
        self.talkers.append(Talker(owner, 0))
        gate = asyncio.Semaphore(ENROL_AT_ONCE)

        async def enrol(number: int) -> Talker:
            async with gate:
                invite = (await owner.request("invite.create"))["invite"]
                name = f"Client {number}"
                return Talker(await Client.enrol(invite, folder / f"client-{number}", name=name, **options), number)

        self.talkers += await asyncio.gather(*(enrol(number) for number in range(1, count)))

    async def make_rooms(self, few: int) -> None:
        """One room of everybody, and rooms of `few` each."""
        groups = [self.talkers]
        groups += [self.talkers[at : at + few] for at in range(0, len(self.talkers), few)]
        for group in groups:
            if len(group) > 1:
                clients = [talker.client for talker in group]
                room_id, seq = await make_room(clients[0], clients[1:])
                self.rooms[room_id] = seq
                for talker in group:
                    await talker.client.follow(room_id, after=seq)
                    talker.rooms.append(room_id)

    # Talking

    def start(self, pause_seconds: float) -> None:
        """Have everybody talk, every `pause_seconds` or so each, and listen."""
        self._tasks = [asyncio.create_task(talker.listen()) for talker in self.talkers]
        self._tasks.append(asyncio.create_task(self._look()))
        self._talking = [asyncio.create_task(talker.talk(pause_seconds, self._enough)) for talker in self.talkers]

    async def _look(self) -> None:
        while True:
            now = time.monotonic()
            for talker in self.talkers:
                # Nothing is said once all is counted: it would look like a loss.
                talker.look(now, may_talk=not self._enough.is_set())
            await asyncio.sleep(LOOK_SECONDS)

    async def quiet(self, rows: Rows) -> None:
        """Stop talking, and return when all is acknowledged and everybody has every row, or it takes too long."""
        self._enough.set()
        await asyncio.gather(*self._talking)
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                while any(talker.unanswered for talker in self.talkers):
                    await asyncio.sleep(0.1)
                logs = await asyncio.to_thread(rows.logs)
                while any(self._lacks(talker, logs) for talker in self.talkers):
                    await asyncio.sleep(0.2)
        except TimeoutError:
            self.details.append(f"not everything had arrived after {SETTLE_SECONDS:g} s")

    def _lacks(self, talker: Talker, logs: dict[bytes, list[tuple[int, bytes]]]) -> bool:
        return any(len(talker.came.get(room, [])) < len(logs[room]) - self.rooms[room] for room in talker.rooms)

    async def close(self) -> None:
        """End every client in good order."""
        await end_tasks(self._tasks)
        await asyncio.gather(*(talker.client.close() for talker in self.talkers), return_exceptions=True)

    # Judging

    def judge(self, logs: dict[bytes, list[tuple[int, bytes]]]) -> Counter[str]:
        """What is wrong, by kind: lost, twice, reordered; the log is the truth. `sent`, `received`: how much."""
        wrong: Counter[str] = Counter(lost=0, twice=0, reordered=0)
        for talker in self.talkers:
            for room, ids in talker.sent.items():
                stored = [message_id for _, message_id in logs[room]]
                mine = set(ids)
                wrong += self._note(talker, "sent", _differences(ids, [each for each in stored if each in mine]))
                wrong["sent"] += len(ids)
            for room in talker.rooms:
                expected = [entry for entry in logs[room] if entry[0] > self.rooms[room]]
                came = talker.came.get(room, [])
                wrong += self._note(talker, "received", _differences(expected, came))
                wrong["received"] += len(came)
            wrong["complaints"] += len(talker.complaints)
        self.details += [text for talker in self.talkers for text in talker.complaints]
        return wrong

    def _note(self, talker: Talker, what: str, found: Counter[str]) -> Counter[str]:
        """Keep in words what is wrong, for whoever must find out why."""
        if +found:
            self.details.append(f"client {talker.number} ({talker.client.status}), {what}: {dict(+found)}")
        return found


def _differences(expected: Iterable, came: Iterable) -> Counter[str]:
    """How two sequences differ, in the words of a reader."""
    expected, came = list(expected), list(came)
    counts = Counter(came)
    found: Counter[str] = Counter()
    found["lost"] = len(set(expected) - set(came))
    found["twice"] = sum(count - 1 for count in counts.values())
    found["foreign"] = len(set(came) - set(expected))
    once = list(dict.fromkeys(came))
    if not found["lost"] and not found["foreign"]:
        found["reordered"] = sum(one != other for one, other in zip(once, expected, strict=True))
    return found
