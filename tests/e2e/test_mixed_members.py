"""A room of Python and Chromium members through a thousand random steps: everybody reads everything, once.

The log is the server's: it takes one commit for each epoch, and messages of the room's epoch and the one before. What
lies between log and members loses, doubles and reorders messages; members restart, lose their disk, go and come back.
"""

import random
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.browser import Browsers
from tests.e2e.plain_site import PlainSite
from tests.mls.oracles.room_members import InPage, InPython

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
STEPS = 1000
SEED = 20_261_122
PEOPLE = 8
# Fewer than the 10 skipped keys a receiver keeps of each sender.
AT_ONCE = 8


@dataclass
class Row:
    """One row of the log."""

    kind: str
    message_id: str
    epoch: int
    sender: "Device"
    message: str
    payload: str | None = None


@dataclass
class Device:
    """A member with its place in the log, and what it should have read."""

    member: InPython | InPage
    name: str
    user: str = ""
    # It knows itself to be in the room; the server's list may have it no more.
    inside: bool = False
    listed: bool = False
    cursor: int = 0
    joined: int = 0
    late: list[Row] = field(default_factory=list)
    unsent: list[tuple[str, str]] = field(default_factory=list)
    read: dict[str, str] = field(default_factory=dict)
    expected: dict[str, str] = field(default_factory=dict)


class Room:
    """The log, the devices, and what may happen."""

    def __init__(self, devices: list[Device], dice: random.Random) -> None:
        self.devices, self.dice = devices, dice
        self.log: list[Row] = []
        self.epoch = 0
        self.group_info = ""
        self.done: dict[str, int] = {}
        self.refused: dict[str, int] = {}

    @property
    def inside(self) -> list[Device]:
        return [each for each in self.devices if each.inside]

    async def begin(self) -> None:
        """The first device makes the room and adds three more."""
        room, now = secrets.token_hex(16), int(time.time())
        for device in self.devices:
            device.user = (await device.member.ask("begin", room=room, now=now))["user"]
        maker = self.devices[0]
        await maker.member.ask("create", administrators=[each.user for each in self.devices], now=now)
        maker.inside = maker.listed = True
        for newcomer in self.devices[1:4]:
            while not await self.commit(maker, add=[newcomer]):
                """The server did not take it; once more."""

    async def step(self) -> None:
        """Something happens to somebody."""
        device = self.dice.choice(self.inside)
        what = self.dice.choices(
            ["say", "send", "read", "refresh", "add", "remove", "restart", "resync", "twice"],
            [30, 15, 30, 6, 4, 3, 6, 2, 4],
        )[0]
        self.done[what] = self.done.get(what, 0) + 1
        if what == "say":
            payload, message_id = f"{device.name} {len(device.unsent)} {secrets.token_hex(4)}".encode().hex(), _id()
            device.unsent.append((payload, message_id))
            if self.dice.random() < 0.7:
                await self.send(device)
        elif what == "send":
            await self.send(device)
        elif what == "read":
            await self.read(device)
        elif what == "refresh":
            await self.commit(device)
        elif what == "add":
            outside = [each for each in self.devices if not each.inside]
            if outside:
                await self.commit(device, add=self.dice.sample(outside, self.dice.randint(1, min(2, len(outside)))))
        elif what == "remove":
            others = [each for each in self.inside if each is not device and each.listed]
            if len(others) > 2:
                await self.commit(device, remove=[self.dice.choice(others)])
        elif what == "restart":
            await device.member.ask("restart")
        elif what == "resync":
            await self.resync(device)
        elif what == "twice":
            await self.repeat(device)

    async def send(self, device: Device) -> None:
        """Encrypt and post what waits; one may be encrypted and never leave, and comes again for the next epoch."""
        while device.unsent and device.listed:
            payload, message_id = device.unsent[0]
            sealed = await device.member.ask("seal", payload=payload, message_id=message_id)
            if self.dice.random() < 0.05:
                return await device.member.ask("restart")
            if sealed["epoch"] not in (self.epoch, self.epoch - 1):
                return await self.read(device)
            device.unsent.pop(0)
            self.log.append(Row("message", message_id, sealed["epoch"], device, sealed["message"], payload))
        return None

    async def read(self, device: Device) -> None:
        """The next rows, disordered within an epoch; what is lost on the way comes with the next."""
        ready, device.late = device.late, []
        epoch = sum(row.kind == "commit" for row in self.log[: device.cursor])
        commit = None
        while device.cursor < len(self.log) and len(ready) < AT_ONCE and commit is None:
            row = self.log[device.cursor]
            device.cursor += 1
            if row.kind == "commit":
                commit = row
            elif row.sender is not device and row.epoch >= device.joined:
                ready.append(row)
        self.dice.shuffle(ready)
        for row in ready:
            if row.epoch == epoch and self.dice.random() < 0.15:
                device.late.append(row)
                continue
            await self.open(device, row)
            if self.dice.random() < 0.1:
                await self.open(device, row, again=True)
        if commit is not None:
            if self.dice.random() < 0.5:
                await self.open_late(device)
            await self.follow(device, commit)

    async def open(self, device: Device, row: Row, again: bool = False) -> None:
        """One message, opened; a second time it is refused."""
        opened = await device.member.ask("open", message=row.message)
        if again:
            assert opened["kind"] in ("key_used", "epoch_gone"), opened
            return
        assert opened["kind"] == "message", (device.name, row.sender.name, row.epoch, opened)
        assert row.message_id not in device.read
        device.read[row.message_id] = opened["payload"]

    async def follow(self, device: Device, row: Row) -> None:
        """A commit of somebody else; it may have removed this device."""
        opened = await device.member.ask("open", message=row.message)
        if opened["kind"] == "removed":
            await self.open_late(device)
            self.leave(device)
            return
        assert opened["kind"] == "commit", (device.name, row.sender.name, row.epoch, opened)
        await self.open_late(device)

    async def open_late(self, device: Device) -> None:
        """What was lost on the way has come."""
        late, device.late = device.late, []
        for row in late:
            await self.open(device, row)

    async def catch_up(self, device: Device) -> None:
        """Read to the head."""
        while device.inside and (device.cursor < len(self.log) or device.late):
            await self.read(device)

    async def commit(self, device: Device, add: list[Device] = (), remove: list[Device] = ()) -> bool:
        """A commit; by one who is behind it is refused, and another one may have been quicker."""
        if self.dice.random() < 0.8:
            await self.catch_up(device)
        if not device.listed or any(each.inside for each in add) or not all(each.listed for each in remove):
            return False
        now = int(time.time())
        packages = [(await each.member.ask("key_package", now=now))["key_package"] for each in add]
        leaves = [(await each.member.ask("where"))["leaf"] for each in remove]
        before = (await device.member.ask("where"))["epoch"]
        if before != self.epoch and (add or remove):
            return False
        message_id = _id()
        made = await device.member.ask("commit", add=packages, remove=leaves, message_id=message_id, now=now)
        if self.dice.random() < 0.3:
            await device.member.ask("restart")
        if before != self.epoch or self.dice.random() < 0.1:
            self.refused["commit"] = self.refused.get("commit", 0) + 1
            await device.member.ask("dropped")
            return False
        # What came before it in the log is opened with a commit of one's own under way.
        await self.catch_up(device)
        for each in remove:
            each.listed = False
        return await self.take(device, message_id, made, add)

    async def take(self, device: Device, message_id: str, made: dict, add: list[Device] = ()) -> bool:
        """The server takes a commit; whoever made it goes on, and who was added joins."""
        self.log.append(Row("commit", message_id, self.epoch, device, made["commit"]))
        self.epoch += 1
        self.group_info = made["group_info"]
        await device.member.ask("taken")
        await self.open_late(device)
        device.cursor = len(self.log)
        for newcomer in add:
            await newcomer.member.ask("join", welcome=made["welcome"], group_info=made["group_info"])
            self.enter(newcomer)
        return True

    async def resync(self, device: Device) -> None:
        """The disk is lost; the device comes back in its own place. What it had not read of the old epochs is gone."""
        await self.catch_up(device)
        if not device.listed:
            return
        leaf = (await device.member.ask("where"))["leaf"]
        await device.member.ask("forget")
        message_id = _id()
        made = await device.member.ask(
            "resync", group_info=self.group_info, leaf=leaf, message_id=message_id, now=int(time.time())
        )
        self.note(device)
        await self.take(device, message_id, made)
        device.joined = self.epoch

    async def repeat(self, device: Device) -> None:
        """A row that was read long ago comes again."""
        known = [row for row in self.log[: device.cursor] if row.message_id in device.read]
        if known:
            await self.open(device, self.dice.choice(known), again=True)

    def enter(self, device: Device) -> None:
        """It reads from here on."""
        device.inside = device.listed = True
        device.cursor, device.joined, device.late = len(self.log), self.epoch, []

    def leave(self, device: Device) -> None:
        """It has read all it may."""
        self.note(device)
        device.inside, device.unsent = False, []

    def note(self, device: Device) -> None:
        """What it should have read since it joined, up to its cursor."""
        for row in self.log[: device.cursor]:
            if row.kind == "message" and row.sender is not device and row.epoch >= device.joined:
                device.expected[row.message_id] = row.payload


def _id() -> str:
    return secrets.token_hex(16)


@pytest.mark.asyncio
@pytest.mark.timeout(400)
async def test_a_thousand_steps_leave_one_transcript(chromium_path, tmp_path):
    """Loss, reordering, duplicates, restarts, lost disks, comings and goings: nothing unread, nothing read twice."""
    async with Browsers(chromium_path, tmp_path) as browsers:
        with PlainSite(ROOT) as site:
            person = await browsers.open("pages", f"{site.origin}/tests/mls/oracles/")
            devices = [
                Device(InPython() if number % 2 else InPage(person.page, number), f"{number}")
                for number in range(PEOPLE)
            ]
            room = Room(devices, random.Random(SEED))
            await room.begin()
            for _ in range(STEPS):
                await room.step()
            for device in room.inside:
                await room.send(device)
            for device in list(room.inside):
                await room.catch_up(device)
                if device.inside:
                    room.note(device)
            standing = {device.name: await device.member.ask("where") for device in room.inside}

    for device in devices:
        assert device.read == device.expected, device.name
    assert len({place["exported"] for place in standing.values()}) == 1, standing
    assert {place["epoch"] for place in standing.values()} == {room.epoch}
    assert len(standing) >= 3 and room.epoch > 50 and sum(row.kind == "message" for row in room.log) > 200
