"""What a member's commit may declare: a false declaration would shut somebody out who is in the group."""

import pytest

from chat.models import Room
from chat.services.group_infos import ROLES_MAX_BYTES
from clawchat.mls.profile import Roles, Vouch, device_revoked_message, member_data, revoked_data, room_extensions
from clawchat.protocol.bodies import ChatSend
from clawchat.protocol.errors import Malformed, NotMember, TooLarge, Unauthentic
from clawchat.protocol.frame import MessageType
from clawchat.protocol.message_header import ContentType, encode_private_message
from clawchat.protocol.primitives import new_message_id, random_bytes
from tests.chat.mls_rooms import Seat
from tests.mls_bytes import group_info
from tests.people import mls_message, now_ms


def new_id() -> bytes:
    return new_message_id(now_ms())


@pytest.fixture
async def anna(alice, bob, charlie) -> Seat:
    """Alice, who administers a room of herself, bob and charlie in which only she may add."""
    seat = Seat(alice, random_bytes(16))
    await seat.create(every_member_may_add=False)
    return seat


@pytest.fixture
async def carl(anna, charlie) -> Seat:
    """Charlie, in the room."""
    return Seat(charlie, anna.room)


@pytest.fixture
async def bert(anna, bob, carl) -> Seat:
    """Bob, in the room, too, up to date."""
    seat = Seat(bob, anna.room)
    await anna.commit(added=[seat, carl])
    return seat


def roles_of(seat: Seat) -> Roles:
    """The roles before a commit."""
    return Roles.of(seat.group.context.extensions)


async def declare(seat: Seat, added=(), removed=(), roles: Roles | None = None, data: bytes | None = None) -> dict:
    """A commit that may say anything: what it does, the server cannot see."""
    message_id = new_id() if data is None else data[17:33]
    members = {}
    if data is not None:
        message = encode_private_message(seat.room, seat.group.epoch, ContentType.COMMIT, data, b"s", b"x")
        members["commit"] = await seat.phone.stage(message)
    state = group_info(seat.room, seat.group.epoch + 1, roles or roles_of(seat), random_bytes(8))
    return await seat.phone.commit(
        seat.room,
        seat.group.epoch,
        added,
        removed,
        message_id=message_id,
        group_info=await seat.phone.stage(state),
        **members,
    )


async def test_a_member_cannot_have_another_shut_out(bert, carl):
    """Bob declares charlie removed, by a commit that may do nothing at all."""
    with pytest.raises(NotMember) as refused:
        await declare(bert, removed=[carl.phone.id])

    assert refused.value.details["devices"] == [carl.phone.id]

    found = await carl.phone.request("room.resume", rooms=[{"room": carl.room, "cursor": 2}])
    assert found["gone"] == []


async def test_a_member_cannot_let_anybody_in(bert, join):
    """Where only administrators add; but a device of one's own."""
    stranger, second = await join("Dora"), await join("Bob", root=bert.phone.root)

    with pytest.raises(NotMember) as refused:
        await declare(bert, added=[stranger.id, second.id])
    assert refused.value.details["devices"] == [stranger.id]

    assert await declare(bert, added=[second.id]) == {"seq": 3, "epoch": 3}


async def test_an_administrator_may(anna, bert, carl, join):
    """Add and remove; one's own devices anybody removes."""
    dora = await join("Dora")
    await anna.commit(removed=[bert], added=[Seat(dora, anna.room)])

    second = await join("Charlie", root=carl.phone.root)
    await carl.follow(2)
    await carl.commit(added=[Seat(second, carl.room)])
    carl_again = Seat(second, carl.room)
    carl_again.group = carl.group
    await carl.commit(removed=[carl_again])


async def test_where_every_member_may_add_any_may(alice, bob, join):
    """As in an ordinary room, and vouch in their own name; but not remove."""
    anna, bert = (Seat(phone, room) for room in [random_bytes(16)] for phone in (alice, bob))
    await anna.create()
    await anna.commit(added=[bert])
    dora = Seat(await join("Dora"), anna.room)

    await bert.commit(added=[dora])
    with pytest.raises(NotMember):
        await declare(bert, removed=[dora.phone.id])
    with pytest.raises(Malformed, match="roles"):
        await declare(bert, roles=Roles(True, (anna.user,), (Vouch(bytes(32), anna.user),)))
    assert await declare(bert, roles=Roles(True, (anna.user,), (Vouch(bytes(32), bert.user),)))


async def test_who_leaves_is_removed_by_anybody(anna, bert, carl):
    """Charlie's proposal stands in the log of this epoch; bob commits it."""
    data = member_data(carl.room, new_id())
    carl.group, message = carl.group.propose_removal_of_self(data, random=random_bytes)
    await carl.phone.put_frame(MessageType.CHAT, ChatSend(carl.room, message).encode(), data[17:33])
    await carl.phone.frame(MessageType.ACK)
    await bert.follow(2)

    answer = await bert.commit(declared=[carl.phone.id])

    assert answer == {"seq": 4, "epoch": 3}


async def test_a_proposal_of_an_epoch_that_is_over_removes_nobody(anna, bert, carl):
    """Who asked to leave before somebody else's commit asks again."""
    await carl.phone.put_frame(*proposal(carl))
    await carl.phone.ack_or_error()
    assert await declare(anna) == {"seq": 4, "epoch": 3}
    bert_epoch = anna.group.epoch + 1
    state = group_info(bert.room, bert_epoch + 1, roles_of(bert), random_bytes(8))

    with pytest.raises(NotMember):
        await bert.phone.commit(bert.room, bert_epoch, (), [carl.phone.id], group_info=await bert.phone.stage(state))


def proposal(seat: Seat):
    """A frame with what stands for a proposal."""
    message_id = new_id()
    message = mls_message(seat.room, message_id, seat.group.epoch, b"going", ContentType.PROPOSAL)
    return MessageType.CHAT, ChatSend(seat.room, message).encode(), message_id


# Form 4: a device that its owner's root revoked


def revocation(seat: Seat, gone: Seat, root=None) -> bytes:
    """Form 4."""
    signature = (root or gone.phone.root).sign(device_revoked_message(gone.leaf_key))
    return revoked_data(seat.room, new_id(), gone.leaf_key, signature)


async def test_any_member_removes_what_its_root_revoked(bert, carl):
    """By a commit that carries the root's word, in the group and in the roster."""
    answer = await bert.commit(data=revocation(bert, carl), removed=[carl])

    assert answer == {"seq": 3, "epoch": 3}
    found = await carl.phone.request("room.resume", rooms=[{"room": carl.room, "cursor": 2}])
    assert found["gone"] == [carl.room]


async def test_a_revocation_is_for_one_device(anna, bert, carl):
    """By its own root, and nobody goes beside it."""
    with pytest.raises(Unauthentic):
        await declare(bert, removed=[carl.phone.id], data=revocation(bert, carl, bert.phone.root))
    for removed in ([], [carl.phone.id, anna.phone.id], [anna.phone.id]):
        with pytest.raises(Malformed):
            await declare(bert, removed=removed, data=revocation(bert, carl))
    other = revoked_data(bert.room, new_id(), carl.leaf_key, bytes(64))
    with pytest.raises(Unauthentic):
        await declare(bert, removed=[carl.phone.id], data=other)


# Roles


@pytest.mark.parametrize("change", ["administrator", "adding", "voucher", "anothers voucher"])
async def test_a_member_cannot_change_roles(anna, bert, change):
    """Nor have the server believe that it did, by a GroupInfo that says so."""
    old = roles_of(bert)
    wished = {
        "administrator": Roles(False, tuple(sorted((anna.user, bert.user)))),
        "adding": Roles(True, old.administrators),
        "voucher": Roles(False, old.administrators, (Vouch(bytes(32), bert.user),)),
        "anothers voucher": Roles(False, old.administrators, (Vouch(bytes(32), anna.user),)),
    }

    with pytest.raises(Malformed, match="roles"):
        await declare(bert, roles=wished[change])


async def test_vouchers_go_by_anybody_and_come_by_who_may_add(anna, bert):
    """The second list alone is open to members."""
    old = roles_of(anna)
    await declare(anna, roles=Roles(False, old.administrators, (Vouch(bytes(32), anna.user),)))
    state = group_info(bert.room, 4, old, random_bytes(8))

    answer = await bert.phone.commit(bert.room, 3, group_info=await bert.phone.stage(state))

    assert answer["epoch"] == 4


async def test_an_administrator_hands_over(hub, anna, bert):
    """From then on bob adds, and alice does not."""
    await anna.commit(extensions=room_extensions(Roles(False, (bert.user,))))

    kept = await hub.database.run(lambda: bytes(Room.objects.get().roles))

    assert Roles.parse(kept) == Roles(False, (bert.user,))
    with pytest.raises(NotMember):
        await declare(anna, removed=[bert.phone.id])


async def test_when_no_administrator_is_left_everybody_is_one(anna, bert, carl):
    """Or nobody could ever remove a thief's device."""
    await declare(anna, roles=Roles(False, (bytes(16),)))
    state = group_info(bert.room, 4, Roles(False, (bytes(16),)), random_bytes(8))

    answer = await bert.phone.commit(bert.room, 3, (), [carl.phone.id], group_info=await bert.phone.stage(state))

    assert answer["epoch"] == 4


# GroupInfos


WRONG = {
    "another group": lambda room: group_info(random_bytes(16), 3),
    "the epoch before": lambda room: group_info(room, 2),
    "a later epoch": lambda room: group_info(room, 4),
    "another suite": lambda room: group_info(room, 3, cipher_suite=1),
    "no roles": lambda room: group_info(room, 3, extensions=()),
    "two roles": lambda room: group_info(room, 3, extensions=room_extensions(Roles(True, ())) * 2),
    "no GroupInfo": lambda room: b"tree",
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_commit_needs_a_group_info_of_its_epoch(anna, bert, name):
    """What would be of no use to who joins later is not taken."""
    with pytest.raises(Malformed):
        await anna.phone.commit(anna.room, 2, group_info=await anna.phone.stage(WRONG[name](anna.room)))


async def test_roles_have_a_size(anna, bert):
    """They are read at every commit."""
    users = tuple(number.to_bytes(16, "big") for number in range(ROLES_MAX_BYTES // 16))

    with pytest.raises(TooLarge):
        await declare(anna, roles=Roles(False, users))
