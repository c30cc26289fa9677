"""A revocation as sessions and callers see it: the device is out, then the others have the new secret."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from chat.hub import Hub
from chat.services import devices
from chat.services.identity import current_discovery_secret, current_kid
from chat.services.policy import change_policy
from chat.services.wraps import current_wraps
from clawchat.protocol.bodies import parse_exchange
from clawchat.protocol.errors import Unavailable
from clawchat.protocol.frame import MessageType
from clawchat.protocol.keys import DiscoverySecret
from clawchat.protocol.operations import check_notice
from clawchat.protocol.wraps import open_wrap
from tests.people import ConnectionEnded, Phone

DISCOVERY_SECRET_TLV = 16


async def revoke(hub: Hub, phone: Phone, hear: bool = True) -> None:
    """Shut a device out; `hear` says whether this process reads of it."""
    await hub.database.run(devices.revoke, phone.id, "stolen", "operator")
    if hear:
        await hub.rounds.read_news()


@asynccontextmanager
async def between_looks(hub: Hub) -> AsyncIterator[None]:
    """This process does not look at the news meanwhile; by itself it does every quarter of a second."""
    async with hub.rounds._reading:
        yield


async def secret_told(phone: Phone) -> DiscoverySecret:
    """The secret that a session is given next."""
    while True:
        exchange = parse_exchange((await phone.frame(MessageType.REQUEST)).payload)
        if check_notice(exchange.body) == "secret":
            return DiscoverySecret(exchange.body["secret"])


async def test_the_others_get_the_new_secret_and_the_revoked_one_does_not(hub, alice, bob, charlie):
    """Bob's session is closed first; what stood in line for him is nothing about the secret."""
    await revoke(hub, bob)

    for phone in (alice, charlie):
        assert bytes(await secret_told(phone)) == bytes(hub.keys.discovery_secret)
    assert await bob.ended() == 4410
    while not bob.link.sent.empty():
        frame = bob.session.open(bob.link.sent.get_nowait())
        assert bytes(hub.keys.discovery_secret) not in frame.payload


async def test_the_kid_is_told_with_the_secret(hub, alice, bob):
    """So that a client knows which file it opens."""
    await revoke(hub, bob)
    exchange = parse_exchange((await alice.frame(MessageType.REQUEST)).payload)
    while exchange.body["op"] != "secret":
        exchange = parse_exchange((await alice.frame(MessageType.REQUEST)).payload)

    assert exchange.body["kid"] == await hub.database.run(current_kid)


async def test_the_former_gate_is_shut_to_everybody(hub, alice, bob):
    """A device that was away, too, finds it shut; with the secret from the wraps it is in."""
    await alice.hang_up()
    await revoke(hub, bob)
    with pytest.raises(ConnectionEnded, match="aborted True"):
        await alice.connect()

    published, kid = await hub.database.run(current_wraps), await hub.database.run(current_kid)
    alice.discovery_secret = open_wrap(published, kid, [alice.psk])
    await alice.connect()

    assert alice.session is not None
    assert hub.strangers.take()


async def test_a_newcomer_takes_the_secret_from_the_wraps(hub, invite, alice, bob):
    """An invite from before the lock-out, unused: its link has no secret, the published wraps have."""
    dora = Phone(await invite())
    await revoke(hub, bob)
    published, kid = await hub.database.run(current_wraps), await hub.database.run(current_kid)
    dora.discovery_secret = open_wrap(published, kid, [dora.invite.invite_psk])

    await dora.enrol()
    await dora.connect()
    await dora.set_account("Dora")

    await dora.hang_up()


async def test_a_renewal_during_a_handshake_comes_with_auth_ok(hub, alice, bob):
    """She came by the former gate, and her session begins with what opens the next one."""
    await alice.hang_up()
    handshake, proof = await alice.meet()
    await revoke(hub, bob)

    await alice.put(proof)
    handshake.receive_finished(await alice.take())

    kid, secret = await hub.database.run(current_kid), await hub.database.run(current_discovery_secret)
    assert handshake.finished_tlvs == {DISCOVERY_SECRET_TLV: kid + bytes(secret)}


async def test_auth_ok_has_no_secret_when_nothing_was_renewed(hub, alice):
    """It is not told without need."""
    await alice.hang_up()
    handshake = await alice.shake_hands()

    assert handshake.finished_tlvs == {}


async def test_an_enrolment_during_a_renewal_is_told_nothing(hub, invite, bob):
    """Its invite may have been cancelled by the same lock-out; if not, the wraps have the secret."""
    dora = Phone(await invite())
    handshake, proof = await dora.meet()
    await revoke(hub, bob)

    await dora.put(proof)
    handshake.receive_finished(await dora.take())

    assert handshake.finished_tlvs == {}
    await dora.hang_up()


async def test_who_is_revoked_while_it_arrives_is_told_nothing(hub, bob, monkeypatch):
    """Its row said yes, then came the lock-out: AUTH_OK has no secret, and the session is closed at once."""
    await bob.hang_up()
    handshake, proof = await bob.meet()
    run = hub.database.run

    async def run_slowly(function, *arguments):
        result = await run(function, *arguments)
        if function.__name__ == "arrive":
            monkeypatch.undo()
            await revoke(hub, bob)
        return result

    monkeypatch.setattr(hub.database, "run", run_slowly)
    await bob.put(proof)
    session = handshake.receive_finished(await bob.take())

    assert handshake.finished_tlvs == {}
    assert session.open(await bob.take()).type == MessageType.CLOSE_NOTIFY
    assert await bob.ended() == 4410


async def test_limits_that_are_read_anew_bring_no_new_secret(hub, alice, bob):
    """Keys change in their turn alone: after the lock-out they come from was acted on."""
    before = hub.keys
    async with between_looks(hub):
        await hub.database.run(lambda: change_policy("operator", max_devices=7))
        await revoke(hub, bob, hear=False)

        await hub.read_policy()

        assert hub.keys is before


async def test_a_secret_that_cannot_be_read_now_is_read_later(hub, alice, bob, monkeypatch):
    """The database goes away between lock-out and new secret: bob is out, alice gets hers when it is back."""

    async def away():
        raise Unavailable("away")

    with monkeypatch.context() as patched, pytest.raises(Unavailable):
        patched.setattr(hub, "read_keys", away)
        await revoke(hub, bob)
    assert await bob.ended() == 4410
    await hub.rounds.read_news()

    assert bytes(await secret_told(alice)) == bytes(hub.keys.discovery_secret)


async def test_what_was_renewed_while_the_server_started_is_in_force(hub, alice, bob):
    """Another process's lock-out between this one's first look at its rows and its first look at the news."""
    await revoke(hub, bob, hear=False)
    other = Hub(hub.clock)
    started = Hub.read_policy

    async def read_policy(self):
        await started(self)
        await revoke(hub, alice, hear=False)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Hub, "read_policy", read_policy)
        await other.start()
    try:
        await other.rounds.read_news()
        assert other.keys.kid == await hub.database.run(current_kid)
    finally:
        await other.stop()


async def test_two_lock_outs_at_once_end_with_one_secret(hub, alice, bob, charlie):
    """Every session that stays has the last one."""
    async with between_looks(hub):
        await revoke(hub, bob, hear=False)
        await revoke(hub, charlie, hear=False)
    await hub.rounds.read_news()

    assert bytes(await secret_told(alice)) == bytes(hub.keys.discovery_secret)
    assert len(hub.gates) == 1


async def test_who_is_shut_out_before_the_secret_is_read_does_not_get_it(hub, alice, bob, charlie, monkeypatch):
    """Charlie's lock-out comes when the news of bob's have been read, and the keys have not."""
    read = hub.read_keys

    async def after_another():
        monkeypatch.undo()
        await revoke(hub, charlie, hear=False)
        return await read()

    monkeypatch.setattr(hub, "read_keys", after_another)
    await revoke(hub, bob)

    assert hub.keys.kid == await hub.database.run(current_kid)
    assert bytes(await secret_told(alice)) == bytes(hub.keys.discovery_secret)
    assert await charlie.ended() == 4410
    while not charlie.link.sent.empty():
        frame = charlie.session.open(charlie.link.sent.get_nowait())
        assert bytes(hub.keys.discovery_secret) not in frame.payload


async def test_a_lock_out_after_the_secret_was_read_brings_the_next_one(hub, alice, bob, charlie, monkeypatch):
    """Charlie's comes when the keys that bob's brought have been read: they are not given out any more."""
    read, kids = hub.read_keys, []

    async def before_another():
        keys = await read()
        kids.append(keys.kid)
        if len(kids) == 1:
            await revoke(hub, charlie, hear=False)
        return keys

    monkeypatch.setattr(hub, "read_keys", before_another)
    await revoke(hub, bob)

    assert len(kids) == 2
    assert kids[1] == hub.keys.kid == await hub.database.run(current_kid)
    assert bytes(await secret_told(alice)) == bytes(hub.keys.discovery_secret)
    assert await charlie.ended() == 4410
