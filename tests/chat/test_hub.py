"""Delivery: the cursor rule, slow readers, other processes, revocations, notices."""

import asyncio
import dataclasses

import pytest

from chat.models import Envelope, News
from chat.services import bans, delivery, devices
from chat.services.delivery import Append
from chat.services.externals import External
from chat.services.policy import change_policy
from clawchat.protocol.authenticated_data import AuthenticatedData, DataForm
from clawchat.protocol.bodies import Ack
from clawchat.protocol.errors import Unavailable
from clawchat.protocol.frame import MessageType
from clawchat.protocol.primitives import new_message_id, random_bytes
from tests.mls_bytes import OPEN_ROLES
from tests.people import Phone, mls_message, now_ms


@pytest.fixture
async def room(alice, bob) -> bytes:
    """A room of alice and bob in epoch 1, its log at 1; both listen."""
    room = random_bytes(16)
    await alice.request("room.create", room=room, scheme=0xF04E)
    await alice.commit(room, 0, added=[bob.id])
    await listen(alice, room, 1)
    await listen(bob, room, 1)
    return room


async def listen(phone: Phone, room: bytes, cursor: int) -> None:
    """Resume one room."""
    answer = await phone.request("room.resume", rooms=[{"room": room, "cursor": cursor}])
    assert not answer["gone"]


async def texts(phone: Phone, count: int) -> list[tuple[int, bytes]]:
    """The next rows: their seq and the end of their bytes."""
    rows = [await phone.delivery() for _ in range(count)]
    return [(row.seq, row.message.rpartition(b"\x01s")[2][1:]) for row in rows]


def stored_elsewhere(hub, phone: Phone, room: bytes, text: bytes) -> Append:
    """A message that another server process takes for this phone."""
    sender = hub.sessions
    device_pk = next(pk for pk, sessions in sender.items() if sessions[0].device_id == phone.id)
    message_id = new_message_id(now_ms())
    return Append(device_pk, phone.id, room, message_id, 1, 1, mls_message(room, message_id, 1, text))


async def test_a_message_reaches_everybody_in_the_room(alice, bob, room):
    """With its place, the server's time and the sender; the sender gets it too, and the acknowledgement."""
    message_id = await alice.post(room, b"hello", epoch=1)

    ack = Ack.parse((await alice.frame(MessageType.ACK)).payload)
    own, others = await alice.delivery(), await bob.delivery()

    assert ack == Ack(message_id, room, 2)
    assert own == others
    assert (others.seq, others.sender, others.room_id) == (2, alice.id, room)
    assert abs(others.server_time_ms - now_ms()) < 60_000
    assert others.message == mls_message(room, message_id, 1, b"hello")


async def test_charlie_gets_nothing(alice, bob, charlie, room):
    """Who is not in the room hears nothing of it, not by listening and not by asking."""
    answer = await charlie.request("room.resume", rooms=[{"room": room, "cursor": 0}])
    await alice.post(room, b"between us", epoch=1)
    await bob.delivery()

    assert answer == {"rooms": [], "gone": [room]}
    assert await charlie.nothing_comes(MessageType.CHAT)


async def test_who_comes_back_gets_what_was_missed(hub, alice, bob, room):
    """Rows after the cursor, in order, and then what is new."""
    await bob.hang_up()
    for number in range(5):
        await alice.post(room, b"%d" % number, epoch=1)
    # What is not stored yet when bob asks was not missed.
    await texts(alice, 5)
    await bob.connect()

    await listen(bob, room, 3)
    missed = await texts(bob, 3)
    await alice.post(room, b"live", epoch=1)

    assert missed == [(4, b"2"), (5, b"3"), (6, b"4")]
    assert await texts(bob, 1) == [(7, b"live")]


async def test_the_answer_to_resume_comes_before_the_rows(hub, alice, bob, room):
    """A client knows where it goes on before the first row comes."""
    await alice.post(room, b"0", epoch=1)
    await bob.delivery()

    await listen(bob, room, 1)

    assert MessageType.CHAT not in {frame.type for frame in bob._kept}
    assert await texts(bob, 1) == [(2, b"0")]


async def test_a_resumed_room_starts_anew(alice, bob, room):
    """A second resume replaces the first; nothing comes twice from then on."""
    await alice.post(room, b"0", epoch=1)
    await bob.delivery()
    await listen(bob, room, 0)
    again = await texts(bob, 1)

    await alice.post(room, b"1", epoch=1)

    assert again == [(2, b"0")]
    assert await texts(bob, 1) == [(3, b"1")]
    assert await bob.nothing_comes(MessageType.CHAT)


async def test_a_slow_reader_reads_on_from_the_log(hub, alice, bob, room):
    """While its socket takes nothing, nothing is sent; afterwards every row comes once, in order."""
    await alice.post(room, b"0", epoch=1)
    await texts(bob, 1)
    bob.link.block()
    for number in range(1, 300):
        await alice.post(room, b"%d" % number, epoch=1)
        await alice.frame(MessageType.ACK)
    assert await bob.nothing_comes(MessageType.CHAT)

    bob.link.drain()

    assert await texts(bob, 299) == [(number + 2, b"%d" % number) for number in range(1, 300)]


async def test_a_reader_that_blocks_again_loses_nothing(alice, bob, room):
    """The socket may fill up in the middle of reading on."""
    bob.link.block()
    for number in range(20):
        await alice.post(room, b"%d" % number, epoch=1)
        await alice.frame(MessageType.ACK)
    send, sent = bob.link.send, []

    def send_three_at_a_time(data):
        send(data)
        sent.append(data)
        if len(sent) % 3 == 0:
            bob.link.block()

    bob.link.send = send_three_at_a_time
    got = []
    while len(got) < 20:
        bob.link.drain()
        got += await texts(bob, min(3, 20 - len(got)))

    assert got == [(number + 2, b"%d" % number) for number in range(20)]


async def test_a_place_that_exists_no_more_is_resumed_anew(hub, alice, bob, room):
    """A session that slept through the retention is ended, so that its client asks where the log begins."""
    bob.link.block()
    for number in range(3):
        await alice.post(room, b"%d" % number, epoch=1)
        await alice.frame(MessageType.ACK)
    await hub.database.run(lambda: Envelope.objects.filter(seq__lte=3).delete())

    bob.link.drain()

    assert await bob.ended() == 1000


async def test_a_feed_goes_on_over_removed_rows(hub, alice, bob, room):
    """Rows of others that are gone before this process read them do not stop the later ones."""
    works = [stored_elsewhere(hub, alice, room, b"%d" % number) for number in range(3)]
    await hub.database.run(delivery.store, works)
    await hub.database.run(lambda: Envelope.objects.filter(seq__lte=3).delete())

    await hub.rounds.look_at_heads()
    await hub.settle()

    assert hub.feeds == {}
    assert await alice.ended() == await bob.ended() == 1000


async def test_directory_notices_are_bundled(hub, alice, bob, monkeypatch):
    """Every notice makes every client ask: one in a while is enough, and the last change is told of."""
    monkeypatch.setattr("chat.rounds.DIRECTORY_SECONDS", 3600)
    while not await bob.nothing_comes(MessageType.REQUEST, patience=0.5):
        pass
    for number in range(5):
        await alice.request("name.set", name=f"Alice {number}")
    assert await bob.nothing_comes(MessageType.REQUEST, patience=0.5)

    monkeypatch.setattr("chat.rounds.DIRECTORY_SECONDS", 0)

    await bob.notice("directory")
    assert await bob.nothing_comes(MessageType.REQUEST, patience=0.5)


async def test_rows_of_another_process_are_heard_of_by_the_wake(hub, alice, bob, room):
    """A wake-up names room and head; the rows are read once and handed out."""
    await hub.database.run(delivery.store, [stored_elsewhere(hub, alice, room, b"far away")])

    hub.wake._hear({"process": "another", "room": room.hex(), "head": 2})

    assert await texts(bob, 1) == [(2, b"far away")]


async def test_a_lost_wake_heals(hub, alice, bob, room):
    """Within a second every process looks at the heads of its rooms itself."""
    await hub.database.run(delivery.store, [stored_elsewhere(hub, alice, room, b"far away")])

    await hub.rounds.look_at_heads()

    assert await texts(bob, 1) == [(2, b"far away")]


async def test_a_row_of_this_process_waits_for_those_of_others(hub, alice, bob, room):
    """A gap is never skipped: what lies between is read first."""
    await hub.database.run(delivery.store, [stored_elsewhere(hub, alice, room, b"first, far away")])

    await alice.post(room, b"second, here", epoch=1)

    assert await texts(bob, 2) == [(2, b"first, far away"), (3, b"second, here")]


async def test_own_wakes_are_not_heard(hub, alice, room):
    """A process does not read what it has just stored itself."""
    hub.wake._hear({"process": hub.process, "room": room.hex(), "head": 99})

    assert hub.feeds[room]._known < 99


async def test_two_hubs_wake_each_other(hub, alice, bob, room):
    """Over the channel layer: what one process stores, the other's sessions get at once."""
    from chat.hub import Hub

    other = Hub()
    await other.start()
    try:
        work = stored_elsewhere(hub, alice, room, b"from the other process")
        stored = asyncio.get_running_loop().create_future()
        other.submit(work, stored.set_result)
        await stored

        assert await texts(bob, 1) == [(2, b"from the other process")]
    finally:
        await other.stop()


async def test_a_removed_device_gets_its_removal_and_no_more(alice, bob, room):
    """It learns why nothing comes any more; what follows is not for it."""
    await alice.commit(room, 1, removed=[bob.id])
    removal = await bob.delivery()
    await alice.post(room, b"without bob", epoch=2)
    await alice.frame(MessageType.ACK)

    assert removal.seq == 2
    assert await bob.nothing_comes(MessageType.CHAT)
    answer = await bob.request("room.resume", rooms=[{"room": room, "cursor": 2}])
    assert answer["gone"] == [room]


async def test_a_removal_by_another_process_stops_the_rows_here(hub, alice, bob, room):
    """The hub asks the log whom a commit removed before it hands on what follows."""
    work = stored_elsewhere(hub, alice, room, b"")
    commit = Append(
        work.device_pk,
        work.device_id,
        room,
        work.message_id,
        Envelope.Kind.COMMIT,
        1,
        b"commit",
        delivery.Commit((), (bob.id,), None, b"tree"),
    )
    later = stored_elsewhere(hub, alice, room, b"without bob")
    later = Append(later.device_pk, later.device_id, room, later.message_id, 1, 2, later.ciphertext)

    await hub.database.run(delivery.store, [commit, later])
    await hub.rounds.look_at_heads()

    assert (await bob.delivery()).seq == 2
    assert await bob.nothing_comes(MessageType.CHAT)
    assert [(await alice.delivery()).seq, (await alice.delivery()).seq] == [2, 3]


async def test_who_comes_back_by_another_process_goes_on_here(hub, alice, bob, room):
    """An external commit takes a device out and in: its rows go on, and it sends what follows."""
    work = stored_elsewhere(hub, bob, room, b"")
    back = External(AuthenticatedData(DataForm.MEMBER, room, work.message_id), True, None)
    change = delivery.Commit((bob.id,), (bob.id,), None, b"tree", external=back, roles=OPEN_ROLES)
    work = dataclasses.replace(work, kind=Envelope.Kind.COMMIT, commit=change)
    later = dataclasses.replace(stored_elsewhere(hub, alice, room, b"welcome back"), epoch=2)

    await hub.database.run(delivery.store, [work, later])
    await hub.rounds.look_at_heads()

    assert [(await bob.delivery()).seq, (await bob.delivery()).seq] == [2, 3]


async def test_a_revocation_closes_the_devices_sessions(hub, alice, bob, room):
    """Also when it was made by another process: every process reads the news."""
    await hub.database.run(devices.revoke, bob.id, "stolen", "operator")

    assert await bob.ended() == 4410
    assert not alice.link.ended.is_set()


async def test_a_revoked_device_is_refused_before_its_session_is_closed(hub, alice, bob, room, monkeypatch):
    """Safety does not hang on the news: appending and fetching look themselves."""
    monkeypatch.setattr(hub, "close_device", lambda *arguments: None)
    await hub.database.run(devices.revoke, bob.id, "stolen", "operator")

    await bob.post(room, b"still here", epoch=1)

    assert (await bob.error()).number == 10
    for operation, members in [
        ("room.read", {"room": room, "after": 0, "limit": 10}),
        ("room.resume", {"rooms": [{"room": room, "cursor": 0}]}),
        ("directory", {}),
        ("packages.take", {"devices": [alice.id]}),
        ("welcome.take", {}),
        ("group_info", {"room": room}),
        ("invite.create", {}),
    ]:
        with pytest.raises(Exception, match="revoked"):
            await bob.request(operation, **members)


async def test_late_news_are_read_too(hub, bob):
    """An id that was given before and committed after others is not passed over."""
    first = await hub.database.run(lambda: News.objects.create(kind=News.Kind.DIRECTORY))
    await hub.database.run(lambda: News.objects.create(id=first.id + 2, kind=News.Kind.DIRECTORY))
    await hub.rounds.read_news()

    await hub.database.run(lambda: News.objects.create(id=first.id + 1, kind="revoked", subject=bob.id.hex()))
    await hub.rounds.read_news()

    assert await bob.ended() == 4410


async def test_bans_are_known_within_a_moment(hub, alice):
    """By every process, made and lifted; the session of whoever is there goes on."""
    await hub.database.run(bans.ban, "192.0.2.66", 60, "seen", "operator")
    await hub.rounds.read_news()
    assert "192.0.2.66" in hub.banned and "192.0.2.67" not in hub.banned

    await hub.database.run(bans.lift, "192.0.2.66", "operator")
    await hub.rounds.read_news()
    assert "192.0.2.66" not in hub.banned
    assert alice.link.closed is None


async def test_bans_from_before_the_start_hold(hub):
    """A new process reads them first of all."""
    await hub.database.run(bans.ban, "192.0.2.66", 60, "seen", "operator")
    hub.banned.replace({})
    await hub.rounds.stop()

    await hub.rounds.start()

    assert "192.0.2.66" in hub.banned


async def test_a_revocation_beside_a_policy_that_cannot_be_read_is_acted_on(hub, alice, bob, monkeypatch):
    """The database goes away between the two; the new limits are taken over once it is back."""

    async def away():
        raise Unavailable("away")

    with monkeypatch.context() as patched:
        # Before there is news, because the hub reads it by itself, too.
        patched.setattr(hub, "read_policy", away)
        await hub.database.run(lambda: change_policy("operator", max_devices=7))
        await hub.database.run(devices.revoke, bob.id, "stolen", "operator")
        with pytest.raises(Unavailable):
            await hub.rounds.read_news()
        assert await bob.ended() == 4410
        assert hub.policy.max_devices != 7
    await hub.rounds.read_news()

    assert hub.policy.max_devices == 7


async def test_the_port_notice_goes_to_every_session(hub, alice, bob):
    """Byte for byte as published."""
    hub.announce_port(b"the connection file")

    for phone in (alice, bob):
        assert (await phone.frame(MessageType.PORT_ROTATION)).payload == b"the connection file"


async def test_a_ports_sessions_are_sent_to_the_next_one(hub, alice, bob):
    """When its time is over, its sessions are told to look for the current one."""
    await alice.hang_up()
    from tests.fakes import FakeLink

    await alice.connect(FakeLink(port=50001))

    hub.close_port(50001)

    assert await alice.ended() == 4409
    assert not bob.link.ended.is_set()


async def test_feeds_end_with_their_last_listener(hub, alice, bob, room):
    """A room nobody here listens to costs nothing."""
    await alice.hang_up()
    assert room in hub.feeds

    await bob.hang_up()

    assert not hub.feeds


async def test_stop_says_goodbye(hub, alice):
    """A server that ends tells its clients that nothing is wrong."""
    await hub.stop()

    assert await alice.ended() == 1000
