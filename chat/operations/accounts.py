"""Accounts and the directory."""

from typing import Any

from chat.hub import Hub
from chat.live import LiveSession
from chat.models import Device, Member
from chat.services import accounts, directory


async def set_account(hub: Hub, session: LiveSession, body: dict[str, Any]) -> dict[str, Any]:
    """`account.set`: this device belongs to a person."""
    user_id = await hub.database.run(accounts.set_account, session.device_pk, body["identity"], body.get("root_blob"))
    session.has_account = True
    hub.tell_news()
    return {"user_id": user_id}


async def set_name(hub: Hub, session: LiveSession, body: dict[str, Any]) -> dict[str, Any]:
    """`name.set`: what the person is called."""
    await hub.database.run(accounts.set_name, session.device_pk, body["name"])
    hub.tell_news()
    return {}


async def list_directory(hub: Hub, session: LiveSession, body: dict[str, Any]) -> dict[str, Any]:
    """`directory`: the people here."""
    page = await hub.database.run(directory.page, session.device_pk, body.get("after", b""))
    return {"members": [_member(member, devices) for member, devices in page.members], "more": page.more}


def _member(member: Member, devices: list[Device]) -> dict[str, Any]:
    return {
        "user_id": bytes(member.user_id),
        "root_public": bytes(member.root_public),
        # A name from before such marks were refused must not end everybody's directory.
        "name": member.name.lstrip("\ufeff"),
        "devices": [_device(device) for device in devices],
    }


def _device(device: Device) -> dict[str, Any]:
    return {
        "device_id": bytes(device.device_id),
        "device_public": bytes(device.public),
        "identity": bytes(device.identity),
    }
