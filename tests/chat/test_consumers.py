"""The door itself: frames that do not open, types that do not exist, silence, goodbye."""

import pytest

from chat.models import Connection
from clawchat.protocol.bodies import ChatSend, CloseNotify, ErrorBody
from clawchat.protocol.frame import MessageType
from clawchat.protocol.primitives import new_message_id, random_bytes
from tests.people import now_ms


async def goodbye(phone) -> CloseNotify:
    """The close_notify that came."""
    return CloseNotify.parse((await phone.frame(MessageType.CLOSE_NOTIFY)).payload)


async def test_a_forged_frame_ends_the_session(alice):
    """One attempt a connection: what does not open closes with `unauthentic`."""
    frame = alice.session.seal(MessageType.PING, b"", new_message_id(now_ms()), now_ms())

    await alice.put(frame[:-1] + bytes([frame[-1] ^ 1]))

    assert (await goodbye(alice)).number == 3
    assert await alice.ended() == 4403


async def test_a_replayed_frame_ends_the_session(alice):
    """Mallory repeats a frame she has seen: the counter does not fit."""
    frame = alice.session.seal(MessageType.PING, b"", new_message_id(now_ms()), now_ms())
    await alice.put(frame)

    await alice.put(frame)

    assert await alice.ended() == 4404


async def test_a_dropped_frame_ends_the_session(alice):
    """Mallory keeps a frame back: the next one does not fit."""
    alice.session.seal(MessageType.PING, b"", new_message_id(now_ms()), now_ms())

    await alice.put_frame(MessageType.PING, b"")

    assert await alice.ended() == 4404


async def test_a_reflected_frame_ends_the_session(alice):
    """Mallory sends the server its own frame."""
    await alice.put_frame(MessageType.PING, b"echo")
    answer = await alice.take()

    await alice.put(answer)

    assert await alice.ended() in {4403, 4404}


@pytest.mark.parametrize("data", [b"\x01", bytes(60), random_bytes(300)])
async def test_garbage_ends_the_session(alice, data):
    """What is no frame at all closes too, with the code that fits."""
    await alice.put(data)

    assert await alice.ended() in {4401, 4402, 4404}


async def test_text_ends_the_session(alice):
    """There are no text messages."""
    await alice.socket.send_to(text_data="hello")

    assert await alice.ended() == 4401


@pytest.mark.parametrize("message_type", [MessageType.ACK, MessageType.PORT_ROTATION])
async def test_a_type_that_is_not_taken_is_named_and_ends_the_session(alice, message_type):
    """An error frame says why before the close; nothing is dropped in silence."""
    await alice.put_frame(message_type, b"x")

    assert ErrorBody.parse((await alice.frame(MessageType.ERROR)).payload).number == 5
    assert await alice.ended() == 4405


async def test_an_unknown_type_is_named_and_ends_the_session(alice):
    """Also one that no version of the protocol has."""
    await alice.put(alice.session.seal(0x7F, b"", new_message_id(now_ms()), now_ms()))

    assert ErrorBody.parse((await alice.frame(MessageType.ERROR)).payload).number == 5
    assert await alice.ended() == 4405


async def test_a_bug_ends_the_session_as_internal(alice, monkeypatch, caplog):
    """It is in the log, and the client knows that it may try again."""
    monkeypatch.setattr("chat.consumers.handle", lambda *arguments: 1 / 0)

    await alice.put_frame(MessageType.PING, b"")

    assert await alice.ended() == 4416
    assert "a frame could not be handled" in caplog.text


async def test_a_ping_is_echoed(alice):
    """With its bytes, under an id of the server's own."""
    message_id = await alice.put_frame(MessageType.PING, b"are you there?")

    pong = await alice.frame(MessageType.PONG)

    assert pong.payload == b"are you there?"
    assert pong.message_id != message_id


async def test_a_ping_that_is_too_large_ends_the_session(alice):
    """64 bytes are enough."""
    await alice.put_frame(MessageType.PING, bytes(65))

    assert await alice.ended() == 4406


async def test_the_server_pings_who_is_silent_and_closes_who_stays_so(hub, alice, clock):
    """25 seconds, then 60."""
    clock.forward(26)
    await hub.rounds.look_at_sessions()
    await alice.frame(MessageType.PING)
    await hub.rounds.look_at_sessions()
    assert await alice.nothing_comes(MessageType.PING)

    clock.forward(35)
    await hub.rounds.look_at_sessions()

    assert (await goodbye(alice)).number == 0
    assert await alice.ended() == 1000


async def test_any_frame_breaks_the_silence(hub, alice, clock):
    """A pong is enough."""
    clock.forward(50)
    await alice.put_frame(MessageType.PONG, b"")
    await alice.request("directory")
    clock.forward(50)

    await hub.rounds.look_at_sessions()

    assert not alice.link.ended.is_set()


async def test_keys_that_are_a_day_old_end_the_session(hub, alice, clock):
    """Nobody talks longer under the same keys, however busy."""
    clock.forward(86_400)
    await alice.put_frame(MessageType.PONG, b"")
    await alice.request("directory")

    await hub.rounds.look_at_sessions()

    assert await alice.ended() == 4408


async def test_a_peer_that_reads_nothing_is_dropped(hub, alice, clock):
    """Its socket has taken nothing for a minute: a goodbye would only lie there too."""
    alice.link.block()
    await hub.rounds.look_at_sessions()
    clock.forward(59)
    await hub.rounds.look_at_sessions()
    assert not alice.link.ended.is_set()

    clock.forward(1)
    await hub.rounds.look_at_sessions()

    assert alice.link.aborted


async def test_close_notify_is_answered_by_a_normal_close(hub, alice):
    """A client that says goodbye is no lost connection."""
    await alice.put_frame(MessageType.CLOSE_NOTIFY, CloseNotify(0).encode())

    assert await alice.ended() == 1000
    await alice.hang_up()
    await hub.settle()
    row = await hub.database.run(Connection.objects.latest, "id")
    assert row.why == "closed by client"


async def test_header_ids_of_the_server_are_never_repeated(alice, bob):
    """The header is clear to a proxy: an id that two people get would show that they talk."""
    seen = set()
    for _ in range(5):
        await alice.put_frame(MessageType.PING, b"")
        await bob.put_frame(MessageType.PING, b"")
        seen |= {(await alice.frame(MessageType.PONG)).message_id, (await bob.frame(MessageType.PONG)).message_id}

    assert len(seen) == 10


async def test_a_message_is_not_taken_without_an_account(invite, hub):
    """A device that belongs to nobody may only say to whom it belongs."""
    from tests.people import Phone

    charlie = Phone(await invite())
    await charlie.enrol()
    await charlie.connect()

    await charlie.put_frame(MessageType.CHAT, ChatSend(bytes(16), b"x").encode())

    assert (await charlie.error()).number == 12
    assert not charlie.link.ended.is_set()
    await charlie.hang_up()
