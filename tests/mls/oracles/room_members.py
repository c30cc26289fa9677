"""Devices in one room: the Python library's here, the JavaScript library's in a page; see room_member.js.

Each keeps a disk, so that a restart is a real one: only what was stored is left.
"""

import secrets
from collections.abc import Mapping
from typing import Any

from clawchat.mls.codec import Reader
from clawchat.mls.group import Group, Pending
from clawchat.mls.key_package import KeyPackage, make_key_package
from clawchat.mls.member import Member
from clawchat.mls.profile import Roles, member_data, room_extensions
from clawchat.mls.suite import ROOM_SUITE
from clawchat.mls.validity import RoomRules
from clawchat.protocol.credential import DeviceKind, sign_identity, user_id
from clawchat.protocol.errors import PeerError
from clawchat.protocol.keys import DeviceKey, RootKey

RULES = RoomRules()
LABEL = "mixed members"


class InPython:
    """A device of the Python library."""

    language = "Python"

    async def ask(self, op: str, **parts: Any) -> dict[str, Any]:
        """What an operation answers."""
        return getattr(self, op)(**parts) or {}

    def begin(self, room: str, now: int) -> dict[str, Any]:
        self.room = bytes.fromhex(room)
        key, root = DeviceKey.generate(), RootKey.generate()
        identity = sign_identity(root, key.public, DeviceKind.HUMAN, now - 60, now + 86_400)
        self.member = Member(ROOM_SUITE, identity.encode(), bytes(key.public), key.sign)
        self.group: Group | None = None
        self.disk: dict[str, bytes | None] = {}
        return {"user": user_id(root.public).hex(), "key": bytes(key.public).hex()}

    def create(self, administrators: list[str], now: int) -> None:
        roles = Roles(True, tuple(bytes.fromhex(each) for each in administrators))
        extensions = room_extensions(roles)
        self._keep(
            Group.create(
                self.member, self.room, extensions=extensions, random=secrets.token_bytes, now=now, rules=RULES
            )
        )

    def key_package(self, now: int) -> dict[str, Any]:
        self.secrets = make_key_package(self.member, now, secrets.token_bytes)
        return {"key_package": self.secrets.package.encode().hex()}

    def join(self, welcome: str, group_info: str) -> None:
        self._keep(
            Group.join(self.member, self.secrets, bytes.fromhex(welcome), bytes.fromhex(group_info), rules=RULES)
        )

    def resync(self, group_info: str, leaf: int, message_id: str, now: int) -> dict[str, Any]:
        return self._made(
            Group.join_externally(
                self.member,
                bytes.fromhex(group_info),
                authenticated_data=member_data(self.room, bytes.fromhex(message_id)),
                remove=leaf,
                random=secrets.token_bytes,
                now=now,
                rules=RULES,
            )
        )

    def commit(self, add: list[str], remove: list[int], message_id: str, now: int) -> dict[str, Any]:
        made = self.group.commit(
            add=[KeyPackage.read(Reader(bytes.fromhex(each))) for each in add],
            remove=remove,
            authenticated_data=member_data(self.room, bytes.fromhex(message_id)),
            random=secrets.token_bytes,
            now=now,
        )
        self._keep(made.group)
        return self._made(made)

    def taken(self) -> None:
        following = Group.load(self.member, self.pending, rules=RULES)
        self.pending = None
        self._keep(self.group.adopt(following) if self.group else following)

    def dropped(self) -> None:
        self.pending = None

    def seal(self, payload: str, message_id: str) -> dict[str, Any]:
        data = member_data(self.room, bytes.fromhex(message_id))
        group, message = self.group.seal(bytes.fromhex(payload), data, random=secrets.token_bytes)
        self._keep(group)
        return {"message": message.hex(), "epoch": group.epoch}

    def open(self, message: str) -> dict[str, Any]:
        try:
            opened = self.group.open(bytes.fromhex(message))
        except PeerError as error:
            return {"kind": error.code, "payload": None}
        self._keep(opened.group)
        return {"kind": opened.kind, "payload": opened.payload.hex() if opened.payload is not None else None}

    def restart(self) -> None:
        self.group = Group.load(self.member, self.disk, rules=RULES)

    def forget(self) -> None:
        self.group, self.disk = None, {}

    def where(self) -> dict[str, Any]:
        group = self.group
        return {"epoch": group.epoch, "leaf": group.leaf_index, "exported": group.export(LABEL, b"", 32).hex()}

    def _keep(self, group: Group) -> None:
        self.disk |= group.rows_since(self.group) if self.group else group.rows()
        self.group = group

    def _made(self, made: Pending) -> dict[str, Any]:
        self.pending: Mapping[str, bytes | None] | None = made.next.rows()
        welcome = made.welcome.hex() if made.welcome else None
        return {"commit": made.commit.hex(), "welcome": welcome, "group_info": made.group_info.hex()}


class InPage:
    """A device of the JavaScript library, in a page that was opened on the checkout's files."""

    language = "JavaScript"

    def __init__(self, page: Any, number: int) -> None:
        self._page, self._number = page, number

    async def ask(self, op: str, **parts: Any) -> dict[str, Any]:
        """What an operation answers."""
        return await self._page.evaluate(
            "async request => (await import('/tests/mls/oracles/room_member.js')).ask(request)",
            {"member": self._number, "op": op, **parts},
        )
