"""What a device does that believes nothing: rooms and messages that hold no MLS, for attackers and for load.

Real members are `clawchat.client.Member`; tests/e2e/pairs.py has two of them talking.
"""

import hashlib
import time

from clawchat.client import Client
from clawchat.mls.suite import ROOM_SUITE
from clawchat.protocol.authenticated_data import member_data
from clawchat.protocol.bodies import ChatDelivery
from clawchat.protocol.message_header import (
    ContentType,
    MessageHeader,
    encode_private_message,
)
from clawchat.protocol.primitives import new_message_id, random_bytes
from tests.mls_bytes import OPEN_ROLES, group_info

PAGE = 256


async def make_room(owner: Client, others: list[Client]) -> tuple[bytes, int]:
    """A room of epoch 1 with these members: its id, and the seq of the commit that added the others.

    A server looks into the GroupInfo, and into nothing else.
    """
    room_id = random_bytes(16)
    await owner.request("room.create", room=room_id, scheme=ROOM_SUITE.number)
    message_id, commit = mls_message(room_id, b"commit", epoch=0, content_type=ContentType.COMMIT)
    parts = {"commit": commit, "group_info": group_info(room_id, 1, OPEN_ROLES, random_bytes(32))}
    if others:
        parts["welcome"] = b"welcome " + random_bytes(32)
    digests = {name: await stage(owner, body) for name, body in parts.items()}
    added = [client.device_id for client in others]
    answer = await owner.request(
        "room.commit", room=room_id, epoch=0, message_id=message_id, added=added, removed=[], **digests
    )
    return room_id, answer["seq"]


async def stage(client: Client, data: bytes) -> bytes:
    """The digest under which the server has these bytes now."""
    digest = hashlib.sha256(data).digest()
    await client.request("room.stage", digest=digest, size=len(data), offset=0, bytes=data)
    return digest


def mls_message(
    room_id: bytes, body: bytes, epoch: int = 1, content_type: ContentType = ContentType.APPLICATION
) -> tuple[bytes, bytes]:
    """The id and the bytes of what a server takes for an MLS message."""
    message_id = new_message_id(time.time_ns() // 1_000_000)
    associated_data = member_data(room_id, message_id)
    return message_id, encode_private_message(room_id, epoch, content_type, associated_data, b"", body)


async def read_log(client: Client, room_id: bytes, after: int = 0) -> list[dict]:
    """Every row of the room after this seq, as the server has it."""
    rows: list[dict] = []
    while True:
        last = rows[-1]["seq"] if rows else after
        page = (await client.request("room.read", room=room_id, after=last, limit=PAGE))["rows"]
        if not page:
            return rows
        rows += page


def message_id_of(row: ChatDelivery) -> bytes:
    """The sender's id of a row that was delivered."""
    return MessageHeader.parse(row.message).message_id
