"""Many Python members who talk all the time in MLS rooms, and what they write down: what they sent, what they read, how
long it took."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clawchat.client import Client, Member, Room
from clawchat.ending import end_tasks
from clawchat.protocol.errors import ClawChatError
from tests.soak.rows import Rows

ENROL_AT_ONCE = 8
# A client that moves sends this often, so that every move meets messages under way. All members share one process here,
# and each message is opened by each of them: a hundred who sent more would wait for each other, not for the server.
MOVING_PAUSE_SECONDS = 0.4
# Of its messages, one in so many goes to the room of all: what a hundred get, the others carry.
TO_ALL = 5
# After one in so many of its messages a member makes its keys in its small room anew.
NEW_KEYS = 50
# Nobody is added to more than two rooms.
PACKAGES = 4
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
    """One member of some rooms, the room of all first."""

    member: Member
    number: int
    rooms: list[Room] = field(default_factory=list)
    sent: dict[bytes, list[bytes]] = field(default_factory=dict)
    sends: list[Send] = field(default_factory=list)
    # (when, port) of every port it has been on, and (from, until) of every move as it saw it.
    ports: list[tuple[float, int]] = field(default_factory=list)
    moves: list[tuple[float, float]] = field(default_factory=list)
    moving_since: float | None = None
    unanswered: int = 0
    complaints: list[str] = field(default_factory=list)
    updates: int = 0
    _sending: set[asyncio.Task] = field(default_factory=set)

    @property
    def client(self) -> Client:
        """What the member stands on."""
        return self.member.client

    def say_something(self, to_few: bool = False) -> None:
        """Send a message to one of its rooms, and do not wait for the answer."""
        if self.unanswered >= MOST_UNANSWERED:
            return
        room = self.rooms[0 if not to_few and random.randrange(TO_ALL) == 0 else -1]
        send = Send(time.monotonic())
        message_id = room.post("x" * random.randrange(20, 400))
        self.sent.setdefault(room.room_id, []).append(message_id)
        self.unanswered += 1
        self._run(self._send(room, message_id, send))
        if random.randrange(NEW_KEYS) == 0:
            self._run(self._make_keys_anew(self.rooms[-1]))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _make_keys_anew(self, room: Room) -> None:
        """A path update, amid everything else."""
        self.unanswered += 1
        try:
            await room.update()
            self.updates += 1
        except ClawChatError as error:
            self.complaints.append(f"client {self.number} could not make its keys anew: {error!r}")
        finally:
            self.unanswered -= 1

    async def _send(self, room: Room, message_id: bytes, send: Send) -> None:
        port = self.client.port
        try:
            await room.stored(message_id)
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
                    await asyncio.sleep(min(MOVING_PAUSE_SECONDS / 2, max(0.0, until - time.monotonic())))

    async def listen(self) -> None:
        """Read every message; what was read stands in the archive."""
        async for _ in self.member.messages():
            pass

    def came(self, room: Room, after: int) -> list[tuple[int, bytes]]:
        """(seq, message id) of every text behind this seq, as its archive has them, and complaints about the rest."""
        entries = [entry for entry in room.entries if entry.seq > after and not entry.users]
        bad = [entry.seq for entry in entries if entry.kind != "text"]
        if bad or room.stuck or not room.is_joined:
            self.complaints.append(f"client {self.number}: unreadable {bad}, stuck: {room.stuck}")
        return [(entry.seq, entry.id) for entry in entries if entry.kind == "text"]

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

        The options are those of `Member`.
        """
        options["seconds"] = CONNECT_SECONDS
        options["packages"] = PACKAGES
        owner = await Member.enrol(owner_invite, folder / "client-0", name="Client 0", **options)
        self.talkers.append(Talker(owner, 0))
        gate = asyncio.Semaphore(ENROL_AT_ONCE)

        async def enrol(number: int) -> Talker:
            async with gate:
                invite = (await owner.client.request("invite.create"))["invite"]
                name = f"Client {number}"
                return Talker(await Member.enrol(invite, folder / f"client-{number}", name=name, **options), number)

        self.talkers += await asyncio.gather(*(enrol(number) for number in range(1, count)))

    async def make_rooms(self, few: int, *, all_together: bool = True) -> None:
        """One room of everybody unless it is not wanted, and rooms of `few` each."""
        groups = [self.talkers] if all_together else []
        groups += [self.talkers[at : at + few] for at in range(0, len(self.talkers), few)]
        for group in groups:
            if len(group) > 1:
                await self._make_room(group)

    async def _make_room(self, group: list[Talker]) -> None:
        room = await group[0].member.create_room(f"Room {len(self.rooms)}")
        await room.add(*(talker.member.user_id for talker in group[1:]))
        for talker in group:
            talker.rooms.append(await talker.member.room(room.room_id))
            # Its name is the last thing that is not everybody's.
            await talker.rooms[-1].until(lambda there=talker.rooms[-1]: bool(there.name))
        await room.until(lambda: room.unsent == 0)
        self.rooms[room.room_id] = room.record.cursor

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
        return any(room.record.cursor < logs[room.room_id][-1][0] for room in talker.rooms if room.room_id in logs)

    async def close(self) -> None:
        """End every client in good order."""
        await end_tasks(self._tasks)
        await asyncio.gather(*(talker.member.close() for talker in self.talkers), return_exceptions=True)

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
                start = self.rooms[room.room_id]
                expected = [entry for entry in logs[room.room_id] if entry[0] > start]
                came = talker.came(room, start)
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
