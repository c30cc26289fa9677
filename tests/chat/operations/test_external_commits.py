"""Devices that join rooms on their own or come back: by real groups, and by whoever would like to."""

import pytest

from clawchat.mls.profile import (
    Roles,
    Vouch,
    join_message,
    member_data,
    own_device_data,
    room_extensions,
    vouched_message,
    voucher_data,
    voucher_extension,
)
from clawchat.protocol.bodies import ChatSend
from clawchat.protocol.errors import Malformed, NotMember, StaleEpoch, Unauthentic
from clawchat.protocol.frame import MessageType
from clawchat.protocol.keys import DeviceKey
from clawchat.protocol.primitives import new_message_id, random_bytes
from tests.chat.mls_rooms import Seat
from tests.mls_bytes import OPEN_ROLES, external_commit, group_info, leaf
from tests.people import now_ms


def new_id() -> bytes:
    return new_message_id(now_ms())


@pytest.fixture
async def anna(alice) -> Seat:
    """Alice in a room that she has just made."""
    seat = Seat(alice, random_bytes(16))
    await seat.create()
    return seat


@pytest.fixture
async def bert(anna, bob) -> Seat:
    """Bob, whom alice has added."""
    seat = Seat(bob, anna.room)
    await anna.commit(added=[seat])
    return seat


def own_data(seat: Seat, epoch: int, message_id: bytes | None = None) -> bytes:
    """Form 3, signed by the person's root."""
    signature = seat.phone.root.sign(join_message(seat.room, epoch, seat.leaf_key))
    return own_device_data(seat.room, message_id or new_id(), signature)


async def forge(
    seat: Seat, data: bytes, epoch: int, *, removes=None, removed=(), voucher=None, roles=OPEN_ROLES
) -> dict:
    """A commit in the shape of an external one, by a device that may have no group at all."""
    phone = seat.phone
    message = external_commit(seat.room, epoch, data, leaf(phone.root, phone.key, voucher), removes)
    commit, tree = [await phone.stage(blob) for blob in (message, group_info(seat.room, epoch + 1, roles))]
    request = {"room": seat.room, "epoch": epoch, "message_id": data[17:33], "commit": commit, "group_info": tree}
    return await phone.request("room.commit", added=[phone.id], removed=list(removed), **request)


class Voucher:
    """A voucher for a room, listed by a member."""

    def __init__(self, seat: Seat) -> None:
        self.seat, self.key = seat, DeviceKey.generate()
        self.public = bytes(self.key.public)

    def roles(self, **changes) -> tuple:
        """The group's extensions with this voucher on the list."""
        roles = Roles.of(self.seat.group.context.extensions)
        members = {
            "every_member_may_add": roles.every_member_may_add,
            "administrators": roles.administrators,
            "vouches": (*roles.vouches, Vouch(self.public, self.seat.user)),
        }
        return room_extensions(Roles(**{**members, **changes}))

    def proof(self, seat: Seat) -> bytes:
        """For one newcomer."""
        return self.key.sign(vouched_message(seat.room, self.public, seat.leaf_key))

    def data(self, seat: Seat) -> bytes:
        """Form 2."""
        return voucher_data(seat.room, new_id(), self.public, self.proof(seat))

    async def bring_in(self, seat: Seat) -> dict:
        """The newcomer's external commit."""
        return await seat.join_externally(
            self.data(seat), voucher=self.public + self.proof(seat), leaf_extensions=[voucher_extension(self.public)]
        )


# Form 1: a device comes back


async def test_a_device_that_lost_its_state_comes_back(anna, bert):
    """By roster and by group; everybody goes on in one group, and its rows never stop."""
    await bert.phone.request("room.resume", rooms=[{"room": bert.room, "cursor": 2}])

    answer = await bert.join_externally(member_data(bert.room, new_id()), removed=bert)

    assert answer == {"seq": 3, "epoch": 3}
    await anna.follow(2)
    assert anna.group.epoch_authenticator == bert.group.epoch_authenticator
    await anna.phone.post(anna.room, b"welcome back", epoch=3)
    assert [(await bert.phone.delivery()).seq for _ in range(2)] == [3, 4]
    page = await bert.phone.request("room.read", room=bert.room, after=0, limit=10)
    assert [row["seq"] for row in page["rows"]] == [3, 4]


async def test_only_who_is_in_the_room_comes_back(anna, bert, charlie):
    """Neither a stranger nor somebody who was removed, though the GroupInfo may have come to them."""
    state = await bert.group_info()
    seat = Seat(charlie, anna.room)
    with pytest.raises(NotMember) as refused:
        await forge(seat, member_data(anna.room, new_id()), 2, removes=1, removed=[charlie.id])
    assert "devices" not in refused.value.details
    with pytest.raises(NotMember):
        await seat.group_info()

    await anna.commit(removed=[bert])
    again = member_data(anna.room, new_id())
    pending = bert.external(state, again, removed=bert)
    with pytest.raises(NotMember):
        await bert.post(pending, again[17:33], [bert.phone.id], [bert.phone.id])


async def test_nobody_comes_back_in_anothers_place(anna, bert):
    """The leaf is the sender's own, and so are the devices that it declares."""
    state, data = await bert.group_info(), member_data(bert.room, new_id())
    pending = bert.external(state, data, removed=bert)
    for added, removed in (
        ([bert.phone.id], []),
        ([bert.phone.id], [anna.phone.id]),
        ([bert.phone.id], [bert.phone.id, anna.phone.id]),
        ([anna.phone.id], [anna.phone.id]),
        ([], [bert.phone.id]),
    ):
        with pytest.raises(Malformed):
            await bert.post(pending, data[17:33], added, removed)
    with pytest.raises(Malformed, match="leaf"):
        await anna.post(pending, data[17:33], [anna.phone.id], [anna.phone.id])

    assert (await bert.post(pending, data[17:33], [bert.phone.id], [bert.phone.id]))["epoch"] == 3


async def test_coming_back_late_is_stale(anna, bert):
    """As every commit; and a repeat gets its place."""
    state, data = await bert.group_info(), member_data(bert.room, new_id())
    pending = bert.external(state, data, removed=bert)
    await anna.commit()

    with pytest.raises(StaleEpoch) as late:
        await bert.post(pending, data[17:33], [bert.phone.id], [bert.phone.id])
    assert late.value.details["epoch"] == 3

    again = member_data(bert.room, new_id())
    answer = await bert.join_externally(again, removed=bert)
    request = {"room": bert.room, "epoch": 3, "message_id": again[17:33], "commit": bytes(32), "group_info": bytes(32)}
    assert await bert.phone.request("room.commit", added=[], removed=[], **request) == answer


# Form 3: a further device of a member


@pytest.fixture
async def second(anna, join) -> Seat:
    """Alice's second device, in no room yet."""
    return Seat(await join("Alice", root=anna.phone.root), anna.room)


async def test_a_further_device_of_a_member_joins(anna, second):
    """It finds the room, its GroupInfo, and joins; nobody else had to be there."""
    assert (await second.phone.request("room.list"))["rooms"] == [
        {"room": anna.room, "scheme": 0xF04E, "epoch": 1, "here": False}
    ]

    answer = await second.join_externally(own_data(second, 1))

    assert answer == {"seq": 2, "epoch": 2}
    await anna.follow(1)
    assert anna.group.epoch_authenticator == second.group.epoch_authenticator
    assert [room["here"] for room in (await second.phone.request("room.list"))["rooms"]] == [True]
    await second.phone.request("room.resume", rooms=[{"room": second.room, "cursor": 2}])
    await anna.phone.post(anna.room, b"hello, me", epoch=2)
    assert (await second.phone.delivery()).seq == 3


async def test_a_certificate_alone_admits_nobody(anna, second):
    """Without the root's word for this room and epoch, a device of the member stays out."""
    for data in (
        own_device_data(anna.room, new_id(), bytes(64)),
        own_device_data(anna.room, new_id(), anna.phone.root.sign(join_message(random_bytes(16), 1, second.leaf_key))),
        own_device_data(anna.room, new_id(), anna.phone.root.sign(join_message(anna.room, 2, second.leaf_key))),
        own_device_data(anna.room, new_id(), anna.phone.root.sign(join_message(anna.room, 1, anna.leaf_key))),
        own_device_data(anna.room, new_id(), second.phone.key.sign(join_message(anna.room, 1, second.leaf_key))),
    ):
        with pytest.raises(Unauthentic):
            await forge(second, data, 1)


async def test_a_further_device_may_take_anothers_place(anna, second):
    """Of the same member; and it must be said."""
    state, data = await second.group_info(), own_data(second, 1)
    alone = second.external(state, data)
    with pytest.raises(Malformed):
        await second.post(alone, data[17:33], [second.phone.id], [anna.phone.id])
    second.group = anna.group
    pending = second.external(state, data, removed=anna)
    with pytest.raises(Malformed):
        await second.post(pending, data[17:33], [second.phone.id], [])
    with pytest.raises(NotMember):
        await second.post(pending, data[17:33], [second.phone.id], [second.phone.id])

    await second.post(pending, data[17:33], [second.phone.id], [anna.phone.id])

    assert (await anna.phone.request("room.resume", rooms=[{"room": anna.room, "cursor": 1}]))["gone"] == [anna.room]


async def test_nobody_takes_a_strangers_place(anna, bert, second):
    """Alice's second device cannot declare bob removed."""
    roles = Roles.of(anna.group.context.extensions)

    with pytest.raises(NotMember) as refused:
        await forge(second, own_data(second, 2), 2, removes=1, removed=[bert.phone.id], roles=roles)

    assert refused.value.details["devices"] == [bert.phone.id]


async def test_who_has_no_device_in_the_room_joins_nothing(anna, charlie):
    """His own root certifies charlie's device, but no device of his is there; he learns nothing about the room."""
    seat = Seat(charlie, anna.room)
    for epoch in (1, 7):
        with pytest.raises(NotMember) as refused:
            await forge(seat, own_data(seat, epoch), epoch)
        assert set(refused.value.details) <= {"code", "text"}
    assert (await charlie.request("room.list")) == {"rooms": [], "more": False}


# Form 2: by a voucher


async def test_a_newcomer_joins_by_a_voucher(anna, charlie):
    """While nobody is online; the next commit takes the voucher off the list."""
    voucher, seat = Voucher(anna), Seat(charlie, anna.room)
    await anna.commit(extensions=voucher.roles())

    answer = await voucher.bring_in(seat)

    assert answer == {"seq": 3, "epoch": 3}
    await anna.follow(2)
    assert anna.group.epoch_authenticator == seat.group.epoch_authenticator
    await anna.commit(extensions=room_extensions(Roles(True, (anna.user,))))


async def test_a_voucher_serves_once(anna, charlie, bob):
    """The second one to come by it is refused: every member would have to."""
    voucher = Voucher(anna)
    await anna.commit(extensions=voucher.roles())
    seat, late = Seat(charlie, anna.room), Seat(bob, anna.room)
    state = await late.group_info(voucher.public + voucher.proof(late))
    await voucher.bring_in(seat)

    with pytest.raises(NotMember):
        await late.group_info(voucher.public + voucher.proof(late))
    data = voucher.data(late)
    pending = late.external(state, data, leaf_extensions=[voucher_extension(voucher.public)])
    with pytest.raises(NotMember):
        await late.post(pending, data[17:33], [bob.id], [])


async def test_a_device_that_came_by_a_voucher_comes_back_with_it(anna, charlie):
    """Its new leaf carries what the old one did; another, or none, no member would take."""
    voucher, seat = Voucher(anna), Seat(charlie, anna.room)
    await anna.commit(extensions=voucher.roles())
    await voucher.bring_in(seat)
    roles = Roles.of(seat.group.context.extensions)
    for extension in (None, bytes(32)):
        data = member_data(anna.room, new_id())
        with pytest.raises(Malformed, match="voucher"):
            await forge(seat, data, 3, removes=1, removed=[charlie.id], voucher=extension, roles=roles)

    again = member_data(anna.room, new_id())
    await seat.join_externally(again, removed=seat, leaf_extensions=[voucher_extension(voucher.public)])
    await anna.follow(2)
    assert anna.group.epoch_authenticator == seat.group.epoch_authenticator


async def test_who_goes_takes_the_voucher_along(anna, charlie):
    """Else he would come by it again."""
    voucher, seat = Voucher(anna), Seat(charlie, anna.room)
    await anna.commit(extensions=voucher.roles())
    await voucher.bring_in(seat)
    await anna.follow(2)
    roles = Roles.of(anna.group.context.extensions)
    message_id = new_id()

    with pytest.raises(Malformed, match="voucher"):
        await anna.phone.commit(
            anna.room,
            3,
            removed=[charlie.id],
            message_id=message_id,
            group_info=await anna.phone.stage(group_info(anna.room, 4, roles)),
        )

    await anna.commit(removed=[seat], extensions=room_extensions(Roles(True, (anna.user,))))
    with pytest.raises(NotMember):
        await seat.group_info(voucher.public + voucher.proof(seat))


@pytest.mark.parametrize("change", ["another room", "another leaf", "not listed", "no proof"])
async def test_a_false_voucher_opens_nothing(anna, charlie, change):
    """Neither the GroupInfo nor the room."""
    voucher, seat = Voucher(anna), Seat(charlie, anna.room)
    if change != "not listed":
        await anna.commit(extensions=voucher.roles())
    room = random_bytes(16) if change == "another room" else anna.room
    key = anna.leaf_key if change == "another leaf" else seat.leaf_key
    proof = bytes(64) if change == "no proof" else voucher.key.sign(vouched_message(room, voucher.public, key))

    with pytest.raises(NotMember):
        await seat.group_info(voucher.public + proof)
    epoch = anna.group.epoch
    data = voucher_data(anna.room, new_id(), voucher.public, proof)
    with pytest.raises((NotMember, Unauthentic)):
        await forge(seat, data, epoch, voucher=voucher.public)


async def test_a_voucher_ends_with_its_inviter(anna, bert, charlie):
    """Bob vouched and was removed; or may not add any more."""
    await bert.follow(2)
    voucher, seat = Voucher(bert), Seat(charlie, anna.room)
    await bert.commit(extensions=voucher.roles())
    await anna.follow(2)
    assert await seat.group_info(voucher.public + voucher.proof(seat))

    await anna.commit(extensions=voucher.roles(every_member_may_add=False, vouches=(Vouch(voucher.public, bert.user),)))
    with pytest.raises(NotMember):
        await seat.group_info(voucher.public + voucher.proof(seat))

    await anna.commit(extensions=voucher.roles(vouches=(Vouch(voucher.public, bert.user),)))
    assert await seat.group_info(voucher.public + voucher.proof(seat))
    await anna.commit(removed=[bert])
    with pytest.raises(NotMember):
        await seat.group_info(voucher.public + voucher.proof(seat))


async def test_who_came_by_a_voucher_stays_while_it_is_listed(anna, charlie, join):
    """His further device cannot take its place: the list would let somebody in by it again."""
    voucher, seat = Voucher(anna), Seat(charlie, anna.room)
    await anna.commit(extensions=voucher.roles())
    await voucher.bring_in(seat)
    further = Seat(await join("Charlie", root=charlie.root), anna.room)
    roles = Roles.of(seat.group.context.extensions)

    with pytest.raises(NotMember) as refused:
        await forge(further, own_data(further, 3), 3, removes=1, removed=[charlie.id], roles=roles)

    assert refused.value.details["devices"] == [charlie.id]


# What no form allows


async def test_before_the_first_commit_nobody_joins(alice, join):
    """There is no GroupInfo to join by, and no roles to judge by."""
    room = random_bytes(16)
    await alice.request("room.create", room=room, scheme=0xF04E)
    second = Seat(await join("Alice", root=alice.root), room)

    with pytest.raises(NotMember):
        await forge(second, own_data(second, 0), 0)


async def test_a_welcome_is_for_who_was_added(anna, bert):
    """Neither in an external commit nor in one that adds nobody."""
    welcome = await bert.phone.stage(b"welcome, whoever")
    with pytest.raises(Malformed, match="Welcome"):
        await bert.phone.commit(bert.room, 2, welcome=welcome)

    data = member_data(bert.room, new_id())
    message = external_commit(bert.room, 2, data, leaf(bert.phone.root, bert.phone.key), 1)
    members = {"commit": await bert.phone.stage(message), "message_id": data[17:33], "welcome": welcome}
    with pytest.raises(Malformed, match="Welcome"):
        await bert.phone.commit(bert.room, 2, [bert.phone.id], [bert.phone.id], **members)


async def test_an_external_commit_changes_no_roles(anna, second):
    """A newcomer's GroupInfo that makes him administrator is not taken."""
    with pytest.raises(Malformed, match="roles"):
        await forge(second, own_data(second, 1), 1, roles=Roles(True, (second.user, bytes([255]) * 16)))


async def test_an_external_commit_is_no_message(anna, bert):
    """It comes by `room.commit`, with all that belongs to it."""
    data = member_data(bert.room, new_id())
    pending = bert.external(await bert.group_info(), data, removed=bert)

    await bert.phone.put_frame(MessageType.CHAT, ChatSend(bert.room, pending.commit).encode(), data[17:33])

    assert (await bert.phone.error()).number == Malformed.number
