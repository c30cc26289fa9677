"""A client against a tiny server: enrol, send, receive, and come back from whatever happens."""

import asyncio
import time

import pytest

from clawchat.client import Client, ConnectionLost, Notice, Refused, RoomGone, Unreachable
from clawchat.client.device import Device
from clawchat.client.line import ENROLMENT_REFUSALS
from clawchat.client.refusals import pause_after
from clawchat.client.store import Store
from clawchat.protocol.bodies import CloseNotify, Request
from clawchat.protocol.errors import (
    Expired,
    Malformed,
    NotMember,
    Revoked,
    StaleEpoch,
    TooFast,
    Unauthentic,
    UsageError,
)
from clawchat.protocol.frame import MessageType
from tests.client.conftest import ROOM, collect, message
from tests.client.tiny_server import ANSWERS, TinyServer, until


async def test_enrolment_makes_a_device_with_an_account(server, alice):
    """The invite opens one handshake, the device's own PSK the next, and the server learns whom it belongs to."""
    ops = [request["op"] for request in server.requests]
    identity = server.requests[0]["identity"]

    assert server.handshakes == 2
    assert not server.invites
    assert ops[:2] == ["account.set", "name.set"]
    assert (len(identity), len(server.requests[0]["root_blob"])) == (146, 77)
    assert identity[1:17] == alice.user_id
    assert server.seats[0].device == alice.device_id
    assert (alice.status, alice.port) == ("connected", server.ports[0].number)


async def test_invite_is_erased_once_the_own_pair_works(server, alice, tmp_path):
    """Nothing on the disk opens what lies wrapped for it any more."""
    await alice.close()
    store = Store.open(tmp_path / "alice")
    device = Device.load(store)
    store.close()

    assert device.invite_credentials is None
    assert device.psks == [device.credentials.psk]


async def test_used_invite_is_refused(server, alice):
    """Mallory, who got hold of alice's used invite, is told that it is refused, soon."""
    invite = server.invite()
    await (await Client.enrol(invite, None, name="Bob")).close()

    with pytest.raises(Unauthentic):
        await asyncio.wait_for(Client.enrol(invite, None, name="Mallory"), 5)


async def test_impostor_ends_no_enrolment(server):
    """One who took a port that was left proves nothing: what it says is no word on the invitation."""
    async with TinyServer() as impostor:
        impostor.secret = server.secret
        server.publish(*impostor.ports)
        enrolling = asyncio.create_task(Client.enrol(server.invite(), None, name="Bob"))
        await until(lambda: impostor.hellos > ENROLMENT_REFUSALS or enrolling.done())
        assert not enrolling.done()
        server.publish(*server.ports)

        await (await enrolling).close()


async def test_expired_invite_is_refused_at_once(server, tmp_path):
    """An invitation whose time is over leaves nothing behind."""
    with pytest.raises(Expired):
        await Client.enrol(server.invite(lifetime=-1), tmp_path / "late", name="Late")
    with pytest.raises(UsageError):
        Client.open(tmp_path / "late")


async def test_enrolment_goes_on_where_it_was_cut(server, tmp_path):
    """A server that went away in the middle costs a retry, with the same key."""
    server.refuse_all = True
    with pytest.raises(Unauthentic):
        await Client.enrol(server.invite(), tmp_path / "bob", name="Bob", seconds=1)
    server.refuse_all = False
    client = Client.open(tmp_path / "bob")
    await client.connect()

    assert client.status == "connected"
    await client.close()


async def test_enrolment_whose_pair_was_replaced_is_made_again(server, tmp_path):
    """A first try that was given up reached the server late; its pair stands there in place of bob's."""
    server.lose_pairs = 1
    client = await asyncio.wait_for(Client.enrol(server.invite(), tmp_path / "bob", name="Bob"), 10)

    assert client.status == "connected"
    assert server.handshakes == 3
    assert not server.invites
    await client.close()


async def test_state_survives_a_restart(server, tmp_path):
    """A second start needs no invite, no mirror and makes no second account."""
    first = await Client.enrol(server.invite(), tmp_path / "bob", name="Bob")
    device = first.device_id
    await first.close()
    server.published = b""
    second = Client.open(tmp_path / "bob")
    await second.connect()

    assert second.device_id == device
    assert [request["op"] for request in server.requests].count("account.set") == 1
    await second.close()


async def test_one_program_at_a_time(server, alice, tmp_path):
    """The state of a device cannot be opened twice."""
    with pytest.raises(UsageError, match="another program"):
        Client.open(tmp_path / "alice")


async def test_message_is_stored_once_and_comes_back_in_the_log(server, alice):
    """`send` gives the row's number, a repeat gives the same, and the row is among the events."""
    await alice.follow(ROOM)
    _, body = message("hello")
    first, again = await alice.send(ROOM, body), await alice.send(ROOM, body)
    (row,) = await collect(alice, 1)

    assert (first, again) == (1, 1)
    assert (row.seq, row.sender, row.message) == (1, alice.device_id, body)
    assert alice.unsent == 0


async def test_message_with_another_id_is_refused_here(alice):
    """The id in the call must be the one in the message."""
    _, body = message("hello")
    with pytest.raises(UsageError):
        await alice.send(ROOM, body, bytes(16))


async def test_message_whose_ack_was_lost_is_not_stored_twice(server, alice):
    """The connection breaks between the commit and its acknowledgement: the message is sent again, stored once."""
    server.cut_after_store = 1
    seqs = await asyncio.gather(*(alice.send(ROOM, message(str(number))[1]) for number in range(20)))

    assert sorted(seqs) == list(range(1, 21))
    assert len(server.rooms[ROOM]) == 20
    assert [row.message[-1:] for row in server.rooms[ROOM]][:10] == [str(number).encode() for number in range(10)]


async def test_unsent_message_waits_on_the_disk(server, tmp_path):
    """A program that ends before the answer sends the message after its next start."""
    first = await Client.enrol(server.invite(), tmp_path / "bob", name="Bob")
    server.refuse_messages = [14] * 50
    waiting = asyncio.create_task(first.send(ROOM, message("later")[1]))
    await until(lambda: len(server.refuse_messages) < 50)
    await first.close()
    with pytest.raises(ConnectionLost):
        await waiting
    server.refuse_messages = []
    second = Client.open(tmp_path / "bob")
    await second.connect()
    await until(lambda: len(server.rooms[ROOM]) == 1)
    await until(lambda: second.unsent == 0)

    assert server.rooms[ROOM][0].message.endswith(b"later")
    await second.close()


async def test_stale_epoch_is_the_senders_to_solve(server, alice):
    """A message the server will not take in this epoch is given back with the reason, and not sent again."""
    server.refuse_messages = [13]
    with pytest.raises(StaleEpoch):
        await alice.send(ROOM, message("old")[1])

    assert alice.unsent == 0


async def test_refusal_nobody_waits_for_is_an_event(server, tmp_path):
    """A message of an earlier run that is refused for good is reported among the events."""
    first = await Client.enrol(server.invite(), tmp_path / "bob", name="Bob")
    server.keep_acks, message_id_and_body = True, message("old")
    server.refuse_messages = [14] * 9
    waiting = asyncio.create_task(first.send(ROOM, message_id_and_body[1]))
    await until(lambda: first.unsent == 1)
    await first.close()
    await asyncio.gather(waiting, return_exceptions=True)
    server.refuse_messages = [13]
    second = Client.open(tmp_path / "bob")
    await second.connect()
    (event,) = await collect(second, 1)

    assert event == Refused(message_id_and_body[0], event.error)
    assert isinstance(event.error, StaleEpoch)
    await second.close()


async def test_too_fast_is_sent_again_in_order(server, alice, monkeypatch):
    """A message that was refused for the moment goes out again, before later ones."""
    monkeypatch.setattr("clawchat.client.refusals.PAUSE_SECONDS", 0.05)
    server.refuse_messages = [7]
    first = asyncio.create_task(alice.send(ROOM, message("1")[1]))
    await until(lambda: not server.refuse_messages)
    second = asyncio.create_task(alice.send(ROOM, message("2")[1]))

    assert (await first, await second) == (1, 2)


async def test_a_pause_is_as_long_as_the_server_says(server, alice, monkeypatch):
    """Of messages and of requests; what is not said takes the usual time, what is absurd no more than minutes."""
    monkeypatch.setattr("clawchat.client.refusals.PAUSE_SECONDS", 0.05)
    server.refuse_messages, server.refusal_text = [7], "1 seconds until a next try makes sense: too many"
    began = time.monotonic()

    await alice.send(ROOM, message("1")[1])

    assert time.monotonic() - began >= 1
    assert [pause_after(TooFast(text)) for text in ("7 seconds", "no", "99999 s")] == [7, 0.05, 300]


async def test_request_is_asked_again_after_a_loss(server, alice):
    """An operation without an answer is repeated on the next connection."""
    server.cut()
    answer = await alice.request("device.list")

    assert answer == {"devices": []}
    assert server.requests[-1] == {"op": "device.list"}


async def test_failure_carries_code_and_details(alice):
    """What the server refuses raises its error, with what the operation adds."""
    with pytest.raises(NotMember) as caught:
        await alice.request("device.revoke", device_id=bytes(16))

    assert caught.value.details == {"devices": []}


@pytest.mark.parametrize("answer", [{}, {"devices": None}, {"devices": [b"device"]}, {"devices": [{"kind": 0}]}])
async def test_answer_of_another_shape_is_malformed(monkeypatch, alice, answer):
    """Who asked is told so, and the session goes on."""
    monkeypatch.setitem(ANSWERS, "device.list", answer)
    with pytest.raises(Malformed, match="devices"):
        await alice.request("device.list")
    monkeypatch.undo()

    assert await alice.request("device.list") == {"devices": []}


async def test_request_gives_up_in_time(server, alice):
    """Without a connection a request ends when its time is over."""
    await server.close_port(server.ports[0])

    with pytest.raises((Unreachable, ConnectionLost)):
        await alice.request("device.list", seconds=0.5)


async def test_rows_come_in_order_without_gaps_over_losses(server, alice):
    """Whatever breaks, the events are the log."""
    await alice.follow(ROOM)
    reading = asyncio.create_task(collect(alice, 60))
    for number in range(60):
        await server.append(ROOM, str(number).encode())
        if number % 13 == 5:
            lost = list(server.seats)
            server.cut()
            # The next connection may come before the end of this one is seen.
            await until(lambda lost=lost: not any(seat in server.seats for seat in lost))
    rows = await asyncio.wait_for(reading, 40)

    assert [row.seq for row in rows] == list(range(1, 61))
    assert [row.message for row in rows] == [str(number).encode() for number in range(60)]


async def test_gap_is_asked_for_again(server, alice):
    """A server that leaves out a row is asked for the room anew; the program sees no gap."""
    await alice.follow(ROOM)
    server.skip_row = 2
    for number in range(4):
        await server.append(ROOM, str(number).encode())
    rows = await asyncio.wait_for(collect(alice, 4), 5)

    assert [row.seq for row in rows] == [1, 2, 3, 4]


async def test_late_joiner_starts_at_its_first_row(server, alice):
    """Rows before the device came are not for it: the server says where its log begins."""
    for number in range(5):
        await server.append(ROOM, str(number).encode())
    server.first_row = 4
    await alice.follow(ROOM)
    rows = await asyncio.wait_for(collect(alice, 2), 5)

    assert [row.seq for row in rows] == [4, 5]


async def test_row_that_was_not_processed_comes_again(server, tmp_path):
    """A program that dies while it handles a row gets that row again, and none before it."""
    first = await Client.enrol(server.invite(), tmp_path / "bob", name="Bob")
    await first.follow(ROOM)
    for number in range(3):
        await server.append(ROOM, str(number).encode())
    assert [row.seq for row in await collect(first, 2)] == [1, 2]
    await first.close()
    second = Client.open(tmp_path / "bob")
    await second.connect()

    assert [row.seq for row in await collect(second, 2)] == [2, 3]
    await second.close()


async def test_room_that_is_gone_is_said_once(server, alice):
    """A room the device was removed from is an event, and is followed no more."""
    await alice.follow(b"room-of-charlie!")
    (event,) = await collect(alice, 1)
    server.cut()
    await alice.request("device.list")

    assert event == RoomGone(b"room-of-charlie!")
    assert [request["op"] for request in server.requests].count("room.resume") == 1


async def test_notices_are_events_and_are_answered(server, alice):
    """The server's word is passed on; an operation that is none of ours is refused, and the session goes on."""
    await server.seats[0].send(MessageType.REQUEST, Request(1, {"op": "welcome"}).encode())
    await server.seats[0].send(MessageType.REQUEST, Request(2, {"op": "self.destruct"}).encode())
    (event,) = await collect(alice, 1)

    assert event == Notice("welcome", {"op": "welcome"})
    assert await alice.request("device.list") == {"devices": []}
    assert server.handshakes == 2


async def test_revoked_device_stops(server, alice):
    """After 4410 nothing is tried any more, and everybody who waits is told."""
    await server.close_all(4410, CloseNotify(10, "revoked"))

    with pytest.raises(Revoked):
        await asyncio.wait_for(collect(alice, 1), 5)
    with pytest.raises(Revoked):
        await alice.send(ROOM, message("hello")[1])
    with pytest.raises(Revoked):
        await alice.request("device.list")
    assert server.handshakes == 2


@pytest.mark.parametrize("code", [1001, 1000, 4414])
async def test_closed_connection_is_made_again(server, alice, code):
    """A server that goes away and comes back finds its clients again."""
    await server.close_all(code)
    await until(lambda: server.handshakes == 3)

    assert await alice.request("device.list") == {"devices": []}


async def test_frame_that_does_not_open_ends_the_connection(server, alice):
    """Mallory changes a frame on the way: the client closes with the reason and comes back on new keys."""
    seat = server.seats[0]
    frame = bytearray(seat.session.seal(MessageType.PING, b"", bytes(16), 0))
    frame[-1] ^= 1
    await seat.socket.send_bytes(bytes(frame))
    await until(lambda: server.handshakes == 3)

    assert seat.socket.close_code == 4403
    assert await alice.request("device.list") == {"devices": []}
