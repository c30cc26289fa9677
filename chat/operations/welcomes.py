"""What a joining device fetches."""

from typing import Any

from chat.hub import Hub
from chat.live import LiveSession
from chat.models import GroupInfo, Welcome
from chat.services import group_infos, welcomes


async def take(hub: Hub, session: LiveSession, body: dict[str, Any]) -> dict[str, Any]:
    """`welcome.take`: the Welcomes that wait for this device, less those it has stored."""
    waiting = await hub.database.run(welcomes.take_welcomes, session.device_pk, body.get("done", []))
    return {"welcomes": [_welcome(*entry) for entry in waiting]}


async def describe_group_info(hub: Hub, session: LiveSession, body: dict[str, Any]) -> dict[str, Any]:
    """`group_info`: one of a room's newest public states, by its digest."""
    number, voucher = body.get("n", 0), body.get("voucher")
    found, count = await hub.database.run(group_infos.newest, session.device_pk, body["room"], number, voucher)
    digest = bytes(found.digest)
    return {"seq": found.seq, "epoch": found.epoch, "digest": digest, "size": found.size, "count": count}


async def put_group_info(hub: Hub, session: LiveSession, body: dict[str, Any]) -> dict[str, Any]:
    """`group_info.put`: a public state of the room's epoch by another member than who committed."""
    await hub.database.run(group_infos.put, session.device_pk, body["room"], body["epoch"], body["group_info"])
    return {}


async def fetch(hub: Hub, session: LiveSession, body: dict[str, Any]) -> dict[str, Any]:
    """`room.fetch`: a chunk of a Welcome or a GroupInfo."""
    size, chunk = await hub.database.run(
        welcomes.fetch, session.device_pk, body["room"], body["digest"], body["offset"], body.get("voucher")
    )
    return {"size": size, "bytes": chunk}


def _welcome(number: int, welcome: Welcome, group_info: GroupInfo) -> dict[str, Any]:
    return {
        "id": number,
        "room": bytes(welcome.room.room_id),
        "seq": welcome.seq,
        "epoch": welcome.epoch,
        "digest": bytes(welcome.digest),
        "size": welcome.size,
        "group_info": bytes(group_info.digest),
        "group_info_size": group_info.size,
    }
