"""A device's own secret with the server, renewed in a session: `psk_renew` as the server does it."""

import asyncio
from copy import copy

import pytest
from django.utils import timezone

from chat.models import AuditEvent, Device, DiscoveryWrap, Invite
from chat.services import wraps
from chat.services.credentials import find_credential
from chat.services.devices import want_new_pairs
from clawchat.protocol.bodies import Request, Response, parse_exchange
from clawchat.protocol.errors import NotMember
from clawchat.protocol.frame import MessageType
from clawchat.protocol.key_schedule import device_credentials, key_id
from clawchat.protocol.wraps import open_wrap
from tests.chat.test_rekey import Keys
from tests.fakes import FakeLink
from tests.people import ConnectionEnded, Phone

FAILED = 1008


async def renew(phone: Phone) -> tuple[bytes, object]:
    """Another pair, as both ends derive it."""
    exporter = phone.session.exporter
    assert await phone.request("psk_renew") == {}
    return device_credentials(exporter, phone.key.public)


async def come(phone: Phone, pair: tuple) -> None:
    """A connection under this pair."""
    phone.psk_id, phone.psk = pair
    await phone.connect(FakeLink())


async def is_asked(hub, phone: Phone) -> bool:
    """Whether another pair is wanted of it, by whatever is news; of the directory it may be told at any time."""
    await hub.rounds.read_news()
    while True:
        try:
            exchange = parse_exchange((await phone.frame(MessageType.REQUEST, patience=0.15)).payload)
        except TimeoutError:
            return False
        if isinstance(exchange, Request) and exchange.body["op"] == "psk_renew":
            return True


def row(phone: Phone) -> Device:
    return Device.objects.get(device_id=phone.id)


async def test_the_old_pair_opens_nothing_after_the_first_handshake_with_the_new_one(hub, alice):
    """And the new one is all there is."""
    old = alice.psk_id, alice.psk
    new = await renew(alice)
    assert new != old
    await come(alice, new)
    await come(alice, new)

    with pytest.raises(ConnectionEnded, match=str(FAILED)):
        await come(alice, old)
    stored = await hub.database.run(row, alice)
    assert bytes(stored.psk_id) == new[0] and stored.pending_psk_id is None and stored.pending_psk_sealed is None


async def test_the_new_pair_opens_nothing_after_a_handshake_with_the_old_one(hub, alice):
    """The client lets go of it then; another can be had at once."""
    old = alice.psk_id, alice.psk
    new = await renew(alice)
    await come(alice, old)
    stored = await hub.database.run(row, alice)
    assert bytes(stored.psk_id) == old[0] and stored.pending_psk_id is None and stored.pending_psk_sealed is None

    with pytest.raises(ConnectionEnded, match=str(FAILED)):
        await come(alice, new)
    await come(alice, old)
    await come(alice, await renew(alice))


async def test_a_handshake_that_was_held_back_does_not_lock_the_device_out(hub, alice):
    """Who carries the bytes keeps H3 under the new pair, hangs up on the client as a server does that refuses it, and
    delivers H3 when the client has gone back to the old pair and forgotten the new one."""
    old, new = (alice.psk_id, alice.psk), await renew(alice)
    held = copy(alice)
    held.psk_id, held.psk = new
    _, auth = await held.meet()
    await come(alice, old)

    await held.put(auth)
    assert await held.ended() == FAILED
    await come(alice, old)


async def test_a_repeat_replaces_the_pair_that_was_not_used(hub, alice, clock):
    """As when the answer was lost and the request came again on another connection."""
    first = await renew(alice)
    await Keys(alice, clock).rekey()
    second = await renew(alice)

    assert first != second
    with pytest.raises(ConnectionEnded, match=str(FAILED)):
        await come(alice, first)
    await come(alice, second)


async def test_the_epoch_is_that_in_which_the_request_was_sealed(hub, alice, clock):
    """The request waits in line while a whole rekey passes: its exporter is still the former epoch's."""
    live = next(session for session in hub.all_sessions() if session.device_id == alice.id)
    live.link.block()
    before = alice.session.exporter
    await alice.put_frame(MessageType.REQUEST, Request(77, {"op": "psk_renew"}).encode())
    await Keys(alice, clock).rekey()
    assert alice.session.exporter != before
    live.link.drain()
    live.drained()

    assert isinstance(await alice.answer(77), Response)
    await come(alice, device_credentials(before, alice.key.public))


async def test_the_line_keeps_no_exporter_of_other_requests(hub, alice):
    """Only the one operation that is answered by it needs it."""
    live = next(session for session in hub.all_sessions() if session.device_id == alice.id)
    live.link.block()
    await alice.put_frame(MessageType.REQUEST, Request(1, {"op": "directory"}).encode())
    await alice.put_frame(MessageType.REQUEST, Request(2, {"op": "psk_renew"}).encode())
    async with asyncio.timeout(10):
        while len(live.requests) < 2:
            await asyncio.sleep(0)

    assert [asked.exporter for asked in live.requests] == [b"", alice.session.exporter]


async def test_the_invite_is_left_alone(hub, alice):
    """It was spent when the first pair was; when, stays as it was."""
    spent = await hub.database.run(lambda: row(alice).invite.spent_at)
    await come(alice, await renew(alice))

    assert await hub.database.run(lambda: row(alice).invite.spent_at) == spent
    assert await hub.database.run(lambda: Invite.objects.exclude(psk_sealed=None).count()) == 0


async def test_the_secret_is_wrapped_under_the_new_pair_once_it_is_used(hub, alice):
    """Not before: the device may never have learnt it. And it has one entry all the time."""

    def wrapped() -> list[bytes]:
        return [bytes(each.entry) for each in DiscoveryWrap.objects.filter(device=row(alice))]

    old, kid = alice.psk, key_id(hub.keys.discovery_secret)
    new = await renew(alice)
    (entry,) = await hub.database.run(wrapped)
    assert open_wrap(await hub.database.run(wraps.current_wraps), kid, [old]) == hub.keys.discovery_secret
    await come(alice, new)

    assert await hub.database.run(wrapped) != [entry] and len(await hub.database.run(wrapped)) == 1
    assert open_wrap(await hub.database.run(wraps.current_wraps), kid, [new[1]]) == hub.keys.discovery_secret


async def test_the_audit_log_says_who_renewed(hub, alice):
    """When the new pair is used, once."""
    new = await renew(alice)
    for _ in range(2):
        await come(alice, new)

    events = await hub.database.run(lambda: list(AuditEvent.objects.filter(code="psk_renewed")))
    assert [event.subject for event in events] == [alice.id.hex()]


async def test_a_device_without_account_renews_nothing(hub, invite):
    """`account.set` comes first, as before everything."""
    phone = Phone(await invite(label="Dora"))
    await phone.enrol()
    await phone.connect()
    with pytest.raises(NotMember):
        await phone.request("psk_renew")
    await phone.hang_up()


async def test_a_revoked_device_gets_no_new_pair(hub, alice, bob):
    """Its session is closed, and neither of its pairs is known any more."""
    old, new = bob.psk_id, await renew(bob)
    carol = await hub.database.run(lambda: row(bob).pk)
    await alice.request("device.revoke", device_id=bob.id)
    assert await bob.ended() == 4410

    for psk_id in (old, new[0]):
        assert (await hub.database.run(find_credential, psk_id)).device_pk != carol


# On the operator's word


async def test_live_sessions_are_told_at_once(hub, alice, bob):
    """All of them; and the standing says how many are left until they came by their new pair."""
    assert await hub.database.run(want_new_pairs, "root") == 2
    await hub.rounds.read_news()
    for phone in (alice, bob):
        await phone.notice("psk_renew")
    assert await hub.database.run(lambda: Device.objects.due().count()) == 2

    new = await renew(alice)
    assert await hub.database.run(lambda: Device.objects.due().count()) == 2
    await come(alice, new)
    assert await hub.database.run(lambda: [bytes(each.device_id) for each in Device.objects.due()]) == [bob.id]
    assert await hub.database.run(lambda: AuditEvent.objects.get(code="psk_renewal_asked").actor) == "root"


async def test_who_was_away_is_told_when_it_comes(hub, bob):
    """Each time, until it comes by a pair that was made after the order."""
    before = await renew(bob)
    await bob.hang_up()
    await hub.database.run(want_new_pairs, "root")

    await come(bob, before)
    await bob.notice("psk_renew")
    await come(bob, await renew(bob))
    assert not await is_asked(hub, bob)


async def test_late_news_ask_nobody_who_has_come_by_a_new_pair(hub, alice, bob):
    """A process reads them behind a slow database: alice has renewed by then, bob has not."""
    async with hub.rounds._reading:
        await hub.database.run(want_new_pairs, "root")
        await come(alice, await renew(alice))

    await bob.notice("psk_renew")
    assert not await is_asked(hub, alice)


async def test_who_enrols_after_the_order_is_not_asked(hub, alice, join):
    """Its pair is a new one."""
    await hub.database.run(want_new_pairs, "root")
    bob = await join("Bob")
    await come(bob, (bob.psk_id, bob.psk))

    frames = []
    while not await bob.nothing_comes():
        frames.append(bob)
    assert await hub.database.run(lambda: [bytes(each.device_id) for each in Device.objects.due()]) == [alice.id]


async def test_a_pair_from_before_its_time_was_written_down_is_due(hub, alice):
    """Rows of an older version have none."""
    await hub.database.run(lambda: Device.objects.update(psk_made_at=None, psk_due_at=timezone.now()))
    assert await hub.database.run(lambda: Device.objects.due().count()) == 1


async def test_the_answer_to_the_notice_is_no_request(hub, alice):
    """A client answers with an empty map, and asks by itself."""
    await hub.database.run(want_new_pairs, "root")
    await hub.rounds.read_news()
    while True:
        exchange = parse_exchange((await alice.frame(MessageType.REQUEST)).payload)
        if isinstance(exchange, Request) and exchange.body == {"op": "psk_renew"}:
            break
    await alice.put_frame(MessageType.REQUEST, Response(exchange.id, {}).encode())
    assert await renew(alice)
