"""Sessions: strict order, one role each, and limits that close."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawchat.protocol.errors import OutOfOrder, PeerError, RekeyOverdue, TooLarge, Unauthentic, UnknownType, UsageError
from clawchat.protocol.frame import Frame, MessageType, seal_frame
from clawchat.protocol.limits import HARD_LIMIT_BYTES, HARD_LIMIT_FRAMES
from clawchat.protocol.parameters import KeyLimits
from clawchat.protocol.session import Role, Session
from tests.protocol.pairs import MESSAGE_ID, NOW_MS, SESSION_ID, changed_bytes, epoch_keys, fresh_sessions, sessions


def say(session, payload, kind=MessageType.CHAT):
    return session.seal(kind, payload, MESSAGE_ID, NOW_MS)


def state(session):
    return session.received_frames, session.received_bytes, session.sent_frames, session.sent_bytes, session.epoch


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=100)), max_size=12))
def test_conversation_arrives_in_order(turns):
    """Whoever speaks, everything arrives once and in order, and both count the same."""
    client, server = sessions()
    for from_client, payload in turns:
        sender, receiver = (client, server) if from_client else (server, client)
        assert receiver.open(say(sender, payload)).payload == payload

    assert (client.sent_frames, client.sent_bytes) == (server.received_frames, server.received_bytes)
    assert (server.sent_frames, server.sent_bytes) == (client.received_frames, client.received_bytes)
    assert server.sent_frames == 1 + sum(not from_client for from_client, _ in turns)
    assert client.exporter == server.exporter
    assert client.session_id == server.session_id


def test_replayed_reordered_and_dropped_frames_are_refused():
    """Each leaves the session as it was; the next frame in order still opens."""
    client, server = sessions()
    first, second, third = (say(client, text) for text in (b"1", b"2", b"3"))
    server.open(first)
    before = state(server)
    for wrong in (first, third):
        with pytest.raises(OutOfOrder):
            server.open(wrong)
        assert state(server) == before

    assert server.open(second).payload == b"2"


def test_reflected_frames_are_refused():
    """What a client sent is not taken for the server's."""
    client, _ = sessions()
    with pytest.raises(OutOfOrder):
        client.open(say(client, b"to you"))


def test_frames_of_another_session_are_refused():
    """Two sessions share nothing."""
    client, _ = sessions()
    _, server = sessions()
    with pytest.raises(OutOfOrder):
        server.open(say(client, b"hello"))


def test_refusal_changes_nothing():
    """After any forged frame the true one opens; closing is the caller's part."""
    client, server = sessions()
    frame = say(client, b"hello")
    before = state(server)
    for _, wrong in changed_bytes(frame):
        with pytest.raises(PeerError):
            server.open(wrong)
        assert state(server) == before
    for length in range(0, len(frame), 7):
        with pytest.raises(PeerError):
            server.open(frame[:length])

    assert server.open(frame).payload == b"hello"


@given(st.binary(max_size=150))
def test_any_bytes_are_a_peer_error(data):
    """Nothing from outside raises anything else."""
    _, server = sessions_once()
    with pytest.raises(PeerError):
        server.open(data)


@cache
def sessions_once():
    """The same two ends for many examples: a refusal changes nothing."""
    return sessions()


def test_auth_ok_is_the_servers_first_frame_and_no_other():
    """Neither side seals it at another time, nor anything else in its place."""
    client, server = fresh_sessions()
    with pytest.raises(UsageError):
        say(server, b"", MessageType.CHAT)
    with pytest.raises(UsageError):
        say(client, b"", MessageType.AUTH_OK)
    say(server, b"", MessageType.AUTH_OK)
    with pytest.raises(UsageError):
        say(server, b"", MessageType.AUTH_OK)


def test_auth_ok_at_another_time_is_refused():
    """A peer cannot bring it later, nor from the client, nor leave it out."""
    liar = Session(Role.SERVER, SESSION_ID, epoch_keys())
    liar.sent_frames = 1
    client, _ = fresh_sessions()
    client.received_frames = 1
    with pytest.raises(OutOfOrder):
        client.open(_forced(liar, MessageType.AUTH_OK))
    client, server = fresh_sessions()
    with pytest.raises(OutOfOrder):
        server.open(_forced(client, MessageType.AUTH_OK))
    with pytest.raises(OutOfOrder):
        client.open(_forced(server, MessageType.CHAT))
    assert client.received_frames == server.received_frames == 0


def _forced(session, kind):
    """A frame the session would refuse to make."""
    return seal_frame(session._sending, session.sent_frames, Frame(kind, MESSAGE_ID, NOW_MS, b""), 1 << 20)


def test_unknown_type_is_told():
    """It closes with its own code."""
    client, server = sessions()
    with pytest.raises(UnknownType):
        server.open(_forced(client, 0x40))


def test_failed_seal_uses_no_counter():
    """A frame that was too large leaves no gap behind."""
    client, server = sessions()
    with pytest.raises(TooLarge):
        say(client, bytes(262_144))
    assert server.open(say(client, b"smaller")).payload == b"smaller"


@pytest.mark.parametrize(("frames", "size"), [(HARD_LIMIT_FRAMES, 0), (0, HARD_LIMIT_BYTES)])
def test_hard_limits_close(frames, size):
    """2^31 frames or 1 GB under one key are the end, in both directions."""
    client, server = sessions()
    frame = say(client, b"x")
    client.sent_frames, client.sent_bytes = max(frames, 1), size
    server.received_frames, server.received_bytes = max(frames, 1), size
    with pytest.raises(RekeyOverdue):
        say(client, b"y")
    with pytest.raises(RekeyOverdue):
        server.open(frame)


@pytest.mark.parametrize(("session_id", "limit"), [(bytes(15), 1000), (bytes(16), 54), (bytes(16), (1 << 20) + 1)])
def test_session_of_other_sizes_is_ours_to_avoid(session_id, limit):
    """Ids have 16 bytes, frames 55 bytes to 1 MiB."""
    with pytest.raises(UsageError):
        Session(Role.CLIENT, session_id, epoch_keys(), limit)


@pytest.mark.parametrize("limit", [55, 1 << 20])
def test_the_smallest_and_the_largest_frames_may_be_agreed_on(limit):
    """The limits themselves are allowed."""
    assert Session(Role.CLIENT, SESSION_ID, epoch_keys(), limit).max_frame_bytes == limit


def test_a_session_has_no_clock():
    """However briefly keys may live, sealing and opening judge frames and bytes alone; the caller knows the time."""
    brief = KeyLimits(0, 1 << 20, 10)
    client, server = (Session(role, SESSION_ID, epoch_keys(), hard_limits=brief) for role in (Role.CLIENT, Role.SERVER))

    assert client.open(say(server, b"", MessageType.AUTH_OK)).payload == b""
    assert client.hard_limit_reached(0)


def test_same_keys_for_the_wrong_role_do_not_open():
    """Two clients cannot talk: each direction has its own keys."""
    one, two = (Session(Role.CLIENT, SESSION_ID, epoch_keys()) for _ in range(2))
    with pytest.raises(OutOfOrder):
        two.open(say(one, b"x"))


def test_changed_frame_is_unauthentic():
    """The one code for all of it."""
    client, server = sessions()
    frame = bytearray(say(client, b"x"))
    frame[-1] ^= 1
    with pytest.raises(Unauthentic):
        server.open(bytes(frame))
