"""The rooms that hostile cases happen in. Carl is the attacker: in one room an administrator, in the other he is not.

Bert sits at leaf 1 and judges; Carl's path, from leaf 2, has one node, which keeps the cases small.
"""

from dataclasses import dataclass
from functools import cache

from clawchat.mls.epoch import GroupState
from clawchat.mls.group import Group
from clawchat.mls.key_package import KeyPackageSecrets, make_key_package
from clawchat.mls.nodes import Extension
from clawchat.mls.profile import Roles, Vouch, member_data, room_extensions
from clawchat.mls.validity import RoomRules
from clawchat.protocol.keys import DeviceKey
from tests.mls.members import ANNA, BERT, CARL, DORA, NOW, Device, dice, seed

RULES = RoomRules()
VOUCHER = DeviceKey(seed("voucher"))
VOUCH = bytes(VOUCHER.public)
# Listed like Anna's, by somebody who is not there and by somebody who may not add.
ABSENT_VOUCHER, BERT_VOUCHER = DeviceKey(seed("absent voucher")), DeviceKey(seed("bert's voucher"))
DEVICES = {"anna": ANNA, "bert": BERT, "bert 2": Device("bert", 2), "carl": CARL, "dora": DORA}
ANNA_AT, BERT_AT, CARL_AT = 0, 1, 2


@dataclass(frozen=True)
class Case:
    """Something hostile and who judges it.

    does: open, join, join_externally or package; device: who judges; state: the name of its room's state, for open;
    parts: the bytes that come, by name; expect: an error's code, or the kind of an opened message; reason: of an
    `invalid` one.
    """

    name: str
    does: str
    device: str
    parts: dict[str, bytes]
    expect: str
    reason: str | None = None
    state: str | None = None


@dataclass(frozen=True)
class World:
    """One room, as each of its members has it."""

    room: bytes
    roles: Roles
    groups: dict[str, Group]

    def state(self, name: str) -> GroupState:
        """The inner state of a member."""
        return self.groups[name].state

    def data(self, number: int = 1) -> bytes:
        """Authenticated data of form 1."""
        return member_data(self.room, message_id(number))


def message_id(number: int) -> bytes:
    """The 16 bytes of a message's id."""
    return seed("message", number)[:16]


@cache
def package(name: str, number: int = 1) -> KeyPackageSecrets:
    """A key package of this device."""
    return make_key_package(DEVICES[name].member(), NOW, dice("package", name, number))


def extensions(roles: Roles) -> tuple[Extension, ...]:
    """A group context's extensions with these roles."""
    return room_extensions(roles)


@cache
def plain() -> World:
    """Anna administers, and gave a voucher; Bert and Carl do not."""
    others = (Vouch(bytes(ABSENT_VOUCHER.public), DORA.user), Vouch(bytes(BERT_VOUCHER.public), BERT.user))
    return _room("plain", Roles(False, (ANNA.user,), (Vouch(VOUCH, ANNA.user), *others)))


@cache
def ruled() -> World:
    """Carl administers, too."""
    return _room("ruled", Roles(False, (ANNA.user, CARL.user)))


def _room(name: str, roles: Roles) -> World:
    room = seed("room", name)[:16]
    world = World(room, roles, {})
    draw = dice("room", name)
    anna = Group.create(ANNA.member(), room, extensions=room_extensions(roles), random=draw, now=NOW, rules=RULES)
    added = anna.commit(
        add=(package("bert").package, package("carl").package),
        remove=(),
        authenticated_data=world.data(1),
        random=draw,
        now=NOW,
    )
    groups = {"anna": added.next}
    for each in ("bert", "carl"):
        member = DEVICES[each].member()
        groups[each] = Group.join(member, package(each), added.welcome, added.group_info, rules=RULES)
    # Bert's path fills the nodes above the first two leaves.
    update = groups["bert"].commit(add=(), remove=(), authenticated_data=world.data(2), random=draw, now=NOW)
    groups["bert"] = update.next
    for each in ("anna", "carl"):
        groups[each] = groups[each].open(update.commit).group
    groups = {each: group.without_past() for each, group in groups.items()}
    return World(room, roles, groups)
