"""Changing who is in a room: a commit is made, stored, handed to the server, and true when it stands in the log.

Spec: 4.4, 4.5
"""

import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from clawchat.client.refusals import PASSING, pause_after
from clawchat.mls.group import Group
from clawchat.mls.key_package import KeyPackage
from clawchat.protocol.authenticated_data import member_data
from clawchat.protocol.credential import LeafIdentity
from clawchat.protocol.errors import (
    ClawChatError,
    NotMember,
    OutOfOrder,
    StaleEpoch,
)
from clawchat.protocol.primitives import new_message_id, random_bytes

from .adding import packages_for
from .pending_commit import ADOPTED, SUPERSEDED, PendingCommit

if TYPE_CHECKING:
    from .room import Room

logger = logging.getLogger(__name__)

# After these a commit is repeated byte for byte. OutOfOrder: the server let its blobs go, which are staged again.
REPEATED = (*PASSING, OutOfOrder)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a commit is to do: key packages by device id, and the device ids that are to go; none: new keys only."""

    add: dict[bytes, KeyPackage]
    remove: frozenset[bytes] = frozenset()


class Commits:
    """Makes one room's commits, one at a time."""

    def __init__(self, room: "Room") -> None:
        self._room = room
        # The pending commit that was handed to the server, or is being.
        self._published: PendingCommit | None = None

    # What one does

    async def add(self, people: Sequence[str | bytes]) -> None:
        """As `Room.add`. A device that the server will not have is left out."""
        home = self._room.home
        found = [await home.directory.find(each) for each in people]
        packages = await packages_for(home.ask, found, home.member.suite, home.rules)
        while True:
            try:
                await self._carry_out(partial(self._missing, packages=packages))
                return
            except NotMember as error:
                refused = error.details.get("devices")
                if not isinstance(refused, list) or not set(refused) & set(packages):
                    raise
                packages = {device: package for device, package in packages.items() if device not in refused}

    async def remove(self, people: Sequence[str | bytes]) -> None:
        """As `Room.remove`."""
        users = {(await self._room.home.directory.find(each)).user_id for each in people}
        await self.remove_devices(lambda identity: identity.user_id in users)

    async def remove_devices(self, which: Callable[[LeafIdentity], bool]) -> None:
        """Take out all devices of which this holds, but this one."""

        def present(group: Group) -> Wanted | None:
            found = frozenset(each.device_id for each in self._others(group) if which(each))
            return Wanted({}, found) if found else None

        await self._carry_out(present)

    async def update(self) -> None:
        """As `Room.update`."""
        await self._carry_out(lambda group: Wanted({}), is_enough=True)

    async def take_up(self) -> None:
        """Commit what others have proposed, if that still waits."""
        await self._carry_out(lambda group: Wanted({}) if group.pending_proposals else None)

    async def leave(self) -> None:
        """As `Room.leave`."""
        room = self._room
        me = room.home.user_id
        await self.remove_devices(lambda identity: identity.user_id == me)
        await room.until(lambda: room.is_ready or not room.is_joined)
        if room.is_joined:
            await room.stored(self.leave_again())

    def leave_again(self) -> bytes:
        """Propose that this device is removed, and return the proposal's id."""
        room = self._room
        if room.group is not None and len(room.group.members) == 1:
            # Nobody is there who could let it go, and nobody who would notice.
            room.be_gone()
            return b""
        entry = room.queue_leave()
        change = room.change()
        change.record = replace(room.record, is_leaving=True)
        room.write(change)
        return entry.message_id

    # What the log and the server say

    def publish(self) -> None:
        """Hand a pending commit to the server, again when a restart or a lost connection came between."""
        pending = self._room.pending
        if pending is not None and self._published is not pending and (self._room.is_ready or pending.is_external):
            self._published = pending
            self._room.home.spawn(self._publish(pending))

    async def report(self, seq: int, reason: str) -> None:
        """Tell the server that this device cannot process a commit; it only writes that down. Spec: 4.5"""
        try:
            await self._room.home.ask("room.reject", room=self._room.room_id, seq=seq, reason=reason)
        except ClawChatError as error:
            logger.info("the commit that was not understood could not be reported: %s", error)

    # Internal

    async def _carry_out(self, wanted: Callable[[Group], Wanted | None], *, is_enough: bool = False) -> None:
        """Have a commit in the log that does what is wanted, however many of others come first.

        When it is to be done until nothing is wanted any more; else one commit of ours is enough.
        """
        room = self._room
        while True:
            await room.until(lambda: (room.is_ready and not room.is_unconfirmed) or room.is_over)
            if room.is_over or room.group is None:
                raise room.why_over()
            pending = room.pending
            if pending is None:
                what = wanted(room.group)
                if what is None:
                    return
                pending = self._prepare(room.group, what)
                self.publish()
                if await pending.fate() == ADOPTED and is_enough:
                    return
            else:
                with contextlib.suppress(ClawChatError):
                    await pending.fate()

    def _prepare(self, group: Group, wanted: Wanted) -> PendingCommit:
        """Make the commit; it is on the disk with the state it leads to, and nothing has left yet."""
        room = self._room
        home = room.home
        message_id = new_message_id(home.now_ms())
        leaves = {LeafIdentity.parse(each.leaf.credential.identity).device_id: each.index for each in group.members}
        removed = tuple(device for device in wanted.remove if device in leaves)
        made = group.commit(
            add=tuple(wanted.add.values()),
            remove=tuple(leaves[device] for device in removed),
            authenticated_data=member_data(room.room_id, message_id),
            random=random_bytes,
            now=home.now(),
        )
        after = {LeafIdentity.parse(each.leaf.credential.identity).device_id for each in made.next.members}
        # What members have proposed themselves goes with it, so the server's roster needs it, too.
        gone = tuple(sorted(set(leaves) - after))
        change = room.change()
        change.group = made.group
        change.pending = pending = PendingCommit.of(made, message_id, tuple(wanted.add), gone)
        room.write(change)
        return pending

    async def _publish(self, pending: PendingCommit) -> None:
        room = self._room
        try:
            seq = await pending.publish(room.home.ask, room.room_id)
        except StaleEpoch:
            # Another commit took the epoch; the log is about to show which. Who reads no log begins anew.
            if pending.is_external:
                self._drop(pending, SUPERSEDED)
        except REPEATED as error:
            await self._later(pending, pause_after(error))
        except ClawChatError as error:
            if error.number is None:
                await self._later(pending, 0.0)
            else:
                self._drop(pending, error)
        else:
            if pending.is_external:
                room.return_by(pending, seq)

    async def _later(self, pending: PendingCommit, seconds: float) -> None:
        await self._room.home.pause(seconds)
        if self._published is pending:
            self._published = None
        self._room.home.wake()

    def _drop(self, pending: PendingCommit, fate: str | ClawChatError) -> None:
        room = self._room
        if room.pending is not pending:
            return
        change = room.change()
        change.pending = None
        room.write(change)
        pending.settle(fate)
        room.home.wake()

    def _others(self, group: Group) -> list[LeafIdentity]:
        identities = [LeafIdentity.parse(each.leaf.credential.identity) for each in group.members]
        return [identity for identity in identities if identity.device_id != self._room.home.device_id]

    def _missing(self, group: Group, packages: dict[bytes, KeyPackage]) -> Wanted | None:
        present = {identity.device_id for identity in self._others(group)}
        missing = {device: package for device, package in packages.items() if device not in present}
        return Wanted(missing) if missing else None
