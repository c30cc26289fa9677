"""A room of real members for tests: every commit reaches everybody, and they stay one group."""

from collections.abc import Sequence

from clawchat.mls.group import Group, Opened, Pending
from clawchat.mls.key_package import KeyPackageSecrets, make_key_package
from clawchat.mls.profile import Roles, member_data, resync_data, room_extensions
from clawchat.mls.validity import RoomRules
from tests.mls.members import NOW, Device, dice, seed

ROOM_ID = seed("room")[:16]
RULES = RoomRules()


class Room:
    """The groups of its devices, by device, and every message that was sent."""

    def __init__(self, creator: Device, *others: Device, every_member_may_add: bool = True) -> None:
        self.random = dice("room", creator, *others)
        self.sent: list[bytes] = []
        extensions = room_extensions(Roles(every_member_may_add, (creator.user,)))
        arguments = {"extensions": extensions, "random": self.random, "now": NOW, "rules": RULES}
        self.groups = {creator: Group.create(creator.member(), ROOM_ID, **arguments)}
        self.pending: Pending | None = None
        if others:
            self.add(creator, *others)

    def __getitem__(self, device: Device) -> Group:
        return self.groups[device]

    def data(self) -> bytes:
        """Authenticated data of a member's message, with an id of its own."""
        return member_data(ROOM_ID, self.random(16))

    def key_package(self, device: Device) -> KeyPackageSecrets:
        """A fresh one."""
        return make_key_package(device.member(), NOW, self.random)

    def make(self, committer: Device, **arguments: object) -> Pending:
        """A commit that nobody has yet."""
        arguments.setdefault("authenticated_data", self.data())
        return self.groups[committer].commit(random=self.random, now=NOW, **arguments)

    def commit(self, committer: Device, **arguments: object) -> dict[Device, Opened]:
        """A commit that everybody has; those it removes are gone."""
        pending = self.make(committer, **arguments)
        opened = self.deliver(pending.commit, committer)
        self.groups[committer] = pending.group.adopt(pending.next)
        self.pending = pending
        self.check()
        return opened

    def add(self, committer: Device, *devices: Device) -> None:
        """One commit and one Welcome for all of these."""
        secrets = [self.key_package(device) for device in devices]
        self.commit(committer, add=tuple(each.package for each in secrets))
        for device, ours in zip(devices, secrets, strict=True):
            welcome, group_info = self.pending.welcome, self.pending.group_info
            self.groups[device] = Group.join(device.member(), ours, welcome, group_info, rules=RULES)
        self.check()

    def remove(self, committer: Device, *devices: Device) -> dict[Device, Opened]:
        """One commit that removes all of these."""
        return self.commit(committer, remove=tuple(self.groups[device].leaf_index for device in devices))

    def resync(self, device: Device) -> dict[Device, Opened]:
        """The device lost its state and takes its own place by an external commit."""
        helper = next(group for other, group in self.groups.items() if other != device)
        own = next(each.index for each in helper.members if each.leaf.signature_key == device.signature_key)
        pending = Group.join_externally(
            device.member(),
            helper.group_info(),
            authenticated_data=resync_data(ROOM_ID, self.random(16)),
            remove=own,
            random=self.random,
            now=NOW,
            rules=RULES,
        )
        self.groups.pop(device, None)
        opened = self.deliver(pending.commit, device)
        self.groups[device] = pending.next
        self.pending = pending
        self.check()
        return opened

    def deliver(self, message: bytes, sender: Device) -> dict[Device, Opened]:
        """Everybody else opens a message and goes on."""
        self.sent.append(message)
        opened = {device: group.open(message) for device, group in self.groups.items() if device != sender}
        for device, each in opened.items():
            self.groups[device] = each.group
            if each.kind == "removed":
                del self.groups[device]
        return opened

    def seal(self, sender: Device, payload: bytes) -> bytes:
        """A message that nobody has yet."""
        self.groups[sender], message = self.groups[sender].seal(payload, self.data(), random=self.random)
        self.sent.append(message)
        return message

    def say(self, sender: Device, payload: bytes) -> dict[Device, Opened]:
        """A message that everybody opens."""
        self.groups[sender], message = self.groups[sender].seal(payload, self.data(), random=self.random)
        return self.deliver(message, sender)

    def check(self) -> None:
        """Everybody is in the same group and epoch."""
        assert len({group.epoch_authenticator for group in self.groups.values()}) == 1
        assert len({group.tree.encode() for group in self.groups.values()}) == 1


def devices(count: int) -> Sequence[Device]:
    """So many devices of as many people."""
    return [Device(f"person-{number}") for number in range(count)]
