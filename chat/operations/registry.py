"""Which function does which operation."""

from collections.abc import Awaitable, Callable
from typing import Any

from chat.hub import Hub
from chat.live import LiveSession
from chat.operations import accounts, devices, files, invites, packages, rooms, staging, welcomes

# Each takes the hub, the session that asks and the request's map, which has been checked against the table of 3.14, and
# gives the answer's map. What it raises is sent as a failure.
Operation = Callable[[Hub, LiveSession, dict[str, Any]], Awaitable[dict[str, Any]]]

OPERATIONS: dict[str, Operation] = {
    "account.set": accounts.set_account,
    "name.set": accounts.set_name,
    "directory": accounts.list_directory,
    "invite.create": invites.create,
    "device.list": devices.list_own,
    "device.revoke": devices.revoke,
    "psk_renew": devices.renew_pair,
    "file.create": files.create,
    "file.read": files.read,
    "file.drop": files.drop,
    "packages.put": packages.put,
    "packages.take": packages.take,
    "room.create": rooms.create,
    "room.stage": staging.stage,
    "room.commit": rooms.commit,
    "room.resume": rooms.resume,
    "room.read": rooms.read,
    "welcome.take": welcomes.take,
    "room.list": rooms.list_own,
    "room.reject": rooms.reject,
    "group_info": welcomes.describe_group_info,
    "group_info.put": welcomes.put_group_info,
    "room.fetch": welcomes.fetch,
}
