"""MLS key packages."""

from typing import Any

from chat.hub import Hub
from chat.live import LiveSession
from chat.services import key_packages


async def put(hub: Hub, session: LiveSession, body: dict[str, Any]) -> dict[str, Any]:
    """`packages.put`: packages that others may take to add this device."""
    packages, last_resort = body["packages"], body.get("last_resort")
    return {"left": await hub.database.run(key_packages.put, session.device_pk, packages, last_resort)}


async def take(hub: Hub, session: LiveSession, body: dict[str, Any]) -> dict[str, Any]:
    """`packages.take`: one package of each device asked for, handed out once."""
    wanted = list(dict.fromkeys(body["devices"]))
    # A rate of its own: whoever takes the packages of others leaves them with the last resort.
    if wait := hub.rates.take_packages(session.device_pk, len(wanted), hub.clock()):
        raise session.too_fast(wait, "too many key packages in a minute")
    taken = await hub.database.run(key_packages.take, session.device_pk, wanted)
    return {
        "packages": [{"device": device_id, "package": package} for device_id, package in taken.items()],
        "missing": [device_id for device_id in wanted if device_id not in taken],
    }
