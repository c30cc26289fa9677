"""A handover as devices meet it: who is told whom to expect, which door opens, and who has to come again."""

from datetime import timedelta

import pytest
from django.db import transaction

from chat.hub import Hub
from chat.models import Device, ServerIdentity
from chat.services import devices
from chat.services.identity import renew_discovery_secret
from chat.services.succession import begin_handover, finish_handover
from clawchat.protocol.bodies import parse_exchange
from clawchat.protocol.frame import MessageType
from clawchat.protocol.operations import check_notice
from clawchat.protocol.succession import SuccessorStatement
from tests.people import ConnectionEnded, Phone, now_ms

SECRET_TLV, SUCCESSOR_TLV = 16, 17
OVERLAP = timedelta(hours=1)


async def begin(hub: Hub) -> ServerIdentity:
    """The operator begins a handover, and this process hears of it."""
    row = await hub.database.run(begin_handover, "olga", OVERLAP)
    await hub.rounds.read_news()
    return row


async def finish(hub: Hub, row: ServerIdentity) -> None:
    """Its time is over, and this process hears of it."""
    assert await hub.database.run(finish_handover, row.handover_until)
    await hub.rounds.read_news()


async def statement_told(phone: Phone) -> SuccessorStatement:
    """The statement that a session is told next."""
    while True:
        exchange = parse_exchange((await phone.frame(MessageType.REQUEST)).payload)
        if check_notice(exchange.body) == "successor":
            return SuccessorStatement.parse(exchange.body["statement"])


async def identity_of(hub: Hub, phone: Phone) -> bytes:
    """By which identity its row says that it came last."""
    row = await hub.database.run(lambda: Device.objects.select_related("server_identity").get(device_id=phone.id))
    return bytes(row.server_identity.public)


async def test_live_sessions_are_told_who_follows(hub, alice, bob):
    """By a statement that their pin has signed."""
    row = await begin(hub)

    for phone in (alice, bob):
        statement = await statement_told(phone)
        statement.check([phone.server_public], now_ms() // 1000)
        assert bytes(statement.new) == bytes(row.public)


async def test_who_comes_by_the_old_identity_is_told_and_by_the_new_one_is_not(hub, alice):
    """Both doors open; AUTH_OK brings the statement through the old one alone, and the row says which it was."""
    await begin(hub)
    await alice.hang_up()
    old = alice.server_public

    handshake = await alice.shake_hands()
    statement = SuccessorStatement.parse(handshake.finished_tlvs[SUCCESSOR_TLV])
    assert set(handshake.finished_tlvs) == {SUCCESSOR_TLV}
    assert await identity_of(hub, alice) == bytes(old)

    alice.server_public = statement.new
    handshake = await alice.shake_hands()
    assert handshake.finished_tlvs == {}
    assert await identity_of(hub, alice) == bytes(statement.new)


async def test_a_session_by_the_new_identity_hears_nothing_of_it_again(hub, alice, bob):
    """A second look at the same handover, which another news may cause, is for those of the old one."""
    await begin(hub)
    await alice.hang_up()
    alice.server_public = (await statement_told(bob)).new
    await alice.connect()

    hub.give_successor()

    assert (await statement_told(bob)).new == alice.server_public
    assert await alice.nothing_comes(MessageType.REQUEST)


async def test_a_newcomer_is_told_when_he_enrols(hub, invite):
    """His link names the old identity, which he will not need again."""
    row = await begin(hub)
    phone = Phone(await invite(label="newcomer"))

    handshake = await phone.shake_hands()

    assert bytes(SuccessorStatement.parse(handshake.finished_tlvs[SUCCESSOR_TLV]).new) == bytes(row.public)
    await phone.hang_up()


async def test_a_handover_that_begins_while_somebody_arrives_is_told_to_him(hub, alice):
    """He had passed the gate before."""
    await alice.hang_up()
    handshake, answer = await alice.meet()
    await begin(hub)

    await alice.put(answer)
    alice.session = handshake.receive_finished(await alice.take())

    assert set(handshake.finished_tlvs) == {SUCCESSOR_TLV}


async def test_a_secret_that_is_renewed_meanwhile_is_told_beside(hub, alice):
    """Two things have changed while he proved who he is."""
    await alice.hang_up()
    handshake, answer = await alice.meet()
    await begin(hub)
    await hub.database.run(renew_in_transaction)
    await hub.rounds.read_news()

    await alice.put(answer)
    alice.session = handshake.receive_finished(await alice.take())

    assert set(handshake.finished_tlvs) == {SECRET_TLV, SUCCESSOR_TLV}


async def test_a_revoked_device_is_told_nothing(hub, alice, bob):
    """Neither the secret nor who follows."""
    await bob.hang_up()
    handshake, answer = await bob.meet()
    await hub.database.run(devices.revoke, bob.id, "stolen", "operator")
    await begin(hub)

    await bob.put(answer)

    with pytest.raises(ConnectionEnded):
        handshake.receive_finished(await bob.take())


async def test_when_it_is_over_the_old_identity_signs_nothing(hub, alice, bob):
    """Who came by it comes again, by the new one; the old door is a wall, also for who knows the secret."""
    row = await begin(hub)
    await alice.hang_up()
    alice.server_public = (await statement_told(bob)).new
    await alice.connect()
    await finish(hub, row)

    assert await bob.ended() == 4409
    assert not alice.link.ended.is_set()
    with pytest.raises(ConnectionEnded, match="aborted True"):
        await bob.connect()
    bob.server_public = alice.server_public
    await bob.connect()
    assert len(hub.gates) == 1


async def test_who_arrives_by_the_old_identity_when_it_ends_comes_again(hub, alice):
    """His session would be signed for by nobody."""
    row = await begin(hub)
    await alice.hang_up()
    handshake, answer = await alice.meet()
    await finish(hub, row)

    await alice.put(answer)
    handshake.receive_finished(await alice.take())

    assert await alice.ended() == 4409


def renew_in_transaction() -> None:
    """A new discovery secret."""
    with transaction.atomic():
        renew_discovery_secret("a drill", "olga")
