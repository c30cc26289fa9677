"""A member's devices."""

from datetime import datetime
from typing import Any

from chat.hub import Hub
from chat.live import LiveSession
from chat.services import devices


async def list_own(hub: Hub, session: LiveSession, body: dict[str, Any]) -> dict[str, Any]:
    """`device.list`: the devices of the own member."""
    own = await hub.database.run(devices.own_devices, session.device_pk)
    return {
        "devices": [
            {
                "device_id": bytes(device.device_id),
                "device_public": bytes(device.public),
                "kind": device.kind,
                "created": _seconds(device.created_at),
                "last_seen": _seconds(device.last_seen_at),
                "this": device.pk == session.device_pk,
            }
            for device in own
        ]
    }


async def revoke(hub: Hub, session: LiveSession, body: dict[str, Any]) -> dict[str, Any]:
    """`device.revoke`: shut a device out for good."""
    await hub.database.run(devices.revoke_for, session.device_pk, body["device_id"])
    hub.tell_news()
    return {}


async def renew_pair(hub: Hub, session: LiveSession, body: dict[str, Any]) -> dict[str, Any]:
    """`psk_renew`: another pair for this device, of the keys that its request was sealed under."""
    await hub.database.run(devices.renew_pair, session.device_pk, session.answering.exporter)
    return {}


def _seconds(instant: datetime | None) -> int:
    return int(instant.timestamp()) if instant else 0
