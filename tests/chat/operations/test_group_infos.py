"""GroupInfos by several members, reports of commits that cannot be processed, and rooms of a scheme that is over."""

import pytest

from chat.models import AuditEvent, ConnectionPolicy, GroupInfo
from clawchat.mls.profile import Roles
from clawchat.protocol.errors import Limit, Malformed, NotMember, OutOfOrder, StaleEpoch, UnsupportedVersion
from clawchat.protocol.frame import MessageType
from clawchat.protocol.primitives import random_bytes
from tests.mls_bytes import OPEN_ROLES, group_info


@pytest.fixture
async def room(alice, bob) -> bytes:
    """A room of alice and bob."""
    room = random_bytes(16)
    await alice.request("room.create", room=room, scheme=0xF04E)
    await alice.commit(room, 0, added=[bob.id])
    return room


async def put(phone, room: bytes, epoch: int = 1, end: bytes = b"tree", roles: Roles = OPEN_ROLES) -> bytes:
    """Upload a GroupInfo, and give its digest."""
    digest = await phone.stage(group_info(room, epoch, roles, end))
    await phone.request("group_info.put", room=room, epoch=epoch, group_info=digest)
    return digest


async def there(phone, room: bytes) -> list[bytes]:
    """The digests that a joiner tries, in their order."""
    first = await phone.request("group_info", room=room)
    others = [await phone.request("group_info", room=room, n=n) for n in range(1, first["count"])]
    return [found["digest"] for found in (first, *others)]


async def test_a_joiner_tries_them_in_turn(alice, bob, room):
    """The committer's first; then what others have put beside it."""
    [committers] = await there(bob, room)
    other = await put(bob, room)

    assert await there(bob, room) == [committers, other]
    found = await bob.request("group_info", room=room, n=1)
    assert (found["seq"], found["epoch"], found["count"]) == (1, 1, 2)
    size = (await bob.request("room.fetch", room=room, digest=other, offset=0))["size"]
    assert size == found["size"]
    with pytest.raises(Malformed):
        await bob.request("group_info", room=room, n=2)


async def test_a_second_one_of_a_device_takes_the_place_of_its_first(alice, bob, room):
    """So nobody fills the four places alone."""
    [committers] = await there(alice, room)
    await put(bob, room, end=b"1")
    second = await put(bob, room, end=b"2")

    assert await there(bob, room) == [committers, second]
    again = await put(alice, room, end=b"3")
    assert await there(bob, room) == [second, again]


async def test_who_has_most_of_them_gives_way(alice, bob, room, join):
    """However many devices bob brings, alice's stays."""
    devices = [await join("Bob", root=bob.root) for _ in range(4)]
    await alice.commit(room, 1, added=[device.id for device in devices])
    [committers] = await there(bob, room)

    uploaded = [await put(device, room, 2, b"%d" % number) for number, device in enumerate(devices)]

    assert await there(bob, room) == [committers, *uploaded[1:]]


async def test_only_members_put_one_for_the_epoch_that_is(alice, bob, charlie, room):
    """Neither a stranger nor for another epoch nor with other roles."""
    with pytest.raises(NotMember):
        await put(charlie, room)
    for epoch in (0, 2):
        with pytest.raises(StaleEpoch) as stale:
            await put(bob, room, epoch)
        assert (stale.value.details["epoch"], stale.value.details["head"]) == (1, 1)
    with pytest.raises(Malformed, match="roles"):
        await put(bob, room, roles=Roles(False, ()))
    digest = await bob.stage(group_info(random_bytes(16), 1))
    with pytest.raises(Malformed):
        await bob.request("group_info.put", room=room, epoch=1, group_info=digest)
    with pytest.raises(OutOfOrder, match="not staged"):
        await bob.request("group_info.put", room=room, epoch=1, group_info=bytes(32))


async def test_a_member_that_was_removed_puts_none(alice, bob, room):
    """Nor is it given any."""
    await alice.commit(room, 1, removed=[bob.id])

    with pytest.raises(NotMember):
        await put(bob, room, 2)
    with pytest.raises(NotMember):
        await bob.request("group_info", room=room)


async def test_they_count_for_who_put_them(hub, bob, room):
    """A device that has its fill puts no more."""
    policy = await hub.database.run(ConnectionPolicy.objects.get)
    policy.max_stored_bytes_per_device = 10
    await hub.database.run(policy.save)

    with pytest.raises(Limit):
        await put(bob, room)


async def test_they_go_with_their_epoch(hub, alice, bob, room):
    """All of them, but while a Welcome waits."""
    await put(bob, room)
    await alice.commit(room, 1)
    assert await hub.database.run(GroupInfo.objects.count) == 3
    [waiting] = (await bob.request("welcome.take"))["welcomes"]

    await bob.request("welcome.take", done=[waiting["id"]])

    assert await hub.database.run(GroupInfo.objects.count) == 1


async def test_before_the_first_commit_there_is_none(alice):
    """And nothing to put one for."""
    room = random_bytes(16)
    await alice.request("room.create", room=room, scheme=0xF04E)

    with pytest.raises(NotMember):
        await alice.request("group_info", room=room)
    with pytest.raises(Malformed):
        await put(alice, room, 0)


# room.reject


async def test_a_report_is_written_down_once(hub, alice, bob, room):
    """Who, where, which commit and why; the commit stays."""
    await alice.commit(room, 1)
    for _ in range(2):
        await bob.request("room.reject", room=room, seq=2, reason="path-key")

    [event] = await hub.database.run(lambda: list(AuditEvent.objects.filter(code="commit_rejected")))

    assert (event.actor, event.subject) == (bob.id.hex(), room.hex())
    assert event.details == {"seq": 2, "reason": "path-key"}
    assert await alice.commit(room, 2) == {"seq": 3, "epoch": 3}


async def test_nobody_fills_the_audit_log_with_reports(hub, alice, bob, room, monkeypatch):
    """Of each device so many within an hour; the others are answered alike and written nowhere."""
    monkeypatch.setattr("chat.services.rooms.REJECTIONS_PER_DEVICE", 2)
    noted = AuditEvent.objects.filter(code="commit_rejected")
    for epoch in range(1, 4):
        await alice.commit(room, epoch)
        assert await bob.request("room.reject", room=room, seq=epoch + 1, reason="path-key") == {}
    assert await hub.database.run(noted.count) == 2

    await alice.request("room.reject", room=room, seq=4, reason="path-key")
    assert await hub.database.run(noted.count) == 3
    await hub.database.run(lambda: noted.update(time_ms=0))
    await bob.request("room.reject", room=room, seq=4, reason="path-key")
    assert await hub.database.run(noted.count) == 4


async def test_only_commits_that_a_member_could_read_are_reported(alice, bob, charlie, room):
    """Not messages, not what stood there before it came, and no sentences."""
    await alice.post(room, b"hello", epoch=1)
    await alice.frame(MessageType.ACK)
    for phone, seq, reason, error in (
        (charlie, 1, "path-key", NotMember),
        (bob, 1, "path-key", NotMember),
        (bob, 2, "path-key", Malformed),
        (bob, 3, "path-key", Malformed),
        (alice, 1, "Meet me at 8", Malformed),
        (alice, 1, "ä", Malformed),
    ):
        with pytest.raises(error):
            await phone.request("room.reject", room=room, seq=seq, reason=reason)

    assert await alice.request("room.reject", room=room, seq=1, reason="") == {}


# room.list


async def test_rooms_are_listed_in_pages(alice, bob, room, monkeypatch):
    """Those in which the member has a device, and nobody else's."""
    monkeypatch.setattr("chat.services.rooms.PAGE_ROOMS", 2)
    rooms = sorted([room, *[random_bytes(16) for _ in range(2)]])
    for each in rooms:
        if each != room:
            await alice.request("room.create", room=each, scheme=0xF04E)

    first = await alice.request("room.list")
    rest = await alice.request("room.list", after=first["rooms"][-1]["room"])

    assert [found["room"] for found in first["rooms"] + rest["rooms"]] == rooms
    assert (first["more"], rest["more"]) == (True, False)
    assert [found["room"] for found in (await bob.request("room.list"))["rooms"]] == [room]


# A scheme that is not taken any more


async def test_a_room_of_a_scheme_that_is_over_is_only_read(alice, bob, room, settings):
    """Nothing new is taken, and nothing that is there is lost."""
    await alice.post(room, b"the last one", epoch=1)
    await alice.frame(MessageType.ACK)
    settings.CLAWCHAT_SCHEMES = [0xF04F]

    await alice.post(room, b"too late", epoch=1)
    assert (await alice.error()).number == UnsupportedVersion.number
    with pytest.raises(UnsupportedVersion):
        await alice.commit(room, 1)
    with pytest.raises(UnsupportedVersion):
        await put(bob, room)

    found = await bob.request("room.resume", rooms=[{"room": room, "cursor": 0}])
    assert found["rooms"] == [{"room": room, "head": 2, "epoch": 1, "cursor": 1}]
    assert (await bob.delivery()).seq == 2
