"""One room on this device: its group, what was read of its log, and what is still to be sent.

Everything that changes it is a step: work out, write in one transaction, make it true in memory. So nothing leaves the
device before it is on the disk, and a crash leaves the room between two steps.
Spec: 4.6
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from clawchat.mls.group import Group
from clawchat.protocol.attachment import Attachment
from clawchat.protocol.credential import LeafIdentity
from clawchat.protocol.errors import ClawChatError, NotMember, UsageError
from clawchat.protocol.primitives import new_message_id

from . import pending_commit, records
from .archive import Archive, Entry
from .commits import Commits
from .home import Home
from .outbox import Outbox, OutboxEntry
from .payload import encode_profile, encode_text
from .pending_commit import ADOPTED, PendingCommit
from .reader import RoomReader
from .reading import NOT_UNDERSTOOD, ROLLED_BACK
from .records import RoomRecord
from .sender import RoomSender

GROUP_STORES = ("epoch", "live", "past")
STATE_LOST = "state_lost"
# What a resync mends. Spec: 4.6
MENDED = frozenset({STATE_LOST, ROLLED_BACK, NOT_UNDERSTOOD})
SIGNERS = "signers"
KEY_BYTES = 32


@dataclass(slots=True)
class Change:
    """What a room is to be after a step."""

    record: RoomRecord
    group: Group | None
    pending: PendingCommit | None


class Room:
    """A room of this device. Ids are 16 bytes; people are named by their display name or their user id."""

    def __init__(
        self, room_id: bytes, home: Home, record: RoomRecord, group: Group | None, pending: PendingCommit | None
    ) -> None:
        self.room_id, self.home = room_id, home
        self.record, self.group, self.pending = record, group, pending
        self.archive = Archive(home.store, room_id)
        self.outbox = Outbox(home.store, room_id)
        # The code of what keeps the room from going on, None when nothing does.
        self.stuck: str | None = None if group is not None or record.is_gone else STATE_LOST
        # The log's last row when the connection in use began to carry the room; -1 before.
        self.head = -1
        # Somebody came by an external commit and does not know the room's name.
        self.owes_profile = False
        # Its keys are to be made anew, whatever their age.
        self.must_update = False
        self.read = record.read
        self.reader = RoomReader(self)
        self.sender = RoomSender(self)
        self.commits = Commits(self)
        self._changed = asyncio.Event()
        self._failure: ClawChatError | None = None

    # What it is

    @property
    def name(self) -> str:
        """What its members call it; empty until somebody told."""
        return self.record.name

    @property
    def epoch(self) -> int:
        """How often its members or their keys have changed."""
        return self.record.epoch

    @property
    def is_joined(self) -> bool:
        """Whether this device is in the room."""
        return not self.record.is_gone

    @property
    def is_unconfirmed(self) -> bool:
        """Whether this device came back by itself and nobody who was there before was heard since: nothing is sent."""
        return self.record.is_unconfirmed

    @property
    def is_leaving(self) -> bool:
        """Whether this device has asked to be let go."""
        return self.record.is_leaving

    @property
    def user_ids(self) -> tuple[bytes, ...]:
        """The people in the room, by the first of their devices."""
        members = self.group.members if self.group is not None else ()
        return tuple(dict.fromkeys(LeafIdentity.parse(each.leaf.credential.identity).user_id for each in members))

    @property
    def entries(self) -> list[Entry]:
        """What was read of it, in the order of its log."""
        return self.archive.entries()

    @property
    def unsent(self) -> int:
        """How many own messages do not stand in the log yet."""
        return len(self.outbox)

    # What one does in it

    def post(self, text: str, attachments: Sequence[Attachment] = ()) -> bytes:
        """Queue a text and return its message id; it is on the disk, and goes out when it can.

        The byte order mark that some editors put before a text is left out. Files that it shows are at the server
        already: `Member.send_file` does both.
        Raises: not_member; too_large.
        """
        text = text.lstrip("\ufeff")
        return self._queue(encode_text(text, self.home.now_ms(), attachments), text).message_id

    async def send(self, text: str) -> int:
        """Send a text and return its seq in the room's log, once the server has stored it, however long that takes.

        Raises: not_member; too_large; what keeps the room from going on.
        """
        return await self.stored(self.post(text))

    async def stored(self, message_id: bytes) -> int:
        """The seq of a posted message, once the server has stored it."""
        return await self.sender.stored(message_id)

    async def rename(self, name: str) -> int:
        """Tell the members another name of the room, and return where it stands in the log."""
        payload = encode_profile(name, self.home.now_ms())
        entry, change = self._queue(payload, None), self.change()
        change.record = replace(change.record, name=name)
        self.write(change)
        return await self.stored(entry.message_id)

    async def add(self, *people: str | bytes) -> None:
        """Add people with all their devices; return when that stands in the log.

        Raises: usage (nobody of that name); no_package (somebody has no device that can be added yet); invalid (one
        may not); what the server answers.
        """
        await self.commits.add(people)

    async def remove(self, *people: str | bytes) -> None:
        """Take people out with all their devices; return when that stands in the log.

        Raises: usage (nobody of that name); invalid (one may not); what the server answers.
        """
        await self.commits.remove(people)

    async def update(self) -> None:
        """Make this device's keys anew; return when that stands in the log."""
        await self.commits.update()

    async def leave(self) -> None:
        """Ask to be let go; return when that stands in the log. The first member who is there lets this device go."""
        await self.commits.leave()

    def confirm(self) -> None:
        """Send before anybody was heard who was in the room before: the user was warned and wants it. Spec: 4.6"""
        change = self.change()
        change.record = replace(change.record, is_unconfirmed=False)
        self.write(change)
        self.home.wake()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return as soon as this holds of the room.

        Raises: what ended the client.
        """
        while not holds():
            if self._failure is not None:
                raise self._failure
            await self._changed.wait()

    # What its parts need

    @property
    def is_ready(self) -> bool:
        """Whether all was read that stood in the log when the connection in use began to carry the room."""
        is_read = 0 <= self.head <= self.record.cursor
        return is_read and self.is_joined and self.stuck is None and self.group is not None

    @property
    def is_over(self) -> bool:
        """Whether nothing will go on here any more."""
        return not self.is_joined or self._failure is not None or (self.stuck or STATE_LOST) not in MENDED

    def why_over(self) -> ClawChatError:
        """What made an end of it."""
        if self._failure is not None:
            return self._failure
        if not self.is_joined:
            return NotMember("this device is not in the room")
        return UsageError(f"the room cannot go on: {self.stuck}")

    @property
    def is_closed(self) -> bool:
        """Whether the client has ended."""
        return self._failure is not None

    def change(self) -> Change:
        """What the room is now, to be changed and written."""
        return Change(self.record, self.group, self.pending)

    def write(self, change: Change, also: Callable[[], None] | None = None) -> None:
        """Store what is to change in one transaction, and make it true after that. `also` puts further rows."""
        if change.record is not self.record or change.group is not self.group:
            change.record = replace(change.record, read=self.read)
        store, room_id = self.home.store, self.room_id
        with store.transaction():
            if change.record is not self.record:
                store.put(records.STORE, room_id, change.record.encode())
            if change.group is not self.group:
                self._write_group(change)
            if self._believes_anew(change) and change.group is not None:
                store.put(SIGNERS, room_id, b"".join(each.leaf.signature_key for each in change.group.members))
            if change.pending is not self.pending:
                if change.pending is None:
                    store.delete(pending_commit.STORE, room_id)
                else:
                    store.put(pending_commit.STORE, room_id, change.pending.encode())
            if also is not None:
                also()
        self.record, self.group, self.pending = change.record, change.group, change.pending
        self.changed()

    def changed(self) -> None:
        """Let everybody look who waits for something."""
        self._changed.set()
        self._changed = asyncio.Event()

    def get_stuck(self, code: str) -> None:
        """It cannot go on for this reason."""
        self.stuck = code
        self.changed()
        self.home.wake()

    def fail(self, error: ClawChatError) -> None:
        """The client has ended."""
        if self.read != self.record.read:
            change = self.change()
            change.record = replace(self.record, read=self.read)
            with contextlib.suppress(ClawChatError):
                self.write(change)
        self._failure = error
        self.let_down(error)

    def be_gone(self) -> None:
        """This device is not in the room any more; its keys are erased, what was read is kept."""
        change = self.change()
        change.record = replace(self.record, is_gone=True, is_leaving=False)
        change.group = change.pending = None
        pending = self.pending
        self.write(change)
        error = NotMember("this device is not in the room")
        if pending is not None:
            pending.settle(error)
        self.let_down(error)

    def be_made(self) -> None:
        """The server knows the room now."""
        change = self.change()
        change.record = replace(self.record, is_made=True)
        self.write(change)

    def return_by(self, pending: PendingCommit, seq: int) -> None:
        """The external commit stands in the log: its state is the room's, unconfirmed until somebody is heard."""
        change, now = self.change(), self.home.now()
        change.group, change.pending = pending.next, None
        is_alone = len(pending.next.members) == 1
        change.record = replace(
            self.record,
            cursor=seq,
            epoch=pending.next.epoch,
            epoch_since=now,
            updated=now,
            sent=0,
            resynced=now,
            resyncs=self.record.resyncs + 1,
            is_unconfirmed=not is_alone,
        )
        self.stuck = None
        self.write(change)
        pending.settle(ADOPTED)
        self.reader.move_to(seq)
        self.home.take_up(self)
        self.home.wake()

    def let_down(self, error: ClawChatError) -> None:
        """Tell everybody who waits for something here that it will not come."""
        self.sender.fail(error)
        if self.pending is not None:
            self.pending.settle(error)
        self.changed()

    def erase_past(self) -> None:
        """Erase the keys of the epoch before; what was sent in its last moments was read by now."""
        if self.group is not None:
            change = self.change()
            change.group = self.group.without_past()
            self.write(change)
            self.home.store.forget_former()

    def repeat_profile(self) -> None:
        """Tell whoever came by themselves what the room is called."""
        if self.record.name:
            self.queue_profile()
            self.home.wake()

    def queue_profile(self) -> None:
        """Tell the members the room's name. Within a transaction it counts from its end on."""
        now = self.home.now_ms()
        self.outbox.add(new_message_id(now), now, encode_profile(self.record.name, now), None)

    def queue_leave(self) -> OutboxEntry:
        """Ask the members to let this device go."""
        return self._queue(b"", None)

    @property
    def signers(self) -> frozenset[bytes]:
        """The signature keys of the last tree that this device believed."""
        kept = self.home.store.get(SIGNERS, self.room_id) or b""
        return frozenset(kept[at : at + KEY_BYTES] for at in range(0, len(kept), KEY_BYTES))

    # Internal

    def _queue(self, payload: bytes, text: str | None) -> OutboxEntry:
        if not self.is_joined:
            raise NotMember("this device is not in the room")
        if self.is_leaving and payload:
            raise UsageError("this device is leaving the room")
        now = self.home.now_ms()
        entry = self.outbox.add(new_message_id(now), now, payload, text)
        self.changed()
        self.home.wake()
        return entry

    def _write_group(self, change: Change) -> None:
        """Whose keys are erased is overwritten on the disk, too."""
        store, before, group = self.home.store, self.group, change.group
        if group is None:
            rows: dict[str, bytes | None] = dict.fromkeys(GROUP_STORES)
        elif before is None or change.record.resynced != self.record.resynced:
            rows = dict(group.rows())
        else:
            rows = dict(group.rows_since(before))
        for name, value in rows.items():
            if value is None:
                store.delete(name, self.room_id)
            else:
                store.put(name, self.room_id, value)

    def _believes_anew(self, change: Change) -> bool:
        """Whether the tree after the step is another one than the last that this device believed."""
        if change.group is None or change.record.is_unconfirmed:
            return False
        return self.group is None or self.group.epoch != change.group.epoch or self.record.is_unconfirmed


def load_group(home: Home, room_id: bytes) -> Group | None:
    """The group of this room as the store has it; None when it is gone or cannot be used."""
    rows = {name: home.store.get(name, room_id) for name in GROUP_STORES}
    if rows["epoch"] is None or rows["live"] is None:
        return None
    try:
        return Group.load(home.member, rows, rules=home.rules)
    except ClawChatError:
        return None
