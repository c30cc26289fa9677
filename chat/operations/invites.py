"""Invites."""

from typing import Any

from chat.hub import Hub
from chat.live import LiveSession
from chat.services import invites
from clawchat.protocol.limits import INVITE_DEFAULT_SECONDS


async def create(hub: Hub, session: LiveSession, body: dict[str, Any]) -> dict[str, Any]:
    """`invite.create`: an invite to hand on; its secret is in this answer and nowhere else."""
    lifetime = body.get("lifetime", INVITE_DEFAULT_SECONDS)
    issued = await hub.database.run(invites.create_for, session.device_pk, body.get("label", ""), lifetime)
    return {"invite": issued.text, "url": issued.url, "expires": int(issued.expires_at.timestamp())}
