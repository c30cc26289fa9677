"""Rooms: made, committed to, listened to, read."""

import asyncio
from typing import Any

from chat.feed import Subscription
from chat.hub import Hub
from chat.live import LiveSession
from chat.services import delivery, log, rooms
from chat.services.commits import CommitRequest
from chat.services.delivery import Append, Outcome, Place, StoredRow
from clawchat.protocol.errors import PeerError


async def create(hub: Hub, session: LiveSession, body: dict[str, Any]) -> dict[str, Any]:
    """`room.create`: a room whose only member is this device."""
    epoch = await hub.database.run(rooms.create_room, session.device_pk, body["room"], body["scheme"])
    return {"epoch": epoch}


async def commit(hub: Hub, session: LiveSession, body: dict[str, Any]) -> dict[str, Any]:
    """`room.commit`: move a room to its next epoch."""
    request = CommitRequest(
        room_id=body["room"],
        epoch=body["epoch"],
        message_id=body["message_id"],
        commit=body["commit"],
        added=tuple(body["added"]),
        removed=tuple(body["removed"]),
        welcome=body.get("welcome"),
        group_info=body["group_info"],
    )
    work = await hub.database.run(delivery.append_for, session.device_pk, request)
    place = await _stored(hub, work) if isinstance(work, Append) else work
    return {"seq": place.seq, "epoch": place.epoch + 1}


async def resume(hub: Hub, session: LiveSession, body: dict[str, Any]) -> dict[str, Any]:
    """`room.resume`: from here on the session gets these rooms' rows."""
    cursors = {entry["room"]: entry["cursor"] for entry in body["rooms"]}
    # Before the log is asked: a row stored from now on is heard of, and none falls between asking and listening.
    opened = {room_id: _subscribe(hub, session, room_id) for room_id in cursors}
    found = {}
    try:
        found = {room.room_id: room for room in await hub.database.run(rooms.resume, session.device_pk, cursors)}
    finally:
        for room_id in cursors.keys() - found.keys():
            hub.unsubscribe(session, room_id)
    for room_id, room in found.items():
        opened[room_id].feed.begin(room.head)
        opened[room_id].begin(room.cursor)
    columns = ("room", "head", "epoch", "cursor")
    rows = [dict(zip(columns, (r.room_id, r.head, r.epoch, r.cursor), strict=True)) for r in found.values()]
    return {"rooms": rows, "gone": [room_id for room_id in cursors if room_id not in found]}


async def read(hub: Hub, session: LiveSession, body: dict[str, Any]) -> dict[str, Any]:
    """`room.read`: a page of a room's log."""
    rows = await hub.database.run(log.read, session.device_pk, body["room"], body["after"], body["limit"])
    return {"rows": [_row(row) for row in rows]}


async def list_own(hub: Hub, session: LiveSession, body: dict[str, Any]) -> dict[str, Any]:
    """`room.list`: the rooms in which the member has a device."""
    found, more = await hub.database.run(rooms.own_rooms, session.device_pk, body.get("after", b""))
    columns = ("room", "scheme", "epoch", "here")
    return {"rooms": [dict(zip(columns, row, strict=True)) for row in found], "more": more}


async def reject(hub: Hub, session: LiveSession, body: dict[str, Any]) -> dict[str, Any]:
    """`room.reject`: this device cannot process a commit."""
    await hub.database.run(rooms.reject, session.device_pk, body["room"], body["seq"], body["reason"])
    return {}


async def _stored(hub: Hub, work: Append) -> Place:
    outcome: asyncio.Future[Outcome] = hub.loop.create_future()
    hub.submit(work, lambda result: outcome.cancelled() or outcome.set_result(result))
    result = await outcome
    if isinstance(result, PeerError):
        raise result
    return result


def _subscribe(hub: Hub, session: LiveSession, room_id: bytes) -> Subscription:
    hub.unsubscribe(session, room_id)
    session.subscriptions[room_id] = Subscription(hub.feed(room_id), session)
    return session.subscriptions[room_id]


def _row(row: StoredRow) -> dict[str, Any]:
    return {
        "seq": row.seq,
        "kind": row.kind,
        "epoch": row.epoch,
        "sender": row.sender_id,
        "message_id": row.message_id,
        "time": row.stored_ms,
        "bytes": row.ciphertext,
    }
