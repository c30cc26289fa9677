"""Large objects in chunks."""

from typing import Any

from chat.hub import Hub
from chat.live import LiveSession
from chat.services import staging


async def stage(hub: Hub, session: LiveSession, body: dict[str, Any]) -> dict[str, Any]:
    """`room.stage`: one chunk of a Welcome, GroupInfo or commit."""
    chunk = (body["digest"], body["size"], body["offset"], body["bytes"])
    return {"have": await hub.database.run(staging.stage, session.device_pk, *chunk)}
