"""All rooms of this device, and the connection that carries them.

Spec: 3.14, 4.5
"""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from clawchat.client.connection import Connection
from clawchat.client.device import Device
from clawchat.client.layer import Heard, Layer
from clawchat.client.questions import Answer
from clawchat.client.store import Store
from clawchat.ending import end_tasks
from clawchat.mls.group import Group
from clawchat.mls.member import Member
from clawchat.mls.profile import Roles, room_extensions
from clawchat.mls.suite import ROOM_SUITE
from clawchat.mls.validity import RoomRules
from clawchat.protocol.bodies import Ack, ChatDelivery, ErrorBody, FileChunk, PresenceBody
from clawchat.protocol.errors import ClawChatError, Malformed, PeerError
from clawchat.protocol.primitives import random_bytes
from clawchat.protocol.signal import Read, Typing

from .archive import Entry
from .chores import Chores
from .courier import Courier
from .directory import Directory
from .downloads import Downloads
from .home import Home
from .keeper import Keeper
from .key_stock import FULL, KeyStock
from .pace import Pace
from .payload import encode_profile
from .pending_commit import load_pending
from .records import RoomRecord, load_records
from .room import Room, load_group
from .signals import Signals
from .uploads import Uploads
from .welcomes import Welcomes

if TYPE_CHECKING:
    from clawchat.client.client import Client

logger = logging.getLogger(__name__)

# What one request may name. Spec: 3.14
RESUME_AT_ONCE = 256
SEEN, SEEN_ROW = "seen", b"online"


class Rooms(Layer):
    """What stands on a client whose person chats. `news` has the entries that were not read yet, with their rooms."""

    def __init__(
        self, client: "Client", store: Store, device: Device, *, pace: Pace | None = None, packages: int = FULL
    ) -> None:
        self._client, self._store = client, store
        self.directory = Directory(store, client.request)
        self.home = Home(
            store=store,
            member=Member(ROOM_SUITE, device.identity, bytes(device.key.public), device.key.sign),
            rules=RoomRules(),
            user_id=device.user_id,
            device_id=device.device_id,
            pace=pace or Pace(),
            directory=self.directory,
            ask=client.request,
            wake=self._woken,
            tell=self._tell,
            spawn=self._spawn,
            take_up=self._take_up,
        )
        self.news: asyncio.Queue[tuple[Room, Entry] | ClawChatError] = asyncio.Queue()
        self._rooms: dict[bytes, Room] = {}
        self._stock = KeyStock(store, self.home.member, client.request, packages)
        self._welcomes = Welcomes(self.home, self._stock)
        self._courier = Courier(self._all, client.usable)
        self._keeper = Keeper(self.home, self._all)
        self.uploads = Uploads(store, client.request, client.usable, self.get)
        self.downloads = Downloads(store, client.request)
        self.signals = Signals(device.device_id)
        self._chores = Chores(
            {
                "rooms that the server does not know": self._make_known,
                "the last key package": lambda: self._stock.offer_last_resort(self.home.now()),
                "the directory": self.directory.refresh,
                "Welcomes": lambda: self._welcomes.take(self.get, self._joined),
                "key packages": lambda: self._stock.fill(self.home.now()),
            }
        )
        self._connection: Connection | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._faults: asyncio.Queue[Exception] = asyncio.Queue()
        self._failure: ClawChatError | None = None
        self._changed = asyncio.Event()
        for room_id, record in load_records(store):
            self._load(room_id, record)

    # What there is

    @property
    def all(self) -> list[Room]:
        """Every room this device is or was in."""
        return list(self._rooms.values())

    def get(self, room_id: bytes) -> Room | None:
        """The room of this id."""
        return self._rooms.get(room_id)

    def create(self, name: str, others_may_add: bool = True) -> Room:
        """A new room with this device as its only member and its user as administrator; the server hears of it when it
        can.

        Raises: too_large (the name).
        """
        encode_profile(name, 0)
        home, room_id = self.home, random_bytes(16)
        extensions = room_extensions(Roles(others_may_add, (home.user_id,)))
        group = Group.create(
            home.member, room_id, extensions=extensions, random=random_bytes, now=home.now(), rules=home.rules
        )
        room = Room(room_id, home, RoomRecord(is_gone=True), None, None)
        change = room.change()
        change.group, now = group, home.now()
        change.record = RoomRecord(name, is_made=False, epoch_since=now, updated=now)
        entry = Entry("created", b"", 0, home.now_ms(), home.user_id, own=True, users=(home.user_id,))
        room.write(change, lambda: room.archive.add([entry]))
        self._joined(room)
        self._chores.add("rooms that the server does not know")
        return room

    async def signal(self, room: Room, signal: Typing | Read) -> None:
        """Tell who is in the room now, on the connection in use."""
        await self.signals.send(self._connection, room, signal)

    async def name_of(self, user_id: bytes) -> str:
        """The display name, asked for when it is not known here; empty when that leads nowhere."""
        name = self.directory.name_of(user_id)
        if not name:
            with contextlib.suppress(ClawChatError):
                await self.directory.refresh()
        return name or self.directory.name_of(user_id)

    async def until_changed(self) -> None:
        """Return when a room has come, or something stands in one that did not.

        Raises: what ended the client.
        """
        if self._failure is not None:
            raise self._failure
        await self._changed.wait()
        if self._failure is not None:
            raise self._failure

    # What the client asks of its layer

    async def run(self) -> None:
        """Everything that goes on by itself."""
        going_on = (self._courier, self._keeper, self._chores, self.uploads)
        works = [*(each.run() for each in going_on), self._end_by_fault()]
        tasks = [asyncio.create_task(work) for work in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            await end_tasks([*tasks, *self._tasks])

    async def prepare(self, connection: Connection) -> None:
        """Let this connection carry every room from where each was read. As the layer's."""
        self._note_absence()
        carried = [room for room in self._rooms.values() if room.is_joined and room.record.is_made]
        for at in range(0, len(carried), RESUME_AT_ONCE):
            await self._resume(connection, carried[at : at + RESUME_AT_ONCE])
        self._connection = connection
        self._chores.add("rooms that the server does not know", "the last key package", "Welcomes", "key packages")

    def hear(self, connection: Connection, body: Heard) -> bool:
        """Rows, answers and notices. As the layer's."""
        if isinstance(body, ChatDelivery):
            room = self._rooms.get(body.room_id)
            if room is not None and not room.reader.receive(body):
                # A gap on one connection is a fault of the server's; the log has none, so it is asked once more.
                self._spawn(self._resume_anew(connection, room))
        elif isinstance(body, FileChunk):
            self.downloads.hear(body)
        elif isinstance(body, PresenceBody):
            self.signals.hear(self._rooms.get(body.room_id), body)
        elif isinstance(body, Ack):
            self.uploads.acknowledged(body)
            self._courier.acknowledged(body)
        elif isinstance(body, ErrorBody):
            self.uploads.refused(body)
            self._courier.refused(connection, body)
        else:
            op, _ = body
            if op == "welcome":
                self._chores.add("Welcomes", "key packages")
            elif op == "directory":
                self.directory.has_changed()
            return op in ("welcome", "directory")
        return False

    def switched(self) -> None:
        """Send again what the connection before has not answered."""
        self._courier.wake()
        self.uploads.switched()

    def fail(self, error: ClawChatError) -> None:
        """The client has ended."""
        self._failure = error
        # Whoever may not write any more has nothing to add.
        with contextlib.suppress(ClawChatError):
            self._store.put(SEEN, SEEN_ROW, self.home.now().to_bytes(8, "big"))
        for room in self._rooms.values():
            room.fail(error)
        self.uploads.fail(error)
        self.news.put_nowait(error)
        self.signals.fail(error)
        self._changed.set()

    # Internal

    def _all(self) -> Iterable[Room]:
        return [room for room in self._rooms.values() if room.is_joined]

    def _load(self, room_id: bytes, record: RoomRecord) -> None:
        group = None if record.is_gone else load_group(self.home, room_id)
        pending = None if record.is_gone else load_pending(self._store, room_id, self.home)
        room = Room(room_id, self.home, record, group, pending)
        self._rooms[room_id] = room
        self._tell(room, room.archive.entries(record.read))

    def _joined(self, room: Room) -> None:
        """A room that is stored already is there from now on."""
        self._rooms[room.room_id] = room
        if room.record.is_made:
            self._take_up(room)
        self._changed.set()
        self._changed = asyncio.Event()

    def _tell(self, room: Room, entries: list[Entry]) -> None:
        for entry in entries:
            if entry.kind == "text" and not entry.own:
                self.news.put_nowait((room, entry))
        # A room may have been given its name.
        self._changed.set()
        self._changed = asyncio.Event()

    def _woken(self) -> None:
        self._courier.wake()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except ClawChatError as error:
            logger.info("not done: %s", error)
        except Exception as error:
            self._faults.put_nowait(error)

    async def _end_by_fault(self) -> None:
        raise await self._faults.get()

    def _note_absence(self) -> None:
        """Whoever was away for long makes all keys anew. Spec: 4.4"""
        kept, now = self._store.get(SEEN, SEEN_ROW), self.home.now()
        if kept is not None and now - int.from_bytes(kept, "big") >= self.home.pace.update_offline:
            for room in self._rooms.values():
                room.must_update = True
        self._store.put(SEEN, SEEN_ROW, now.to_bytes(8, "big"))

    async def _make_known(self) -> None:
        for room in [each for each in self._rooms.values() if not each.record.is_made]:
            try:
                await self._client.request("room.create", room=room.room_id, scheme=ROOM_SUITE.number)
            except PeerError as error:
                # One that the server will not have is no reason to leave the others.
                room.get_stuck(error.code)
                continue
            room.be_made()
            self._take_up(room)

    def _take_up(self, room: Room) -> None:
        if self._connection is not None and not self._connection.over:
            self._spawn(self._resume_anew(self._connection, room))

    async def _resume_anew(self, connection: Connection, room: Room) -> None:
        await self._resume(connection, [room])

    async def _resume(self, connection: Connection, rooms: list[Room]) -> None:
        """Ask for what follows the rows received. The answer's places count before the first row that follows it."""
        asked = {room.room_id: room.reader.received for room in rooms}
        body = {"op": "room.resume", "rooms": [{"room": room, "cursor": seq} for room, seq in asked.items()]}
        await connection.ask(body, partial(self._resumed, asked))

    def _resumed(self, asked: dict[bytes, int], answer: Answer) -> None:
        try:
            places = [(place["room"], place["head"], place["cursor"]) for place in answer["rooms"]]
            gone = list(answer["gone"])
        except (KeyError, TypeError):
            raise Malformed("answer to room.resume") from None
        for room_id, head, cursor in places:
            room = self._rooms.get(room_id)
            if room is not None and room_id in asked:
                self._place(room, asked[room_id], head, cursor)
        for room_id in gone:
            room = self._rooms.get(room_id)
            if room is not None and room_id in asked:
                room.be_gone()

    def _place(self, room: Room, asked: int, head: int, cursor: int) -> None:
        """The server has lost rows, or has none for us before this one: its log is where the room goes on."""
        room.head = head
        if head < asked:
            room.reader.move_to(head)
        elif cursor > room.reader.received:
            room.reader.move_to(cursor)
        room.changed()
        self._courier.wake()
