"""Does for each room what goes on by itself: repeats commits, takes up proposals, makes keys anew, erases, comes back.

Spec: 4.4, 4.5, 4.6
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

from clawchat.protocol.errors import ClawChatError, NotMember

from .home import Home
from .pace import Pace
from .resync import prepare_return
from .room import MENDED, Room

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5


class Keeper:
    """Looks at every room now and then. Whatever several members could do waits a random while first."""

    def __init__(self, home: Home, rooms: Callable[[], Iterable[Room]]) -> None:
        self._home, self._rooms = home, rooms
        self._due: dict[tuple[bytes, str], float] = {}
        self._busy: set[bytes] = set()

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            for room in list(self._rooms()):
                self._look_after(room)
            await asyncio.sleep(TICK_SECONDS)

    # Internal

    def _look_after(self, room: Room) -> None:
        if not room.is_joined:
            return
        pace, record, group = self._home.pace, room.record, room.group
        now = self._home.now()
        room.commits.publish()
        is_free = room.is_ready and not room.is_unconfirmed and room.pending is None and not room.is_leaving
        if room.is_ready and group is not None and group.has_past and now - record.epoch_since >= pace.past:
            room.erase_past()
        if self._is_due(room, "profile", is_free and room.owes_profile, pace.help):
            room.owes_profile = False
            room.repeat_profile()
        waits = group is not None and group.pending_proposals > 0
        if self._is_due(room, "proposals", is_free and waits, pace.help):
            self._do(room, room.commits.take_up)
        if self._is_due(room, "update", is_free and self._is_old(room, now), pace.update_wait):
            self._do(room, room.commits.update)
        is_broken = room.stuck in MENDED and room.head >= 0 and room.pending is None
        if self._is_due(room, "resync", is_broken and self._may_resync(room, now), pace.resync):
            self._do(room, lambda: self._resync(room))

    def _is_due(self, room: Room, what: str, holds: bool, seconds: float) -> bool:
        """Whether this has held for a random part of so many seconds, and nothing else is being done for the room."""
        key = (room.room_id, what)
        if not holds or room.room_id in self._busy:
            self._due.pop(key, None)
            return False
        due = self._due.setdefault(key, time.monotonic() + Pace.within(seconds))
        if time.monotonic() < due:
            return False
        del self._due[key]
        return True

    def _is_old(self, room: Room, now: int) -> bool:
        """Whether this device's keys in the room are to be made anew. Spec: 4.4, post-compromise schedule"""
        pace, record = self._home.pace, room.record
        is_old = now - record.updated >= pace.update or record.sent >= pace.update_messages
        is_alone = room.group is not None and len(room.group.members) == 1
        return (is_old or room.must_update) and not is_alone

    def _may_resync(self, room: Room, now: int) -> bool:
        record = room.record
        pause = self._home.pace.resync_pause * (1 << max(0, record.resyncs - 1)) if record.resyncs else 0.0
        return now - record.resynced >= pause

    def _do(self, room: Room, work: Callable[[], object]) -> None:
        self._busy.add(room.room_id)
        self._home.spawn(self._carry_out(room, work))

    async def _carry_out(self, room: Room, work: Callable[[], object]) -> None:
        try:
            await work()  # type: ignore[misc]
        except NotMember as error:
            logger.info("not in the room any more: %s", error)
        except ClawChatError as error:
            logger.info("put off: %s", error)
            await self._home.pause(0.0)
        finally:
            self._busy.discard(room.room_id)

    async def _resync(self, room: Room) -> None:
        try:
            await prepare_return(room)
        except NotMember:
            room.be_gone()
            return
        room.commits.publish()
        if room.pending is not None:
            await room.pending.fate()
