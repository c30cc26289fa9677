"""Key packages: handed out once, the last resort last, and not to be emptied by one device."""

import asyncio

import pytest

from chat.services.policy import change_policy
from clawchat.protocol.errors import Limit, Malformed, TooFast
from clawchat.protocol.primitives import random_bytes


async def take(phone, *devices: bytes) -> list[bytes]:
    """The packages taken."""
    return [entry["package"] for entry in (await phone.request("packages.take", devices=list(devices)))["packages"]]


async def test_each_package_is_handed_out_once(alice, bob):
    """In the order they were put; then the last resort, again and again."""
    put = await bob.request("packages.put", packages=[b"one", b"two"], last_resort=b"last")

    taken = [(await take(alice, bob.id))[0] for _ in range(4)]

    assert put == {"left": 2}
    assert taken == [b"one", b"two", b"last", b"last"]
    assert await bob.request("packages.put", packages=[]) == {"left": 0}


async def test_packages_taken_at_once_are_different(alice, bob, charlie):
    """Two requests never get the same one."""
    packages = [b"%d" % number for number in range(10)]
    await bob.request("packages.put", packages=packages)

    taken = await asyncio.gather(*(take(phone, bob.id) for phone in (alice, charlie) for _ in range(1)))
    for _ in range(4):
        taken += await asyncio.gather(take(alice, bob.id), take(charlie, bob.id))

    assert sorted(package for found in taken for package in found) == packages


async def test_putting_again_gives_nothing_out_twice(alice, bob):
    """A repeated upload after a lost answer does not bring back what somebody has."""
    await bob.request("packages.put", packages=[b"one", b"two"])
    await take(alice, bob.id)

    again = await bob.request("packages.put", packages=[b"one", b"two"])

    assert again == {"left": 1}
    assert await take(alice, bob.id) == [b"two"]


async def test_a_new_last_resort_replaces_the_old_one(alice, bob):
    """There is one."""
    await bob.request("packages.put", packages=[], last_resort=b"old")
    await bob.request("packages.put", packages=[], last_resort=b"new")
    await bob.request("packages.put", packages=[], last_resort=b"new")

    assert await take(alice, bob.id) == [b"new"]


async def test_a_one_time_package_is_no_last_resort(alice, bob):
    """It would be handed out for good after it was handed out for once; nothing of such an upload is kept."""
    with pytest.raises(Malformed):
        await bob.request("packages.put", packages=[b"one", b"two"], last_resort=b"two")

    assert await bob.request("packages.put", packages=[b"one"]) == {"left": 1}
    with pytest.raises(Malformed):
        await bob.request("packages.put", packages=[], last_resort=b"one")


async def test_the_smallest_rate_lets_a_whole_request_pass(hub, alice, bob):
    """An operator who sets one package a minute slows everybody down, and stops nobody."""
    await hub.database.run(lambda: change_policy("operator", packages_per_minute=1))
    await hub.rounds.read_news()

    assert (await alice.request("packages.take", devices=[random_bytes(16) for _ in range(16)]))["packages"] == []


async def test_who_has_none_is_missing(alice, bob, charlie):
    """Unknown devices, revoked ones and those without packages are missing alike."""
    await bob.request("packages.put", packages=[b"one"])
    await charlie.request("packages.put", packages=[b"one"])
    await alice.request("device.revoke", device_id=charlie.id)
    stranger = random_bytes(16)

    answer = await alice.request("packages.take", devices=[bob.id, alice.id, charlie.id, stranger])

    assert [entry["device"] for entry in answer["packages"]] == [bob.id]
    assert answer["missing"] == [alice.id, charlie.id, stranger]


async def test_a_stock_has_a_bound(bob, monkeypatch):
    """One device cannot fill the table; what was too much is not stored at all."""
    monkeypatch.setattr("chat.services.key_packages.STOCK", 3)
    await bob.request("packages.put", packages=[b"1", b"2"])

    with pytest.raises(Limit):
        await bob.request("packages.put", packages=[b"3", b"4"])

    assert await bob.request("packages.put", packages=[]) == {"left": 2}


async def test_mallory_cannot_empty_everybodys_stock(hub, bob, charlie, clock):
    """Taking has a rate of its own."""
    await hub.database.run(lambda: change_policy("operator", packages_per_minute=4))
    await hub.rounds.read_news()
    for _ in range(16):
        await take(charlie, bob.id)

    with pytest.raises(TooFast):
        await take(charlie, bob.id)
    clock.forward(60)

    assert await take(charlie, bob.id) == []


@pytest.mark.parametrize(
    "members", [{"packages": [bytes(4097)]}, {"packages": [b"x"] * 51}, {"packages": b"x"}, {"last_resort": b""}]
)
async def test_packages_have_sizes(bob, members):
    """The table of the protocol holds for every request."""
    with pytest.raises(Malformed):
        await bob.request("packages.put", **members)
