"""Why a session ends is said inside it, before every close on purpose; close codes are for people at the wire."""

import pytest

from chat.hub import Hub
from chat.models import Connection
from clawchat.protocol.bodies import CloseNotify, Request
from clawchat.protocol.errors import Limit, RekeyOverdue
from clawchat.protocol.frame import MessageType
from tests.fakes import FakeLink
from tests.people import ConnectionEnded, Phone


async def goodbye(phone: Phone) -> CloseNotify:
    """What the server said as the last thing."""
    said = CloseNotify.parse((await phone.frame(MessageType.CLOSE_NOTIFY)).payload)
    assert phone.link.sent.empty()
    return said


def live(hub: Hub, phone: Phone):
    return next(session for session in hub.all_sessions() if session.device_id == phone.id)


async def revoke(hub, phone, clock):
    await phone.request("device.revoke", device_id=phone.id)


async def close_port(hub, phone, clock):
    hub.close_port(phone.link.port)


async def wear_out_keys(hub, phone, clock):
    for _ in range(86_400 // 50):
        clock.forward(50)
        live(hub, phone).heard_at = clock()
    await hub.rounds.look_at_sessions()


async def fall_silent(hub, phone, clock):
    clock.forward(60)
    await hub.rounds.look_at_sessions()


async def come_twice(hub, phone, clock):
    hub.replace_older(phone.id, 2**31, 2**31 - 1)


async def say_nonsense(hub, phone, clock):
    await phone.put_frame(MessageType.CLOSE_NOTIFY, b"\0")


async def say_too_much(hub, phone, clock):
    await phone.put_frame(MessageType.PING, bytes(65))


async def forge(hub, phone, clock):
    await phone.put(b"\1" * 60)


# The one that is for good comes last.
ENDS = [
    (close_port, 9, 4409),
    (wear_out_keys, 8, 4408),
    (fall_silent, 0, 1000),
    (come_twice, 0, 1000),
    (say_nonsense, 1, 4401),
    (say_too_much, 6, 4406),
    (forge, 4, 4404),
    (revoke, 10, 4410),
]


async def test_every_end_on_purpose_is_said_in_the_session(hub, alice, clock):
    """As the last frame, with the number that the close code repeats."""
    for end, number, close_code in ENDS:
        await alice.connect(FakeLink())
        await end(hub, alice, clock)

        assert (await goodbye(alice)).number == number, end
        assert await alice.ended() == close_code


async def test_a_server_that_is_full_says_so_in_the_session(hub, alice, bob, monkeypatch):
    """After AUTH_OK, with the seconds until a next try."""
    monkeypatch.setattr("chat.services.crowd.reason_to_refuse", lambda *_: "full")
    await bob.hang_up()
    await bob.connect(FakeLink())

    said = await goodbye(bob)
    assert said.number == Limit.number and int(said.text.split()[0]) > 0


async def test_keys_that_may_seal_nothing_more_end_in_a_truncation(hub, alice, monkeypatch):
    """No frame is left to say why; the client has met the same limit."""
    session = live(hub, alice)
    monkeypatch.setattr(session._session, "sent_frames", 2**31)
    session.notify("directory")

    assert await alice.ended() == 4400 + RekeyOverdue.number
    assert alice.link.sent.empty() and not session.is_open


async def test_frames_after_close_notify_are_not_looked_at(hub, alice):
    """The device goes; a request behind its goodbye is neither answered nor counted."""
    session = live(hub, alice)
    asked = session.counts.requests
    await alice.put_frame(MessageType.CLOSE_NOTIFY, CloseNotify(0).encode())
    await alice.put_frame(MessageType.REQUEST, Request(9, {"op": "directory"}).encode())

    assert await alice.ended() == 1000
    with pytest.raises(ConnectionEnded):
        await alice.answer(9, patience=0.1)
    assert not session.requests and session.counts.requests == asked


async def test_a_clients_close_code_says_nothing(hub, alice):
    """Without its goodbye the connection was lost, whoever wrote the close frame."""
    await alice.socket.send_input({"type": "websocket.disconnect", "code": 4410})
    await alice.socket.wait()
    alice.socket = None
    await hub.settle()

    assert await hub.database.run(lambda: Connection.objects.order_by("-id").first().why) == "connection lost"


async def test_a_ping_of_any_size_that_is_allowed_is_echoed_exactly(alice):
    """Byte by byte, from none to 64."""
    for size in (0, 1, 63, 64):
        payload = bytes(range(255, 255 - size, -1))
        await alice.put_frame(MessageType.PING, payload)

        assert (await alice.frame(MessageType.PONG)).payload == payload


async def test_pongs_and_errors_of_any_kind_are_passed_over(hub, alice):
    """Unasked for, with a number of a later version, with and without a message id; the session goes on."""
    for payload in (b"", bytes(64), bytes(1000)):
        await alice.put_frame(MessageType.PONG, payload)
    for payload in (b"\0\1\0\0", b"\xff\xff\0\2hi", b"\0\1\0\0" + bytes(16)):
        await alice.put_frame(MessageType.ERROR, payload)

    await alice.request("directory")
    assert live(hub, alice).is_open


async def test_an_error_frame_that_is_none_ends_the_session(alice):
    """Cut short, with half a message id, or with text that is no text."""
    for payload in (b"", b"\0\1", b"\0\1\0\5hi", b"\0\1\0\0x", b"\0\1\0\1\xff"):
        await alice.connect(FakeLink())
        await alice.put_frame(MessageType.ERROR, payload)

        assert (await goodbye(alice)).number == 1
        assert await alice.ended() == 4401


async def test_pings_come_to_the_second(hub, alice, clock):
    """Not before 25 s of silence, and nothing is closed before 60."""
    clock.forward(24.9)
    await hub.rounds.look_at_sessions()
    assert await alice.nothing_comes(MessageType.PING)
    clock.forward(0.1)
    await hub.rounds.look_at_sessions()
    await alice.frame(MessageType.PING)
    clock.forward(34.9)
    await hub.rounds.look_at_sessions()
    assert live(hub, alice).is_open
    clock.forward(0.1)
    await hub.rounds.look_at_sessions()
    assert (await goodbye(alice)).number == 0
