"""Coming back into a room by an external commit, when this device's own state is lost, set back or cannot go on.

Spec: 4.4, 4.6
"""

import logging
from typing import TYPE_CHECKING

from clawchat.mls.group import Group
from clawchat.mls.joining import parse_group_info
from clawchat.mls.ratchet_tree import Leaf
from clawchat.protocol.authenticated_data import member_data
from clawchat.protocol.errors import Malformed, NotMember, PeerError, Replayed
from clawchat.protocol.primitives import new_message_id, random_bytes

from .pending_commit import PendingCommit
from .staging import fetch_blob

if TYPE_CHECKING:
    from .room import Room

logger = logging.getLogger(__name__)


async def prepare_return(room: "Room") -> None:
    """Make the external commit by which this device takes its own leaf's place; it is pending then.

    The server keeps GroupInfos of different devices, and any of them may lie: that this device has no leaf any more
    is believed when all of them say so.
    Raises: not_member (this device has no leaf any more); what the server answers; why a GroupInfo is refused.
    """
    refusals: list[PeerError] = []
    while True:
        answer = await room.home.ask("group_info", room=room.room_id, n=len(refusals))
        try:
            data = await fetch_blob(room.home.ask, room.room_id, answer["digest"], answer["size"])
            pending = _external_commit(room, data)
        except PeerError as error:
            logger.info("GroupInfo %d of room %s is of no use: %s", len(refusals), room.room_id.hex(), error)
            refusals.append(error)
            if len(refusals) >= answer["count"]:
                raise next((each for each in refusals if not isinstance(each, NotMember)), error) from None
        else:
            change = room.change()
            change.pending = pending
            room.write(change)
            return


def _external_commit(room: "Room", data: bytes) -> PendingCommit:
    home = room.home
    epoch, own = _own_place(room, data)
    if epoch < room.record.epoch:
        raise Replayed(f"a GroupInfo of epoch {epoch}, this device was in {room.record.epoch}")
    message_id = new_message_id(home.now_ms())
    made = Group.join_externally(
        home.member,
        data,
        authenticated_data=member_data(room.room_id, message_id),
        remove=own.index,
        # A voucher stays with who came by it: without it the new leaf would be another's. Spec: 4.4
        leaf_extensions=own.leaf.extensions,
        random=random_bytes,
        now=home.now(),
        rules=home.rules,
    )
    return PendingCommit.of(made, message_id, added=(home.device_id,), removed=(home.device_id,))


def _own_place(room: "Room", data: bytes) -> tuple[int, Leaf]:
    """The epoch of a GroupInfo, and this device's leaf in its tree.

    Raises: not_member; malformed; invalid.
    """
    group_info, member = parse_group_info(data), room.home.member
    if group_info.group_context.group_id != room.room_id:
        raise Malformed("a GroupInfo of another room")
    leaves = group_info.tree(member.suite).leaves()
    found = [each for each in leaves if each.leaf.signature_key == member.signature_key]
    if not found:
        raise NotMember("this device has no leaf in the room")
    return group_info.group_context.epoch, found[0]
