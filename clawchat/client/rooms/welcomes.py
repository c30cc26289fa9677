"""Joining the rooms others have put this device into.

Spec: 3.14, 4.5, 4.6
"""

import logging
from collections.abc import Callable
from typing import Any

from clawchat.mls.codec import Reader
from clawchat.mls.framing import MLSMessage, WireFormat
from clawchat.mls.group import Group
from clawchat.mls.key_package import KeyPackageSecrets
from clawchat.mls.welcome import Welcome
from clawchat.protocol.errors import PeerError

from . import pending_commit
from .archive import Archive, Entry
from .home import Home
from .key_stock import KeyStock
from .records import RoomRecord
from .room import Room
from .staging import fetch_blob

logger = logging.getLogger(__name__)


class Welcomes:
    """What waits at the server for this device to come in."""

    def __init__(self, home: Home, stock: KeyStock) -> None:
        self._home, self._stock = home, stock

    async def take(self, known: Callable[[bytes], Room | None], joined: Callable[[Room], None]) -> None:
        """Join everything that waits; `joined` is given each room once it is stored.

        Raises: what the server answers.
        """
        for welcome in (await self._home.ask("welcome.take"))["welcomes"]:
            before = known(welcome["room"])
            if before is None or welcome["epoch"] > before.record.epoch:
                room = await self._open(welcome, before)
                if room is not None:
                    joined(room)
            # Also one that cannot be opened: it would come again for ever, and whoever made it can only make another.
            await self._home.ask("welcome.take", done=[welcome["id"]])

    async def _open(self, welcome: dict[str, Any], before: Room | None) -> Room | None:
        home, room_id = self._home, welcome["room"]
        data = await fetch_blob(home.ask, room_id, welcome["digest"], welcome["size"])
        group_info = await fetch_blob(home.ask, room_id, welcome["group_info"], welcome["group_info_size"])
        ours = self._stock.find(_refs(data))
        if ours is None:
            return None
        secrets, made = ours
        try:
            group = Group.join(home.member, secrets, data, group_info, rules=home.rules)
        except PeerError as error:
            logger.info("a Welcome into room %s is of no use: %s", room_id.hex(), error)
            return None
        if group.group_id != room_id or (before is not None and group.epoch <= before.record.epoch):
            return None
        return self._store(welcome, group, secrets, made, before)

    def _store(
        self, welcome: dict[str, Any], group: Group, secrets: KeyPackageSecrets, made: int, before: Room | None
    ) -> Room:
        """The room as it is from now on. The leaf's keys are as old as the package."""
        home, room_id, seq = self._home, welcome["room"], welcome["seq"]
        place = {"cursor": seq, "read": seq, "epoch": group.epoch}
        record = RoomRecord(before.record.name if before else "", epoch_since=home.now(), updated=made, **place)
        entry = Entry("joined", b"", seq, home.now_ms(), users=(home.user_id,))
        room = Room(room_id, home, RoomRecord(is_gone=True), None, None)
        change = room.change()
        change.record, change.group = record, group

        def also() -> None:
            home.store.delete(pending_commit.STORE, room_id)
            Archive(home.store, room_id).add([entry])
            self._stock.used(secrets)
            room.outbox.stay()

        room.write(change, also)
        room.reader.received, room.read = seq, seq
        return room


def _refs(data: bytes) -> list[bytes]:
    """The key packages that a Welcome is for."""
    try:
        message = MLSMessage.parse(data)
        if message.wire_format is not WireFormat.WELCOME:
            return []
        return [each.new_member for each in Welcome.read(Reader(message.body)).secrets]
    except PeerError:
        return []
