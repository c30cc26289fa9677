"""From a stranger's first message to a session: who gets in, and what everybody else learns."""

import pytest
from django.db import OperationalError

from chat.models import AuditEvent, Connection, Device, Invite, Member
from chat.services import connections, devices
from chat.services.policy import change_policy
from chat.strangers import Touch
from clawchat.protocol.bodies import CloseNotify, ErrorBody
from clawchat.protocol.frame import MessageType
from clawchat.protocol.keys import DeviceKey, DiscoverySecret, PreSharedKey
from clawchat.protocol.limits import FIRST_MESSAGE_MAX_BYTES
from clawchat.protocol.primitives import random_bytes
from tests.fakes import FakeLink
from tests.people import ConnectionEnded, Phone


async def refused(phone: Phone) -> int | None:
    """The close code that a handshake gets instead of AUTH_OK; no frame and no reason may come with it."""
    with pytest.raises(ConnectionEnded):
        await phone.shake_hands()
    assert phone.link.sent.empty()
    assert not phone.link.is_authenticated
    code = phone.link.closed
    await phone.hang_up()
    return code


# Suites


@pytest.mark.parametrize(
    ("pq_required", "offered", "taken"),
    [(True, (2, 1), 2), (False, (1, 2), 2), (False, (1,), 1)],
)
async def test_the_operator_decides_on_the_floor_of_the_suite(hub, alice, settings, pq_required, offered, taken):
    """ML-KEM whenever it is offered; without it only who offers nothing better, where the operator allows that."""
    settings.CLAWCHAT_PQ_REQUIRED = pq_required
    await alice.hang_up()
    alice.suites = offered

    await alice.connect()

    assert alice.session.suite == taken
    newest = await hub.database.run(lambda: Connection.objects.order_by("-pk").first())
    assert newest.suite == taken
    assert await alice.request("device.list")


async def test_who_stays_below_the_floor_is_refused_like_any_other(alice):
    """The floor is on by default: H1 without ML-KEM is closed without a word."""
    await alice.hang_up()
    alice.suites = (1,)

    assert await refused(alice) == 1008


# Strangers


@pytest.mark.parametrize(
    "record",
    [b"\0", b"GET / HTTP/1.1\r\n\r\n", b"H\x01\x00\x00", b"H\x01" + bytes(100), random_bytes(FIRST_MESSAGE_MAX_BYTES)],
)
async def test_a_stranger_gets_a_reset(hub, invite, record):
    """What is no H1 of ours is answered with nothing at all."""
    mallory = Phone(await invite())
    await mallory.open()

    await mallory.put(record)

    assert await mallory.ended() is None
    assert mallory.link.aborted
    assert mallory.link.sent.empty()
    await mallory.hang_up()


async def test_a_good_hello_under_another_secret_gets_a_reset(hub, invite):
    """Who does not have the discovery secret does not learn that a server is here."""
    mallory = Phone(await invite())
    mallory.discovery_secret = DiscoverySecret.generate()
    await mallory.open()

    await mallory.put(mallory.handshake().hello())

    assert await mallory.ended() is None
    assert mallory.link.sent.empty()
    await mallory.hang_up()


async def test_a_replayed_hello_gets_a_reset(hub, invite):
    """Mallory on the wire sends a first message again that she has seen."""
    alice = Phone(await invite())
    hello = alice.handshake().hello()
    await alice.open()
    await alice.put(hello)
    await alice.take()
    mallory = Phone(await invite())
    await mallory.open()

    await mallory.put(hello)

    assert await mallory.ended() is None
    assert mallory.link.sent.empty()
    await alice.hang_up()
    await mallory.hang_up()


async def test_a_hello_that_was_turned_away_is_not_followed_by_another(hub, invite):
    """One attempt a connection: a second H1 on it is not looked at."""
    mallory = Phone(await invite())
    await mallory.open()
    await mallory.put(b"knock knock")
    await mallory.ended()

    await mallory.put(mallory.handshake().hello())

    assert mallory.link.sent.empty()
    await mallory.hang_up()


async def test_text_before_a_session_gets_a_reset(hub, invite):
    """The protocol has no text messages, and a stranger is not told so."""
    mallory = Phone(await invite())
    await mallory.open()

    await mallory.socket.send_to(text_data="hello")

    assert await mallory.ended() is None
    await mallory.hang_up()


async def test_strangers_are_counted_in_the_audit_log(hub, invite):
    """Each address is one row a minute, however often it came."""
    for _ in range(3):
        mallory = Phone(await invite())
        await mallory.open(FakeLink(address="198.51.100.7"))
        await mallory.put(b"x")
        await mallory.ended()
        await mallory.hang_up()

    await hub.rounds.write_strangers()

    rows = await hub.database.run(lambda: list(AuditEvent.objects.filter(code="strangers")))
    assert [(row.address, row.details) for row in rows] == [("198.51.100.7", {"where": "gate", "count": 3})]


async def test_a_tripwire_answers_rediscover_to_our_own_only(hub, invite):
    """A client with an old file finds home; a stranger meets silence there too."""
    alice, mallory = Phone(await invite()), Phone(await invite())
    await alice.open(FakeLink(tripwire=True))
    await mallory.open(FakeLink(tripwire=True))

    await alice.put(alice.handshake().hello())
    await mallory.put(random_bytes(1285))

    assert await alice.ended() == 4409
    assert alice.link.sent.empty()
    assert await mallory.ended() is None
    assert hub.strangers.take_touches() == {Touch(mallory.link.address, mallory.link.port, True, "gate"): 1}
    await alice.hang_up()
    await mallory.hang_up()


async def test_a_replayed_hello_finds_a_tripwire_as_silent_as_a_live_port(hub, invite):
    """Mallory has it from the wire: a reset, wherever it is sent; and no scan, it could be one of ours who hurries."""
    alice = Phone(await invite())
    hello = alice.handshake().hello()
    await alice.open()
    await alice.put(hello)
    for tripwire in (False, True):
        mallory = Phone(await invite())
        await mallory.open(FakeLink(tripwire=tripwire))
        await mallory.put(hello)

        assert await mallory.ended() is None
        assert mallory.link.aborted and mallory.link.sent.empty()
        await mallory.hang_up()

    assert not hub.strangers.take_touches()
    await alice.hang_up()


async def test_a_port_that_becomes_a_tripwire_during_a_handshake_sends_home(hub, alice):
    """Who began while it was live is let in by all the rules, and then told to look again."""
    await alice.hang_up()
    link = FakeLink()
    _, proof = await alice.meet(link)
    link.tripwire = True
    await alice.put(proof)

    assert await alice.ended() == 4409
    assert not hub.strangers.take_touches()
    await alice.hang_up()
    assert not list(hub.all_sessions())


# Failed proofs


async def test_a_wrong_secret_closes_without_a_word(alice):
    """Knowing the id of somebody's secret is not having it."""
    await alice.hang_up()
    alice.psk = PreSharedKey.generate()

    assert await refused(alice) == 1008


async def test_an_unknown_id_fails_like_a_wrong_secret(hub, invite):
    """Nobody learns which ids exist."""
    charlie = Phone(await invite())
    charlie.psk_id = random_bytes(16)

    assert await refused(charlie) == 1008


async def test_another_device_cannot_use_a_secret(alice):
    """A stolen PSK alone opens nothing: the device's key must sign."""
    await alice.hang_up()
    alice.key = DeviceKey.generate()

    assert await refused(alice) == 1008


async def test_a_revoked_device_is_not_let_in(hub, alice, bob):
    """Its secret is gone, so it fails like a stranger's."""
    await bob.hang_up()
    await hub.database.run(devices.revoke, bob.id, "lost", "operator")

    assert await refused(bob) == 1008


async def test_a_broken_auth_closes_without_a_word(hub, invite):
    """Mallory changes a byte of H3."""
    alice = Phone(await invite())
    _, answer = await alice.meet()

    await alice.put(answer[:-1] + bytes([answer[-1] ^ 1]))

    assert await alice.ended() == 1008
    assert alice.link.sent.empty()
    await alice.hang_up()


async def test_a_database_that_is_away_is_no_refusal(hub, alice, monkeypatch):
    """It says nothing about the caller, who would take an invitation for used. Spec: 3.3"""
    await alice.hang_up()

    def away(psk_id):
        raise OperationalError("away")

    monkeypatch.setattr("chat.reception.find_credential", away)

    assert await refused(alice) == 4414


async def test_a_bug_closes_without_a_word(alice, monkeypatch, caplog):
    """Nor does a fault of the server look any different; it is in the log."""
    await alice.hang_up()
    monkeypatch.setattr("chat.reception.find_credential", lambda psk_id: 1 / 0)

    assert await refused(alice) == 1008
    assert "a handshake failed" in caplog.text


async def test_a_bug_before_h2_closes_without_a_word(alice, monkeypatch, caplog):
    """The same for the first message, once the gate has opened."""
    await alice.hang_up()
    monkeypatch.setattr("chat.reception.ServerHandshake.receive_hello", lambda *_: 1 / 0)
    await alice.open()
    await alice.put(alice.handshake().hello())

    assert await alice.ended() == 1008
    assert alice.link.sent.empty() and "a handshake failed" in caplog.text


# Enrolment


async def test_an_invite_enrols_one_device(hub, invite):
    """The first key binds it; another key fails like an unknown id."""
    text = await invite()
    alice, mallory = Phone(text), Phone(text)
    await alice.enrol()

    assert await refused(mallory) == 1008
    await alice.connect()
    await alice.hang_up()


async def test_enrolment_can_be_repeated_until_it_worked(hub, invite):
    """A connection lost before the client stored its secret costs nothing."""
    text = await invite()
    alice = Phone(text)
    await alice.enrol()
    lost = (alice.psk_id, alice.psk)
    alice.psk_id, alice.psk = alice.invite.invite_id, alice.invite.invite_psk

    await alice.enrol()

    await alice.connect()
    await alice.hang_up()
    alice.psk_id, alice.psk = lost
    assert await refused(alice) == 1008


async def test_an_invite_is_spent_by_the_devices_own_handshake(hub, invite):
    """From then on it opens nothing, and its secret is erased."""
    alice = Phone(await invite())
    await alice.enrol()
    await alice.connect()
    await alice.hang_up()
    alice.psk_id, alice.psk = alice.invite.invite_id, alice.invite.invite_psk

    assert await refused(alice) == 1008
    row = await hub.database.run(Invite.objects.get)
    assert row.psk_sealed is None
    assert row.spent_at is not None


async def test_a_cancelled_invite_lets_nobody_in_who_was_still_enrolling(hub, alice, bob):
    """Bob's phone is stolen; what the thief has begun to enrol with its invites ends with it."""
    accomplice = Phone((await bob.request("invite.create"))["invite"])
    await accomplice.enrol()
    await alice.request("device.revoke", device_id=bob.id)

    assert await refused(accomplice) == 1008


async def test_a_cancelled_invite_takes_nothing_from_who_was_in(hub, alice, bob):
    """A device that has finished its enrolment is a device of its own."""
    friend = Phone((await bob.request("invite.create"))["invite"])
    await friend.enrol()
    await friend.connect()
    await friend.hang_up()
    await alice.request("device.revoke", device_id=bob.id)

    await friend.connect()
    await friend.hang_up()


async def test_an_expired_invite_opens_nothing(hub, invite):
    """After its time an invite is an unknown id."""
    alice = Phone(await invite())
    await hub.database.run(lambda: Invite.objects.update(expires_at="2020-01-01T00:00Z"))

    assert await refused(alice) == 1008


async def test_an_enrolled_session_can_only_be_closed(hub, invite):
    """Whatever is sent on it closes it; the device has a secret of its own by now."""
    alice = Phone(await invite())
    await alice.shake_hands()

    await alice.put_frame(MessageType.PING, b"")

    assert await alice.ended() == 4403
    await alice.hang_up()


async def test_an_enrolled_session_may_say_goodbye(hub, invite):
    """The one frame that is taken on it."""
    alice = Phone(await invite())
    await alice.shake_hands()

    await alice.put_frame(MessageType.CLOSE_NOTIFY, CloseNotify(0).encode())

    assert await alice.ended() == 1000
    await alice.hang_up()


async def test_an_enrolled_session_is_told_nothing(hub, invite):
    """Neither the secret nor the ports nor who hands over: it was made by a link, which may be cancelled by now."""
    alice = Phone(await invite())
    await alice.shake_hands()

    hub.give_secret()
    hub.announce_port(b"the file")
    hub.give_successor()
    for session in hub.all_sessions():
        session.request_rekey()

    assert await alice.nothing_comes()
    await alice.hang_up()


async def test_an_enrolled_session_ends_by_itself(hub, invite, clock):
    """A client that enrols and stays away leaves nothing behind."""
    alice = Phone(await invite())
    await alice.shake_hands()

    clock.forward(31)
    await hub.rounds.look_at_sessions()

    assert await alice.ended() == 1000
    await alice.hang_up()


async def test_the_owners_invite_makes_an_owner(hub, alice, bob):
    """Only the member who enrolled with it."""
    members = await hub.database.run(lambda: dict(Member.objects.values_list("name", "is_owner")))

    assert members == {"Alice": True, "Bob": False}


# Arrival


async def test_limits_for_strangers_go_before_auth_ok(hub, alice):
    """What a client sends right after AUTH_OK may be large already."""
    assert alice.link.is_authenticated


async def test_an_arrival_is_a_row(hub, alice):
    """Operators see who is connected, from where and since when; the row ends with the connection."""
    await alice.hang_up()
    await alice.connect(FakeLink(address="192.0.2.9", port=51234))

    live = await hub.database.run(lambda: Connection.objects.filter(closed_at=None).get())
    await alice.hang_up()
    await hub.settle()

    assert (live.address, live.port, live.why) == ("192.0.2.9", 51234, "")
    ended = await hub.database.run(lambda: Connection.objects.get(pk=live.pk))
    assert ended.closed_at is not None
    assert ended.why == "connection lost"
    assert ended.bytes_out > 0


async def test_what_a_client_calls_itself_is_made_fit(hub, alice, monkeypatch):
    """It is shown to operators: no control characters, no end to it, and no database stumbles over it."""
    await alice.hang_up()
    handshake = alice.handshake

    def renamed():
        made = handshake()
        made._client_name = "evil\x00\n\u202e" + "x" * 200
        return made

    monkeypatch.setattr(alice, "handshake", renamed)
    await alice.connect(FakeLink(address="fe80::1%eth0"))

    names = await hub.database.run(lambda: list(Device.objects.values_list("client_name", flat=True)))
    assert names == ["evil" + "x" * 124]


async def test_over_the_limit_is_said_after_authentication(hub, invite, alice):
    """A device more than the limit gets AUTH_OK, `limit` with when to try again, and its close code."""
    bob = Phone(await invite())
    await bob.enrol()
    await hub.database.run(lambda: change_policy("operator", max_devices=1))

    await bob.connect()
    error = ErrorBody.parse((await bob.frame(MessageType.ERROR)).payload)

    assert error.number == 11
    assert int(error.text.split()[0]) > 0
    assert await bob.ended() == 4411
    await bob.hang_up()


async def test_a_second_session_of_a_device_is_not_counted(hub, alice):
    """A client that moves holds two connections for a moment, also when the house is full."""
    await hub.database.run(lambda: change_policy("operator", max_devices=1))
    first = alice.link

    await alice.connect()

    assert (await alice.request("directory"))["more"] is False
    assert not first.ended.is_set()


async def test_a_second_session_ends_the_first(hub, alice, monkeypatch):
    """The newer one stays, the older one gets its goodbye."""
    monkeypatch.setattr("chat.hub.REPLACED_AFTER_SECONDS", 0.05)
    first, first_socket = alice.link, alice.socket

    await alice.connect()
    await hub.rounds.read_news()

    await first.ended.wait()
    assert first.closed == 1000
    assert not alice.link.ended.is_set()
    await first_socket.disconnect()


async def test_a_third_session_ends_the_oldest_at_once(hub, alice):
    """One device cannot heap up connections."""
    first, first_socket = alice.link, alice.socket
    await alice.connect()
    second_socket = alice.socket

    await alice.connect()

    assert first.closed == 1000
    await first_socket.disconnect()
    await second_socket.disconnect()


async def test_a_revocation_while_a_device_arrives_finds_it(hub, alice, monkeypatch):
    """Between proof and session the device is on no list of sessions; it is shut out all the same."""
    await alice.hang_up()

    def arrive_and_be_revoked(*arguments):
        arrival = connections.arrive(*arguments)
        devices.revoke(alice.id, "lost", "operator")
        hub.loop.call_soon_threadsafe(hub.close_device, alice.id)
        return arrival

    monkeypatch.setattr("chat.reception.arrive", arrive_and_be_revoked)
    await alice.connect()

    assert await alice.ended() == 4410


async def test_no_secret_lies_open_in_the_database(hub, alice):
    """The PSK of a device is sealed, and only under its own row."""
    row = await hub.database.run(lambda: Device.objects.get(device_id=alice.id))

    assert bytes(alice.psk) not in bytes(row.psk_sealed)
    assert bytes(row.psk_id) == alice.psk_id
