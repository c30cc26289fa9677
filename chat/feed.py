"""A room's rows on their way to the sessions of this process: the cursor rule.

A session gets a row only when it is its cursor + 1; otherwise it reads on from the log. Live delivery, replay, slow
readers and rows that other processes stored are all this one rule.
"""

import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Protocol

from chat.database import DatabaseThreads
from chat.services import log
from chat.services.delivery import StoredRow
from clawchat.protocol.errors import PeerError, Unavailable

logger = logging.getLogger(__name__)

Spawn = Callable[[Coroutine], object]


class Reader(Protocol):
    """What a subscription needs of its session."""

    device_pk: int
    device_id: bytes
    writable: bool

    def send_row(self, row: StoredRow) -> None:
        """Send a row, at once."""

    def send_signal(self, payload: bytes) -> None:
        """Send a signal, at once."""

    def resume_anew(self) -> None:
        """End the session, because its place in the log exists no more."""


class Feed:
    """One room in this process."""

    def __init__(
        self, room_id: bytes, database: DatabaseThreads, spawn: Spawn, forget: Callable[["Feed"], None]
    ) -> None:
        self.room_id = room_id
        self.database, self.spawn = database, spawn
        # Called when the last subscription has ended.
        self._forget = forget
        self.subscriptions: set[Subscription] = set()
        # The rows up to here were offered; None until somebody asked the log.
        self.head: int | None = None
        # The last seq anybody told of.
        self._known = 0
        self._reading = False

    def begin(self, head: int) -> None:
        """Take over the head that the log has; rows that came meanwhile are read."""
        if self.head is None:
            self.head = head
        self.hear(max(head, self._known))

    def hear(self, head: int) -> None:
        """Somebody says that the log goes up to `head`."""
        self._known = max(self._known, head)
        if self.head is not None and self._known > self.head and not self._reading:
            self._reading = True
            self.spawn(self._read_on())

    def offer(self, rows: Sequence[StoredRow]) -> None:
        """Hand out rows that were just stored or read; what does not follow the last one is read from the log."""
        for row in rows:
            if self.head is not None and row.seq == self.head + 1:
                self.head = row.seq
                for subscription in tuple(self.subscriptions):
                    subscription.offer(row)
            else:
                self.hear(row.seq)

    def pass_on(self, sender: bytes, payload: bytes) -> None:
        """Hand a signal to the sessions of all devices but its sender's that take it now; the others never get it.

        Spec: 4.12
        """
        for subscription in tuple(self.subscriptions):
            reader = subscription.reader
            if subscription.is_in_room and reader.device_id != sender and reader.writable:
                reader.send_signal(payload)

    def leave(self, subscription: "Subscription") -> None:
        """One listener less."""
        self.subscriptions.discard(subscription)
        if not self.subscriptions:
            self._forget(self)

    def look_after(self) -> None:
        """Go on where reading had to stop, because the database was away or a wake-up got lost."""
        self.hear(self._known)
        for subscription in tuple(self.subscriptions):
            subscription.read_on()

    async def _read_on(self) -> None:
        """Read what this process did not store itself, once for all its sessions."""
        try:
            while self.subscriptions and self.head < self._known:
                rows = await self.database.run(log.read_for_all, self.room_id, self.head)
                if not rows:
                    # Nothing there: removed after the retention. The next row is heard of anew.
                    self._known = self.head
                    break
                # Rows that somebody stored here while we read were handed out: they are not above the head any more.
                rows = [row for row in rows if row.seq > self.head]
                if rows and rows[0].seq > self.head + 1:
                    self.head = rows[0].seq - 1
                self.offer(rows)
        except Unavailable:
            logger.warning("a room's log cannot be read now")
        finally:
            self._reading = False


class Subscription:
    """One session's place in one room."""

    def __init__(self, feed: Feed, reader: Reader) -> None:
        self.feed, self.reader = feed, reader
        # None until the log said where this device may begin.
        self.cursor: int | None = None
        # The last row that is known to have taken the device out, delivered or not.
        self._removed_at = 0
        self._reading = False
        feed.subscriptions.add(self)

    @property
    def is_in_room(self) -> bool:
        """Whether the device is in the room, as far as this process has read the log.

        A session that is slow to take its rows may not have been told yet that its device was removed.
        """
        return self in self.feed.subscriptions and self.cursor is not None and self._removed_at <= self.cursor

    def begin(self, cursor: int) -> None:
        """Go on after `cursor`."""
        self.cursor = cursor
        self.read_on()

    def end(self) -> None:
        """Send nothing more."""
        self.feed.leave(self)

    def offer(self, row: StoredRow) -> None:
        """Send the row, if it is the next one and the session can take it; otherwise read on from the log."""
        if self.reader.device_pk in row.removed:
            self._removed_at = row.seq
        if self.cursor is None or row.seq <= self.cursor:
            return
        if row.seq == self.cursor + 1 and self.reader.writable:
            self._send(row)
        else:
            self.read_on()

    def read_on(self) -> None:
        """Read from the log what is missing, unless that is going on or the session cannot take it."""
        if self._is_behind() and not self._reading:
            self._reading = True
            self.feed.spawn(self._read_on())

    def _is_behind(self) -> bool:
        live = self in self.feed.subscriptions and self.cursor is not None and self.feed.head is not None
        return live and self.reader.writable and self.cursor < self.feed.head

    def _send(self, row: StoredRow) -> None:
        self.reader.send_row(row)
        self.cursor = row.seq
        if self.reader.device_pk in row.removed:
            self.end()

    async def _read_on(self) -> None:
        try:
            while self._is_behind():
                rows = await self.feed.database.run(log.read, self.reader.device_pk, self.feed.room_id, self.cursor)
                if not self._take(rows):
                    break
        except Unavailable:
            logger.warning("a session's rows cannot be read now")
        except PeerError:
            # Revoked, or not in the room any more: the log has nothing for this device.
            self.end()
        finally:
            self._reading = False

    def _take(self, rows: Sequence[StoredRow]) -> bool:
        """Whether reading brought the session forward."""
        before = self.cursor
        for row in rows:
            if row.seq <= self.cursor:
                continue
            if row.seq > self.cursor + 1:
                # The rows between were removed after the retention while this session slept.
                self.end()
                self.reader.resume_anew()
                return False
            if not self.reader.writable or self not in self.feed.subscriptions:
                return False
            self._send(row)
        return self.cursor > before
