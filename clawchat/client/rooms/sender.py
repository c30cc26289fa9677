"""Gets a room's own messages into its log.

Spec: 3.13, 4.5, 4.6
"""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from clawchat.client.connection import Connection
from clawchat.mls.group import Group
from clawchat.protocol.authenticated_data import member_data
from clawchat.protocol.errors import ClawChatError, NotMember, PeerError, StaleEpoch
from clawchat.protocol.primitives import random_bytes

from .outbox import OutboxEntry

if TYPE_CHECKING:
    from .room import Room


class RoomSender:
    """One room's outbox, and who waits for its messages to be stored."""

    def __init__(self, room: "Room") -> None:
        self._room = room
        self._waiting: dict[bytes, asyncio.Future[int]] = {}

    @property
    def may_send(self) -> bool:
        """Whether messages may be encrypted now."""
        room = self._room
        is_free = room.pending is None and not room.record.is_unconfirmed
        return room.is_ready and is_free and room.group is not None and room.group.pending_proposals == 0

    def prepare(self, connection: Connection, most: int) -> list[OutboxEntry]:
        """What is to be sent on this connection now, at most so many, in order: encrypted, and on the disk."""
        room = self._room
        if not self.may_send or room.group is None:
            return []
        plan: list[OutboxEntry] = []
        sealed: dict[OutboxEntry, bytes] = {}
        group = room.group
        for entry in room.outbox.sendable(connection, group.epoch)[:most]:
            if not entry.message or entry.epoch != group.epoch:
                group, sealed[entry] = self._seal(group, entry)
            plan.append(entry)
            if entry.is_leave:
                # Nothing may be encrypted behind a proposal.
                break
        if sealed:
            self._store(group, sealed)
        return plan

    async def stored(self, message_id: bytes) -> int:
        """The seq of a message of the outbox, once the server has stored it.

        Raises: not_member; what ended the client.
        """
        entry = self._room.outbox.find(message_id)
        if entry is None or entry.is_acknowledged:
            return entry.seq if entry is not None else await self._place(message_id)
        if message_id not in self._waiting:
            self._waiting[message_id] = asyncio.get_running_loop().create_future()
        return await asyncio.shield(self._waiting[message_id])

    # Answers

    def acknowledged(self, entry: OutboxEntry, seq: int) -> None:
        """The server has stored it."""
        self._room.outbox.acknowledge(entry, seq)
        self._resolve(entry.message_id, seq)
        self.settle_passed()

    def delivered(self, entry: OutboxEntry, seq: int) -> None:
        """It stands in the log that was read, and its row in the store is gone."""
        self._room.outbox.remove(entry)
        self._resolve(entry.message_id, seq)

    def refused(self, connection: Connection, entry: OutboxEntry, error: PeerError) -> None:
        """The server did not take it, and not only for the moment."""
        room = self._room
        if entry.is_acknowledged or entry.connection is not connection:
            return
        if isinstance(error, StaleEpoch):
            entry.stale = True
        elif isinstance(error, NotMember):
            room.be_gone()
        else:
            # The same bytes would be refused again, and nothing may overtake them.
            self.fail(error)
            room.get_stuck(error.code)

    def settle_passed(self) -> None:
        """Take as delivered what the server has put at places that were not read: they lie behind the cursor now."""
        room = self._room
        passed = [entry for entry in room.outbox if 0 < entry.seq <= room.record.cursor]
        if not passed:
            return
        me = room.home.user_id
        entries = [entry for each in passed for entry in each.shown(each.seq, each.time_ms, me)]
        with room.home.store.transaction():
            room.archive.add(entries)
            for entry in passed:
                room.outbox.erase(entry)
        for entry in passed:
            self.delivered(entry, entry.seq)
        room.home.tell(room, entries)

    def fail(self, error: ClawChatError) -> None:
        """Nothing will be sent any more."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(error)
                # Looked at, or asyncio would complain of an error that nobody saw.
                future.exception()
        self._waiting.clear()

    # Internal

    def _seal(self, group: Group, entry: OutboxEntry) -> tuple[Group, bytes]:
        associated = member_data(self._room.room_id, entry.message_id)
        if entry.is_leave:
            return group.propose_removal_of_self(associated, random=random_bytes)
        return group.seal(entry.payload, associated, random=random_bytes)

    def _store(self, group: Group, sealed: dict[OutboxEntry, bytes]) -> None:
        """The keys' new state and what they encrypted, together. Spec: 4.6, write-ahead rule"""
        room = self._room
        change = room.change()
        change.group = group
        change.record = replace(room.record, sent=room.record.sent + len(sealed))

        def also() -> None:
            for entry, message in sealed.items():
                room.outbox.write(entry, group.epoch, message)

        room.write(change, also)
        for entry, message in sealed.items():
            entry.epoch, entry.message = group.epoch, message

    async def _place(self, message_id: bytes) -> int:
        """Where a message stands that is not in the outbox any more."""
        found = [entry.seq for entry in self._room.archive.entries() if entry.id == message_id]
        if not found:
            raise NotMember("there is no such message")
        return found[0]

    def _resolve(self, message_id: bytes, seq: int) -> None:
        future = self._waiting.pop(message_id, None)
        if future is not None and not future.done():
            future.set_result(seq)
