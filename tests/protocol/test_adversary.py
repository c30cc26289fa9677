"""Mallory on the wire of a handshake and a session: every byte flipped, sessions spliced, frames in the wrong place."""

from itertools import permutations

import pytest

from clawchat.protocol import handshake_messages
from clawchat.protocol.errors import PeerError, UsageError
from clawchat.protocol.frame import Direction, Frame, FrameKeys, MessageType, seal_frame
from clawchat.protocol.gate import close_hello, find_gate
from clawchat.protocol.handshake import ClientHandshake, ServerHandshake
from clawchat.protocol.session import Role, Session
from clawchat.protocol.suites import SUITE_X25519, SUITE_X25519_MLKEM768
from tests.protocol.pairs import MESSAGE_ID, NOW_MS, PSK_ID, SESSION_ID, Pair, changed_bytes, ends, epoch_keys, pair

HYBRID = {"suites": (SUITE_X25519_MLKEM768,), "pq_required": True}
CLASSIC = {"suites": (SUITE_X25519,), "pq_required": False}
both_suites = pytest.mark.parametrize("suite", [HYBRID, CLASSIC], ids=["hybrid", "x25519"])
# Lengths of H2's clear parts: head, version and suite, randoms and X25519, then a length.
HEAD, CHOICE, CIPHERTEXT_LENGTH = range(4), range(4, 8), range(88, 90)


def frozen(thing, seen=()):
    """All that a machine or session holds, as text to compare: of keys their bytes, of others what they consist of."""
    if isinstance(thing, (int, float, str, bytes, type(None))):
        return repr(thing)
    if isinstance(thing, (list, tuple)):
        return [frozen(each, seen) for each in thing]
    if isinstance(thing, dict):
        return {str(name): frozen(each, seen) for name, each in thing.items()}
    if id(thing) in seen:
        return "again"
    names = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    parts = {name: getattr(thing, name) for name in names if hasattr(thing, name)} | getattr(thing, "__dict__", {})
    return {name: frozen(each, (*seen, id(thing))) for name, each in parts.items()} or f"{type(thing)} {id(thing)}"


def refused(attempt, state):
    """The code it is refused by; the state is as before."""
    before = frozen(state)
    with pytest.raises(PeerError) as caught:
        attempt()
    assert frozen(state) == before
    return caught.value.code


def same_people():
    """Two pairs of one device and one server, with one PSK: everything that lasts is the same."""
    one = pair()
    twin = ClientHandshake(
        one.gate.server_public, one.gate.gate_key, PSK_ID, one.psk, one.device.public, one.device.sign
    )
    return one, Pair(twin, ServerHandshake(one.gate, "cc-server"), one.gate, one.psk, one.device)


# Every byte


@both_suites
def test_every_flipped_byte_of_h1_stops_at_the_gate(suite, monkeypatch):
    """Before anything of it is read; the true one then opens the gate and begins a handshake."""
    both = pair(**suite)
    first = both.hello()
    parsed = []
    monkeypatch.setattr(handshake_messages.ClientHello, "parse", parsed.append)
    assert [find_gate(wrong, [both.gate]) for _, wrong in changed_bytes(first)] == [None] * len(first)
    assert parsed == []
    monkeypatch.undo()

    assert find_gate(first, [both.gate]) is both.gate
    assert both.answer(first)


@both_suites
def test_every_flipped_byte_of_h1_that_passes_the_gate_ends_at_the_client(suite):
    """Mallory who holds the discovery secret: the server refuses by name, or its answer does not open."""
    both = pair(**suite)
    first = both.hello()
    codes = {}
    for at, wrong in changed_bytes(first[4:-16]):
        server = ServerHandshake(both.gate, "cc-server", pq_required=suite["pq_required"])
        forged = close_hello(both.gate.gate_key, both.gate.server_public, wrong)
        try:
            second = server.receive_hello(forged, NOW_MS)
        except PeerError as error:
            codes[at] = error.code
            continue
        assert refused(lambda: both.authenticate(second), both.client) == "unauthentic"

    assert set(codes.values()) <= {"malformed", "unsupported_version"}
    # The number of suites is a length, and so are those of the two vectors.
    assert codes[36] == codes[len(first) - 20 - 1] == "malformed"
    assert both.authenticate(both.answer(first))


@both_suites
def test_every_flipped_byte_of_h2_is_refused(suite):
    """By its field's name; the client waits for the true one, which it then takes."""
    both = pair(**suite)
    second = both.answer(both.hello())
    sealed_length = 90 + int.from_bytes(second[88:90], "big")
    codes = {at: refused(lambda: both.authenticate(wrong), both.client) for at, wrong in changed_bytes(second)}

    lengths = {*HEAD, *CIPHERTEXT_LENGTH, sealed_length, sealed_length + 1}
    assert {codes[at] for at in lengths} == {"malformed"}
    assert {codes[at] for at in CHOICE} == {"unsupported_version"}
    assert {codes[at] for at in range(len(second)) if at not in lengths and at not in CHOICE} == {"unauthentic"}
    assert both.authenticate(second)


@both_suites
def test_every_flipped_byte_of_h3_is_refused(suite):
    """The server waits for the true one, which it then takes."""
    both = pair(**suite)
    third = both.authenticate(both.answer(both.hello()))
    codes = [refused(lambda: both.server.receive_client_auth(wrong), both.server) for _, wrong in changed_bytes(third)]

    assert codes == ["malformed"] * 4 + ["unauthentic"] * (len(third) - 4)
    assert both.finish(third)


@both_suites
def test_every_flipped_byte_of_auth_ok_is_refused(suite):
    """The client has no session before the true one."""
    both = pair(**suite)
    frame, _ = both.finish(both.authenticate(both.answer(both.hello())), {16: bytes(40)})
    codes = [refused(lambda: both.client.receive_finished(wrong), both.client) for _, wrong in changed_bytes(frame)]

    expected = ["unsupported_version"] + ["unauthentic"] * 25 + ["out_of_order"] * 12
    assert codes == expected + ["unauthentic"] * (len(frame) - 38)
    assert both.client.receive_finished(frame)


def test_every_flipped_byte_of_a_frame_leaves_counters_and_keys():
    """Nothing of the session changes, and the other session of the same people goes on."""
    both, others = ends(), ends()
    frame = both.client.seal(MessageType.CHAT, b"hello", MESSAGE_ID, NOW_MS)
    codes = [refused(lambda: both.server.open(wrong), both.server) for _, wrong in changed_bytes(frame)]

    assert codes[0] == "unsupported_version"
    assert set(codes[26:38]) == {"out_of_order"}
    assert set(codes[1:26] + codes[38:]) == {"unauthentic"}
    assert both.server.open(frame).payload == b"hello"
    assert others.carry(others.client, b"untouched", MessageType.CHAT) == b"untouched"


@pytest.mark.parametrize("size", [1, 15, 16, 54, 118, 300])
def test_truncated_and_extended_frames_are_refused(size):
    """Less or more of it, by any number of bytes."""
    both = ends()
    frame = both.client.seal(MessageType.CHAT, bytes(200), MESSAGE_ID, NOW_MS)
    for wrong in (frame[:-size], frame + bytes(size), frame + frame[:size], frame[size:]):
        assert refused(lambda: both.server.open(wrong), both.server) != "internal"
    assert both.server.open(frame).payload == bytes(200)


# Something of somebody else's, or of another time


def test_reflected_records_are_refused():
    """What one side sent does not come back to it as the other's: its H1 for H2, its H2 for H3, its frames."""
    both = pair()
    first = both.hello()
    assert refused(lambda: both.authenticate(first), both.client) == "malformed"
    second = both.answer(first)
    assert refused(lambda: both.server.receive_client_auth(second), both.server) == "too_large"
    third = both.authenticate(second)
    assert refused(lambda: both.client.receive_finished(third), both.client) == "unsupported_version"
    frame, server = both.finish(third)
    client = both.client.receive_finished(frame)

    assert refused(lambda: server.open(frame), server) == "out_of_order"
    for own in (client, server):
        sent = own.seal(MessageType.PING, b"", MESSAGE_ID, NOW_MS)
        assert refused(lambda: own.open(sent), own) == "out_of_order"


def test_splice_of_two_handshakes_is_refused():
    """One device, one server, one PSK, at one time: no record of one handshake serves the other, in any mixture."""
    one, two = same_people()
    firsts = one.hello(), two.hello()
    seconds = one.answer(firsts[0]), two.answer(firsts[1])
    assert refused(lambda: one.authenticate(seconds[1]), one.client) == "unauthentic"
    assert refused(lambda: two.authenticate(seconds[0]), two.client) == "unauthentic"
    # Clear part of one, seal of the other; and each part of the clear one by one.
    parts = [(8, 40), (40, 56), (56, 88), (90, 1178), (1180, len(seconds[0]))]
    for start, end in parts:
        spliced = seconds[0][:start] + seconds[1][start:end] + seconds[0][end:]
        assert refused(lambda: one.authenticate(spliced), one.client) == "unauthentic"
    thirds = one.authenticate(seconds[0]), two.authenticate(seconds[1])
    assert refused(lambda: one.server.receive_client_auth(thirds[1]), one.server) == "unauthentic"
    assert refused(lambda: two.server.receive_client_auth(thirds[0]), two.server) == "unauthentic"
    (ok_one, server_one), (ok_two, server_two) = one.finish(thirds[0]), two.finish(thirds[1])
    assert refused(lambda: one.client.receive_finished(ok_two), one.client) == "out_of_order"
    client_one, client_two = one.client.receive_finished(ok_one), two.client.receive_finished(ok_two)

    for sender, receiver in [(client_one, server_two), (server_one, client_two), (client_two, server_one)]:
        frame = sender.seal(MessageType.CHAT, b"x", MESSAGE_ID, NOW_MS)
        assert refused(lambda: receiver.open(frame), receiver) == "out_of_order"


def test_a_server_that_answers_one_hello_twice_gives_two_sessions():
    """A replayed H1 past the memory of the gate: without the ephemeral secret its sender gets nothing from H2."""
    one, two = same_people()
    first = one.hello()
    second, again = one.answer(first), two.answer(first)
    third = one.authenticate(second)

    assert second != again
    assert refused(lambda: two.server.receive_client_auth(third), two.server) == "unauthentic"
    assert one.finish(third)


@pytest.mark.parametrize("order", list(permutations(range(4)))[1:])
def test_reordered_frames_are_refused(order):
    """Every order of four frames but theirs fails at the first frame that is not due, and the due one still opens."""
    both = ends()
    frames = [both.client.seal(MessageType.CHAT, bytes([at]), MESSAGE_ID, NOW_MS) for at in range(4)]
    for due, at in enumerate(order):
        if at != due:
            assert refused(lambda: both.server.open(frames[at]), both.server) == "out_of_order"
            break
        assert both.server.open(frames[at]).payload == bytes([at])

    assert both.server.open(frames[due]).payload == bytes([due])


@pytest.mark.parametrize("dropped", range(3))
def test_dropped_and_replayed_frames_are_refused(dropped):
    """A gap is noticed at the next frame; what has come does not come again."""
    both = ends()
    frames = [both.client.seal(MessageType.CHAT, bytes([at]), MESSAGE_ID, NOW_MS) for at in range(4)]
    for frame in frames[:dropped]:
        both.server.open(frame)
    for replayed in frames[:dropped]:
        assert refused(lambda: both.server.open(replayed), both.server) == "out_of_order"
    for later in frames[dropped + 1 :]:
        assert refused(lambda: both.server.open(later), both.server) == "out_of_order"


def test_auth_ok_comes_once():
    """Neither twice to the handshake, nor to the session, nor late, nor anything in its place."""
    both = pair()
    frame, server = both.finish(both.authenticate(both.answer(both.hello())))
    early = Session(Role.CLIENT, SESSION_ID, epoch_keys())
    chat = seal_frame(_keys(Direction.SERVER_TO_CLIENT), 0, Frame(MessageType.CHAT, MESSAGE_ID, NOW_MS, b""), 1000)
    assert refused(lambda: early.open(chat), early) == "out_of_order"
    client = both.client.receive_finished(frame)

    assert refused(lambda: client.open(frame), client) == "out_of_order"
    with pytest.raises(UsageError):
        both.client.receive_finished(frame)
    with pytest.raises(UsageError):
        server.seal(MessageType.AUTH_OK, b"", MESSAGE_ID, NOW_MS)


def _keys(direction, session_id=SESSION_ID, epoch=0):
    keys = epoch_keys()
    key, iv = (keys.client_key, keys.client_iv) if direction == 0 else (keys.server_key, keys.server_iv)
    return FrameKeys(key, iv, session_id, direction, epoch)


@pytest.mark.parametrize(
    "place",
    [
        {"direction": Direction.SERVER_TO_CLIENT},
        {"session_id": bytes(16)},
        {"epoch": 1},
        {"epoch": 2**32 - 1},
    ],
    ids=["direction", "session", "next epoch", "last epoch"],
)
def test_frame_sealed_for_another_place_with_the_same_key_is_unauthentic(place):
    """Key and nonce alone do not make a frame: session, direction, epoch and counter are sealed with it."""
    right = {"session_id": SESSION_ID, "direction": Direction.CLIENT_TO_SERVER, "epoch": 0} | place
    keys = epoch_keys()
    elsewhere = FrameKeys(keys.client_key, keys.client_iv, **right)
    server = Session(Role.SERVER, SESSION_ID, keys)
    frame = seal_frame(elsewhere, 0, Frame(MessageType.CHAT, MESSAGE_ID, NOW_MS, b"x"), 1000)

    assert refused(lambda: server.open(frame), server) == "unauthentic"


def test_frozen_sees_any_change():
    """The comparison these tests rest on is not blind: counters, keys and steps all show."""
    both = ends()
    for change in ("received_frames", "received_bytes", "receiving_epoch", "_exporter", "_next_key_seed"):
        before = frozen(both.server)
        setattr(both.server, change, b"other" if change.startswith("_") else 99)
        assert frozen(both.server) != before
    waiting = pair()
    before = frozen(waiting.client)
    waiting.hello()
    assert frozen(waiting.client) != before
