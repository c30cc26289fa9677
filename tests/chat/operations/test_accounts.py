"""Accounts, names, the directory, devices and invites, asked over a session."""

from datetime import timedelta

import pytest
from django.utils import timezone

from chat.models import Invite, Member
from clawchat.protocol.credential import DeviceKind, LeafIdentity, sign_identity, user_id
from clawchat.protocol.errors import Limit, Malformed, NotMember, Unauthentic
from clawchat.protocol.keys import DeviceKey, RootKey
from clawchat.protocol.operations import OPERATIONS
from clawchat.protocol.primitives import random_bytes
from tests.people import Phone


async def enrolled(invite, root: RootKey | None = None) -> Phone:
    """A connected device that belongs to nobody yet."""
    phone = Phone(await invite(), root)
    await phone.enrol()
    await phone.connect()
    return phone


# Members of a request for each operation, to ask for it at all.
SAMPLE = {
    "name.set": {"name": "x"},
    "directory": {},
    "invite.create": {},
    "device.list": {},
    "device.revoke": {"device_id": bytes(16)},
    "psk_renew": {},
    "file.create": {"file": bytes(16), "room": bytes(16), "size": 20},
    "file.read": {"file": bytes(16), "room": bytes(16), "index": 0, "count": 1},
    "file.drop": {"file": bytes(16), "room": bytes(16)},
    "packages.put": {"packages": []},
    "packages.take": {"devices": []},
    "room.create": {"room": bytes(16), "scheme": 0xF04E},
    "room.stage": {"digest": bytes(32), "size": 1, "offset": 0, "bytes": b"x"},
    "room.commit": {
        "room": bytes(16),
        "epoch": 0,
        "message_id": bytes(16),
        "commit": bytes(32),
        "added": [],
        "removed": [],
        "group_info": bytes(32),
    },
    "room.resume": {"rooms": []},
    "room.list": {},
    "room.reject": {"room": bytes(16), "seq": 1, "reason": "path-key"},
    "group_info.put": {"room": bytes(16), "epoch": 1, "group_info": bytes(32)},
    "room.read": {"room": bytes(16), "after": 0, "limit": 1},
    "welcome.take": {},
    "group_info": {"room": bytes(16)},
    "room.fetch": {"room": bytes(16), "digest": bytes(32), "offset": 0},
}


async def test_nothing_but_account_set_without_an_account(invite):
    """A device that belongs to nobody learns nothing, by any operation there is."""
    assert SAMPLE.keys() | {"account.set"} == OPERATIONS.keys()
    charlie = await enrolled(invite)

    for operation, members in SAMPLE.items():
        with pytest.raises(NotMember):
            await charlie.request(operation, **members)

    await charlie.hang_up()


async def test_account_set_makes_a_member(hub, invite):
    """The id is that of the root key; repeating it is harmless."""
    alice = await enrolled(invite)

    first, second = await alice.set_account("Alice"), await alice.set_account()

    assert first == second == user_id(alice.root.public)
    member = await hub.database.run(Member.objects.get)
    assert (member.name, len(member.root_blob)) == ("Alice", 77)
    await alice.hang_up()


async def test_a_person_has_several_devices(invite, alice):
    """The second device's certificate by the same root makes it the same member's."""
    tablet = await enrolled(invite, alice.root)
    await tablet.set_account()

    devices = (await alice.request("device.list"))["devices"]

    assert [(device["device_id"], device["this"]) for device in devices] == [(alice.id, True), (tablet.id, False)]
    assert all(device["kind"] == 1 and device["created"] and device["last_seen"] for device in devices)
    await tablet.hang_up()


async def test_account_set_believes_no_false_identity(hub, invite, alice):
    """Not another device's, not one that the root did not sign, not another person's name on it."""
    mallory = await enrolled(invite)
    of_another = sign_identity(mallory.root, DeviceKey.generate().public, DeviceKind.HUMAN, 0, 2**32)
    honest = sign_identity(mallory.root, mallory.key.public, DeviceKind.HUMAN, 0, 2**32)
    as_alice = LeafIdentity(
        user_id(alice.root.public), honest.device_id, honest.kind, alice.root.public, 0, 2**32, honest.signature
    )
    broken = honest.encode()[:-1] + bytes([honest.encode()[-1] ^ 1])

    for identity in (of_another.encode(), as_alice.encode(), broken):
        with pytest.raises(Unauthentic):
            await mallory.request("account.set", identity=identity)
    with pytest.raises(Malformed):
        await mallory.request("account.set", identity=honest.encode()[:33] + b"\x09" + honest.encode()[34:])

    assert await hub.database.run(Member.objects.count) == 1
    await mallory.hang_up()


async def test_a_device_stays_with_its_person(alice):
    """It cannot become somebody else's."""
    alice.root = RootKey.generate()

    with pytest.raises(Malformed):
        await alice.set_account()


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "two\nlines", "bell\x07", "\x85"])
async def test_names_have_rules(alice, name):
    """1 to 64 characters, none of them a control character."""
    with pytest.raises(Malformed):
        await alice.request("name.set", name=name)


async def test_a_name_reaches_the_others(alice, bob):
    """They get a notice, and the directory has it."""
    await alice.request("name.set", name="Ålice 🦞")

    await bob.notice("directory")
    members = (await bob.request("directory"))["members"]

    assert "Ålice 🦞" in {member["name"] for member in members}


async def test_the_directory_lists_members_with_their_devices(alice, bob):
    """In order of their ids, each device with key and identity."""
    answer = await alice.request("directory")

    assert answer["more"] is False
    ids = [member["user_id"] for member in answer["members"]]
    assert ids == sorted([user_id(alice.root.public), user_id(bob.root.public)])
    own = next(member for member in answer["members"] if member["name"] == "Alice")
    assert own["root_public"] == bytes(alice.root.public)
    [device] = own["devices"]
    assert (device["device_id"], device["device_public"]) == (alice.id, bytes(alice.key.public))
    LeafIdentity.parse(device["identity"]).verify(alice.key.public)


async def test_the_directory_has_pages(alice, bob, monkeypatch):
    """`after` goes on where a page ended."""
    monkeypatch.setattr("chat.services.directory.PAGE_MEMBERS", 1)

    first = await alice.request("directory")
    second = await alice.request("directory", after=first["members"][0]["user_id"])

    assert (first["more"], second["more"]) == (True, False)
    assert {page["members"][0]["name"] for page in (first, second)} == {"Alice", "Bob"}


async def test_a_revoked_device_leaves_the_directory(alice, bob):
    """Nobody adds it to a room any more; its person keeps the name."""
    await alice.request("device.revoke", device_id=bob.id)

    members = (await alice.request("directory"))["members"]

    assert {member["name"]: len(member["devices"]) for member in members} == {"Alice": 1, "Bob": 0}
    assert await bob.ended() == 4410


async def test_charlie_revokes_nobody_else(alice, charlie):
    """Only an owner may revoke other people's devices."""
    with pytest.raises(NotMember):
        await charlie.request("device.revoke", device_id=alice.id)
    with pytest.raises(NotMember):
        await charlie.request("device.revoke", device_id=random_bytes(16))

    assert (await alice.request("device.list"))["devices"]


async def test_a_member_invites_somebody(bob, hub):
    """The invite enrols a device; its url carries it in the fragment."""
    made = await bob.request("invite.create", label="for Dora", lifetime=3600)

    dora = Phone(made["invite"])
    await dora.enrol()
    await dora.connect()
    await dora.set_account("Dora")

    assert made["url"].endswith(f"/#{made['invite']}")
    assert dora.invite.expires == made["expires"]
    await dora.hang_up()


@pytest.mark.parametrize("lifetime", [0, 59, 604_801])
async def test_an_invites_lifetime_has_bounds(bob, lifetime):
    """A minute to a week."""
    with pytest.raises(Malformed):
        await bob.request("invite.create", lifetime=lifetime)


async def test_an_invites_label_is_one_line_of_text(bob):
    """It is shown in the admin, and not every database takes every character."""
    with pytest.raises(Malformed):
        await bob.request("invite.create", label="for\x00Dora")


async def test_open_invites_have_a_bound(bob, monkeypatch):
    """One member cannot fill the table."""
    monkeypatch.setattr("chat.services.invites.OPEN_INVITES_PER_MEMBER", 2)
    for _ in range(2):
        await bob.request("invite.create")

    with pytest.raises(Limit):
        await bob.request("invite.create")


async def test_invites_of_a_minute_have_a_bound_too(hub, bob, monkeypatch):
    """One member cannot have the connection file written over and over, nor fill the audit log."""
    monkeypatch.setattr("chat.services.invites.INVITES_AN_HOUR", 2)
    for _ in range(2):
        await bob.request("invite.create", lifetime=60)
    long_ago = timezone.now() - timedelta(seconds=90)
    await hub.database.run(lambda: Invite.objects.update(created_at=long_ago, expires_at=long_ago))

    with pytest.raises(Limit, match="within an hour"):
        await bob.request("invite.create")

    await hub.database.run(lambda: Invite.objects.update(created_at=timezone.now() - timedelta(hours=1)))
    await bob.request("invite.create")
