"""Rooms of people whose devices are real MLS members, over the operations of the server."""

from clawchat.mls.group import Group, Pending
from clawchat.mls.key_package import KeyPackageSecrets, make_key_package
from clawchat.mls.member import Member
from clawchat.mls.profile import Roles, member_data, room_extensions
from clawchat.mls.suite import ROOM_SUITE
from clawchat.mls.validity import RoomRules
from clawchat.protocol.credential import DeviceKind, sign_identity, user_id
from clawchat.protocol.primitives import new_message_id, random_bytes
from tests.people import Phone, now_ms

RULES = RoomRules()


class Seat:
    """One person's device in one room: its phone, and its group."""

    def __init__(self, phone: Phone, room: bytes) -> None:
        self.phone, self.room = phone, room
        identity = sign_identity(phone.root, phone.key.public, DeviceKind.HUMAN, 0, 2**32).encode()
        self.member = Member(ROOM_SUITE, identity, bytes(phone.key.public), phone.key.sign)
        self.group: Group | None = None

    @property
    def user(self) -> bytes:
        """The person's user id."""
        return user_id(self.phone.root.public)

    @property
    def leaf_key(self) -> bytes:
        """The leaf's signature key."""
        return bytes(self.phone.key.public)

    async def create(self, **roles) -> None:
        """Make the room, and its first commit, without which nobody can join."""
        roles = {"every_member_may_add": True, "administrators": (self.user,), **roles}
        self.group = Group.create(
            self.member,
            self.room,
            extensions=room_extensions(Roles(**roles)),
            random=random_bytes,
            now=now_ms() // 1000,
            rules=RULES,
        )
        await self.phone.request("room.create", room=self.room, scheme=0xF04E)
        await self.commit()

    async def commit(self, data: bytes | None = None, added=(), removed=(), declared=None, **changes) -> dict:
        """Commit as a member: `added` and `removed` are seats; `declared` are other devices to name as removed."""
        packages = [seat.package() for seat in added]
        message_id = new_message_id(now_ms()) if data is None else data[17:33]
        pending = self.group.commit(
            add=tuple(secrets.package for secrets in packages),
            remove=tuple(self.leaf_of(seat) for seat in removed),
            authenticated_data=member_data(self.room, message_id) if data is None else data,
            random=random_bytes,
            now=now_ms() // 1000,
            **changes,
        )
        going = [seat.phone.id for seat in removed] if declared is None else declared
        answer = await self.post(pending, message_id, [seat.phone.id for seat in added], going)
        self.group = pending.group.adopt(pending.next)
        for seat, secrets in zip(added, packages, strict=True):
            seat.group = Group.join(seat.member, secrets, pending.welcome, pending.group_info, rules=RULES)
        return answer

    async def post(self, pending: Pending, message_id: bytes, added, removed) -> dict:
        """Ask for the commit."""
        blobs = {"commit": pending.commit, "welcome": pending.welcome, "group_info": pending.group_info}
        staged = {name: await self.phone.stage(blob) for name, blob in blobs.items() if blob is not None}
        return await self.phone.request(
            "room.commit",
            room=self.room,
            epoch=pending.next.epoch - 1,
            message_id=message_id,
            added=added,
            removed=removed,
            **staged,
        )

    async def join_externally(self, data: bytes, removed: "Seat | None" = None, declared=None, **options) -> dict:
        """Come in by an external commit over the GroupInfo that the server has."""
        pending = self.external(await self.group_info(options.pop("voucher", None)), data, removed, **options)
        going = [removed.phone.id] if removed is not None else []
        answer = await self.post(pending, data[17:33], [self.phone.id], going if declared is None else declared)
        self.group = pending.next
        return answer

    def external(self, group_info: bytes, data: bytes, removed: "Seat | None" = None, **options) -> Pending:
        """An external commit."""
        leaf = self.leaf_of(removed) if removed is not None else None
        return Group.join_externally(
            self.member,
            group_info,
            authenticated_data=data,
            remove=leaf,
            random=random_bytes,
            now=now_ms() // 1000,
            rules=RULES,
            **options,
        )

    async def group_info(self, voucher: bytes | None = None, number: int = 0) -> bytes:
        """A GroupInfo of the room, as the server gives it."""
        proof = {"voucher": voucher} if voucher is not None else {}
        found = await self.phone.request("group_info", room=self.room, n=number, **proof)
        body = b""
        while len(body) < found["size"]:
            place = {"room": self.room, "digest": found["digest"], "offset": len(body)}
            body += (await self.phone.request("room.fetch", **place, **proof))["bytes"]
        return body

    async def follow(self, after: int) -> None:
        """Process what the log has after a place."""
        for row in (await self.phone.request("room.read", room=self.room, after=after, limit=256))["rows"]:
            self.group = self.group.open(row["bytes"]).group

    def package(self) -> KeyPackageSecrets:
        """A fresh key package."""
        return make_key_package(self.member, now_ms() // 1000, random_bytes)

    def leaf_of(self, seat: "Seat") -> int:
        """The index of a device's leaf; its own stands in the group it had."""
        group = self.group or seat.group
        return next(found.index for found in group.members if found.leaf.signature_key == seat.leaf_key)
