"""Rooms without a network: a server's part in short, and members whose connections a test cuts, holds and mends."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from clawchat.client.device import Device
from clawchat.client.errors import ConnectionLost
from clawchat.client.rooms.pace import Pace
from clawchat.client.rooms.room import Room
from clawchat.client.rooms.rooms import Rooms
from clawchat.client.store import Store
from clawchat.ending import end_tasks
from clawchat.protocol.bodies import Ack, ChatDelivery, ErrorBody, FileChunk, PresenceBody
from clawchat.protocol.errors import Malformed, NotMember, OutOfOrder, PeerError, StaleEpoch
from clawchat.protocol.frame import MessageType
from clawchat.protocol.invite import Invite
from clawchat.protocol.keys import DiscoverySecret, IdentityKey, PreSharedKey
from clawchat.protocol.message_header import ContentType, MessageHeader
from clawchat.protocol.primitives import random_bytes

# Nobody waits for chance here.
QUICK = Pace(help=0.0, resync=0.0, update_wait=0.0)


@dataclass
class Log:
    """One room as a server has it."""

    epoch: int = 0
    members: set[bytes] = field(default_factory=set)
    rows: list[ChatDelivery] = field(default_factory=list)
    group_infos: dict[int, bytes] = field(default_factory=dict)
    first: dict[bytes, int] = field(default_factory=dict)


class Wire:
    """A connection of one member."""

    def __init__(self, hub: "Hub", seat: "Seat") -> None:
        self.hub, self.seat, self.over = hub, seat, False
        self.cursors: dict[bytes, int] = {}

    async def ask(self, body: dict[str, Any], then: Callable[[dict], None] | None = None) -> dict:
        await asyncio.sleep(0)
        if self.over:
            raise ConnectionLost("cut")
        answer = self.hub.answer(self, **body)
        if then is not None:
            then(answer)
        self.hub.deliver()
        return answer

    async def send_message(self, message_id: bytes, room_id: bytes, message: bytes) -> None:
        await asyncio.sleep(0)
        if self.over:
            raise ConnectionLost("cut")
        self.hub.take(self, message_id, room_id, message)

    async def send(self, message_type: MessageType, payload: bytes, message_id: bytes = b"") -> None:
        """A chunk of a file or a signal: the only frames that rooms send themselves."""
        await asyncio.sleep(0)
        if self.over:
            raise ConnectionLost("cut")
        if message_type == MessageType.PRESENCE:
            self.hub.pass_on(self, PresenceBody.parse(payload))
            return
        self.hub.take_chunk(self, FileChunk.parse(payload), message_id)


@dataclass
class KeptFile:
    """One file as a server has it."""

    room: bytes
    size: int
    chunks: list[FileChunk] = field(default_factory=list)


class Seat:
    """One member: its device and store, and the rooms while it runs. The client that the rooms stand on is this."""

    def __init__(self, hub: "Hub", name: str, pace: Pace = QUICK, store: Store | None = None) -> None:
        self.hub, self.name, self.pace = hub, name, pace
        self.store = store or Store.in_memory()
        self.device = Device.load(self.store) or Device.begin(self.store, hub.invite(), name, int(time.time()))
        self.wire: Wire | None = None
        self.news: list[tuple[Room, str]] = []
        self._open()

    def _open(self) -> None:
        self.rooms = Rooms(self, self.store, self.device, pace=self.pace, packages=3)
        self._task: asyncio.Task | None = None

    async def connect(self) -> "Seat":
        """Run, with a connection."""
        self._task = self._task or asyncio.create_task(self.rooms.run())
        wire = Wire(self.hub, self)
        await self.rooms.prepare(wire)
        self.wire = wire
        self.hub.wires.append(wire)
        self.rooms.switched()
        self.hub.deliver()
        return self

    def cut(self) -> None:
        """Lose the connection."""
        if self.wire is not None:
            self.wire.over = True
            self.hub.wires.remove(self.wire)
            self.wire = None

    async def crash(self) -> None:
        """End as a killed program does: nothing is said, what is on the disk stays."""
        self.cut()
        if self._task is not None:
            if self._task.done():
                self._task.result()
            await end_tasks([self._task])
            self._task = None

    async def restart(self) -> "Seat":
        """Go on from the disk."""
        await self.crash()
        self._open()
        return await self.connect()

    # What rooms ask of their client

    async def usable(self, seconds: float) -> Wire:
        while self.wire is None:
            await asyncio.sleep(0.005)
        return self.wire

    async def request(self, op: str, **members: Any) -> dict:
        while True:
            wire = await self.usable(0)
            try:
                return await wire.ask({"op": op, **members})
            except ConnectionLost:
                continue

    # What tests ask

    @property
    def device_id(self) -> bytes:
        return self.device.device_id

    async def room(self, room_id: bytes) -> Room:
        """The room, once this member is in it."""
        await until(lambda: (room := self.rooms.get(room_id)) is not None and room.is_joined)
        found = self.rooms.get(room_id)
        assert found is not None
        return found

    def texts(self, room_id: bytes) -> list[str]:
        """What stands in its archive of that room, notices left out."""
        found = self.rooms.get(room_id)
        assert found is not None
        return [entry.text if entry.kind == "text" else entry.kind for entry in found.entries if not entry.users]


class Hub:
    """The server. Its knobs make it slow or deaf."""

    def __init__(self) -> None:
        self.logs: dict[bytes, Log] = {}
        self.seats: dict[bytes, Seat] = {}
        self.wires: list[Wire] = []
        self.packages: dict[bytes, list[bytes]] = {}
        self.blobs: dict[bytes, bytes] = {}
        self.welcomes: dict[bytes, list[dict]] = {}
        self.rejected: list[tuple[bytes, int, str]] = []
        self.asked: list[str] = []
        # Knobs: members who get no rows; messages that are stored but not acknowledged; errors for the next messages.
        self.held: set[bytes] = set()
        self.keeps_acks = False
        self.errors: list[ErrorBody | None] = []
        self.refuse_commits: list[PeerError] = []
        self.files: dict[bytes, KeptFile] = {}
        # Files: errors for the next chunks; after so many chunks, in either direction, the line is cut.
        self.chunk_errors: list[int | None] = []
        self.cut_after = -1

    def invite(self) -> Invite:
        public, psk = IdentityKey.generate().public, PreSharedKey.generate()
        return Invite(DiscoverySecret.generate(), public, random_bytes(16), psk, int(time.time()) + 600, (), ())

    async def seat(self, name: str, pace: Pace = QUICK) -> Seat:
        """A connected member with key packages at the server."""
        seat = Seat(self, name, pace)
        self.seats[seat.device_id] = seat
        await seat.connect()
        for each in self.seats.values():
            each.rooms.hear(self.wires[0], ("directory", {}))
        await until(lambda: len(self.packages.get(seat.device_id, [])) > 1)
        return seat

    # Messages

    def take(self, wire: Wire, message_id: bytes, room_id: bytes, message: bytes) -> None:
        log, sender = self.logs[room_id], wire.seat.device_id
        error = self.errors.pop(0) if self.errors else None
        stored = next((row for row in log.rows if row.sender == sender and _id(row) == message_id), None)
        epoch = MessageHeader.parse(message).epoch
        if error is None and stored is None and epoch != log.epoch:
            error = ErrorBody(StaleEpoch.number, "another epoch")
        if error is not None:
            wire.seat.rooms.hear(wire, ErrorBody(error.number, error.text, message_id))
            return
        if stored is None:
            stored = self.append(room_id, sender, message)
        if not self.keeps_acks:
            wire.seat.rooms.hear(wire, Ack(message_id, room_id, stored.seq))
        self.deliver()

    def pass_on(self, wire: Wire, body: PresenceBody) -> None:
        """Give a signal to the other wires, whoever is in the room: what opens it is up to the members."""
        for other in self.wires:
            if other is not wire:
                other.seat.rooms.hear(other, body)

    def append(self, room_id: bytes, sender: bytes, message: bytes) -> ChatDelivery:
        rows = self.logs[room_id].rows
        rows.append(ChatDelivery(room_id, len(rows) + 1, 1_000 * len(rows), sender, message))
        return rows[-1]

    def deliver(self) -> None:
        """Bring everybody up to date who is not held."""
        for wire in self.wires:
            for room_id, cursor in list(wire.cursors.items()):
                log, device = self.logs[room_id], wire.seat.device_id
                if device in self.held:
                    continue
                for row in log.rows[cursor:]:
                    wire.cursors[room_id] = row.seq
                    wire.seat.rooms.hear(wire, row)

    # Files

    def take_chunk(self, wire: Wire, chunk: FileChunk, message_id: bytes) -> None:
        file, number = self.files[chunk.file_id], self.chunk_errors.pop(0) if self.chunk_errors else None
        if number is None and chunk.index > len(file.chunks):
            number = OutOfOrder.number
        if number is not None:
            wire.seat.rooms.hear(wire, ErrorBody(number, "0 later", message_id))
            return
        if chunk.index == len(file.chunks):
            file.chunks.append(chunk)
        if not self._cuts(wire):
            wire.seat.rooms.hear(wire, Ack(message_id, file.room, len(file.chunks)))

    def file_create(self, wire: Wire, file: bytes, room: bytes, size: int) -> dict:
        kept = self.files.setdefault(file, KeptFile(room, size))
        if (kept.room, kept.size) != (room, size):
            raise Malformed("the file id is taken")
        return {"have": len(kept.chunks)}

    def file_read(self, wire: Wire, file: bytes, room: bytes, index: int, count: int) -> dict:
        if file not in self.files or self.files[file].room != room:
            raise NotMember("no such file")
        for chunk in self.files[file].chunks[index : index + count]:
            if self._cuts(wire):
                raise ConnectionLost("cut")
            wire.seat.rooms.hear(wire, chunk)
        return {"size": self.files[file].size}

    def _cuts(self, wire: Wire) -> bool:
        self.cut_after -= 1
        if self.cut_after == 0:
            wire.seat.cut()
        return wire.over

    # Operations

    def answer(self, wire: Wire, op: str, **members: Any) -> dict:
        self.asked.append(op)
        return getattr(self, op.replace(".", "_"))(wire, **members) or {}

    def directory(self, wire: Wire) -> dict:
        members = []
        for seat in self.seats.values():
            public, identity = bytes(seat.device.key.public), seat.device.identity
            device = {"device_id": seat.device_id, "device_public": public, "identity": identity}
            members.append({"user_id": seat.device.user_id, "name": seat.name, "devices": [device]})
        return {"members": members, "more": False}

    def packages_put(self, wire: Wire, packages: list[bytes], last_resort: bytes = b"") -> dict:
        kept = self.packages.setdefault(wire.seat.device_id, [])
        kept += packages
        return {"left": len(kept)}

    def packages_take(self, wire: Wire, devices: list[bytes]) -> dict:
        found = [{"device": each, "package": self.packages[each].pop()} for each in devices if self.packages.get(each)]
        return {"packages": found}

    def room_create(self, wire: Wire, room: bytes, scheme: int) -> dict:
        self.logs.setdefault(room, Log(members={wire.seat.device_id}))
        return {"epoch": 0}

    def room_resume(self, wire: Wire, rooms: list[dict]) -> dict:
        places, gone = [], []
        for each in rooms:
            log, device = self.logs[each["room"]], wire.seat.device_id
            if device not in log.members and log.first.get(device, 0) <= len(log.rows):
                gone.append(each["room"])
                continue
            cursor = min(max(each["cursor"], log.first.get(device, 0)), len(log.rows))
            wire.cursors[each["room"]] = cursor
            places.append({"room": each["room"], "head": len(log.rows), "epoch": log.epoch, "cursor": cursor})
        return {"rooms": places, "gone": gone}

    def room_stage(self, wire: Wire, digest: bytes, size: int, offset: int, bytes: bytes) -> dict:
        self.blobs[digest] = self.blobs.get(digest, b"")[:offset] + bytes
        return {"have": len(self.blobs[digest])}

    def room_fetch(self, wire: Wire, room: bytes, digest: bytes, offset: int) -> dict:
        return {"bytes": self.blobs[digest][offset : offset + 131_072]}

    def room_reject(self, wire: Wire, room: bytes, seq: int, reason: str) -> None:
        self.rejected.append((wire.seat.device_id, seq, reason))

    def room_commit(self, wire: Wire, room: bytes, epoch: int, message_id: bytes, **parts: Any) -> dict:
        log, sender = self.logs[room], wire.seat.device_id
        if self.refuse_commits:
            raise self.refuse_commits.pop(0)
        stored = next((row for row in log.rows if row.sender == sender and _id(row) == message_id), None)
        if stored is not None:
            return {"seq": stored.seq, "epoch": log.epoch}
        if sender not in log.members:
            raise NotMember("not in the room")
        if epoch != log.epoch:
            raise StaleEpoch("another epoch")
        message = self.blobs[parts["commit"]]
        header = MessageHeader.parse(message)
        if (header.epoch, header.content_type, header.message_id) != (epoch, ContentType.COMMIT, message_id):
            raise Malformed("another commit")
        row = self.append(room, sender, message)
        log.epoch += 1
        for device in parts["removed"]:
            log.members.discard(device)
        for device in parts["added"]:
            log.members.add(device)
            log.first[device] = row.seq
            if "welcome" in parts:
                self._welcome(room, row.seq, log.epoch, device, parts)
        log.group_infos = {0: parts["group_info"]}
        return {"seq": row.seq, "epoch": log.epoch}

    def _welcome(self, room: bytes, seq: int, epoch: int, device: bytes, parts: dict) -> None:
        waiting = self.welcomes.setdefault(device, [])
        sizes = {"size": len(self.blobs[parts["welcome"]]), "group_info_size": len(self.blobs[parts["group_info"]])}
        digests = {"digest": parts["welcome"], "group_info": parts["group_info"]}
        waiting.append({"id": len(waiting) + 1, "room": room, "seq": seq, "epoch": epoch, **digests, **sizes})
        self.seats[device].rooms.hear(self.wires[0], ("welcome", {}))

    def welcome_take(self, wire: Wire, done: list[int] = ()) -> dict:
        waiting = self.welcomes.setdefault(wire.seat.device_id, [])
        waiting[:] = [each for each in waiting if each["id"] not in done]
        return {"welcomes": list(waiting)}

    def group_info(self, wire: Wire, room: bytes, n: int = 0) -> dict:
        digest = self.logs[room].group_infos[n]
        return {"digest": digest, "size": len(self.blobs[digest]), "count": len(self.logs[room].group_infos)}


def _id(row: ChatDelivery) -> bytes:
    return MessageHeader.parse(row.message).message_id


async def until(holds: Callable[[], bool], seconds: float = 10) -> None:
    """Return as soon as it holds. Raises: TimeoutError."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)


async def pair(hub):
    """Alice and bob in a room: both, and the room as each has it."""
    alice, bob = await hub.seat("Alice"), await hub.seat("Bob")
    room = alice.rooms.create("Garden")
    await room.add("Bob")
    there = await bob.room(room.room_id)
    await until(lambda: there.name == "Garden")
    return alice, bob, room, there
