"""Rekey: new keys in both directions while frames go on, and nobody else's doing."""

from collections import deque
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clawchat.protocol.errors import (
    Malformed,
    OutOfOrder,
    PeerError,
    TooFast,
    Unauthentic,
    UsageError,
)
from clawchat.protocol.frame import Frame, MessageType, seal_frame
from clawchat.protocol.handshake import KeyLimits, ServerParameters
from clawchat.protocol.key_schedule import EpochKeys, next_epoch
from clawchat.protocol.keys import DecapsulationKey, DeviceKey, ExchangePublic, ExchangeSecret, IdentityKey
from clawchat.protocol.limits import SOFT_LIMIT_SECONDS
from clawchat.protocol.rekey import ClientRekey, ServerRekey, parse_rekey
from tests.protocol.pairs import MESSAGE_ID, NOW_MS, changed_bytes, ends

REQUEST = b"\0"


def say(session, payload):
    return session.seal(MessageType.CHAT, payload, MESSAGE_ID, NOW_MS)


def place(session):
    """Where a session is: epochs and counters of both directions."""
    return (
        (session.sending_epoch, session.sent_frames, session.sent_bytes),
        (session.receiving_epoch, session.received_frames, session.received_bytes),
    )


def begun(now=100.0, **changed):
    """A session whose server has INIT before it."""
    both = ends(**changed)
    return both, both.client_rekey.init(now)


def answered(now=100.0, **changed):
    """A session whose client has RESP before it; RESP was sent."""
    both, init = begun(now, **changed)
    answer = both.server_rekey.receive(both.carry(both.client, init), now)
    return both, answer, both.server.seal(MessageType.KEY_ROTATION, answer, MESSAGE_ID, NOW_MS)


# What it does


def test_what_init_left_behind_goes_with_the_session():
    """An answer that is opened after the end makes no keys."""
    both, answer, _ = answered()
    both.client_rekey.end()
    both.client_rekey.end()
    with pytest.raises(OutOfOrder):
        both.client_rekey.receive(answer, 101.0)


def test_rekey_gives_both_directions_new_keys():
    """Counters begin anew, the exporter is another one, and both ends agree on everything."""
    both = ends()
    before = both.client.exporter
    both.rekey(10)

    assert place(both.client) == place(both.server) == ((1, 0, 0), (1, 0, 0))
    assert both.client.epoch == both.server.epoch == 1
    assert both.client.exporter == both.server.exporter != before
    assert both.carry(both.client, b"up", MessageType.CHAT) == b"up"
    assert both.carry(both.server, b"down", MessageType.CHAT) == b"down"


def test_frames_under_way_in_both_directions_arrive():
    """What was sealed before RESP and before DONE opens after them, in order, each under its own epoch's keys."""
    both = ends()
    init = both.client.seal(MessageType.KEY_ROTATION, both.client_rekey.init(10), MESSAGE_ID, NOW_MS)
    up = [init, say(both.client, b"1"), say(both.client, b"2")]
    down = [say(both.server, b"a")]
    answer = both.server_rekey.receive(both.server.open(up.pop(0)).payload, 10)
    down.append(both.server.seal(MessageType.KEY_ROTATION, answer, MESSAGE_ID, NOW_MS))
    down += [say(both.server, b"b"), say(both.server, b"c")]
    up.append(say(both.client, b"3"))

    assert both.client.open(down.pop(0)).payload == b"a"
    done = both.client_rekey.receive(both.client.open(down.pop(0)).payload, 11)
    # DONE waits for its turn: what goes before it is still of the old epoch.
    up.append(say(both.client, b"4"))
    up.append(both.client.seal(MessageType.KEY_ROTATION, done, MESSAGE_ID, NOW_MS))
    up.append(say(both.client, b"5"))

    assert [both.client.open(frame).payload for frame in down] == [b"b", b"c"]
    assert [both.server.open(frame).payload for frame in up[:4]] == [b"1", b"2", b"3", b"4"]
    assert both.server.epoch == 0
    assert both.server_rekey.receive(both.server.open(up[4]).payload, 12) is None
    assert both.server.open(up[5]).payload == b"5"
    assert both.server.epoch == both.client.epoch == 1


def test_exporter_is_that_of_the_epoch_the_client_sends_in():
    """So a secret derived from the epoch of a request is one value at both ends, also while the keys change."""
    both, _, sealed = answered()
    old = both.client.exporter
    done = both.client_rekey.receive(both.client.open(sealed).payload, 100)
    assert both.client.exporter == both.server.exporter == old
    frame = both.client.seal(MessageType.KEY_ROTATION, done, MESSAGE_ID, NOW_MS)
    assert both.server.exporter == old != both.client.exporter
    both.server_rekey.receive(both.server.open(frame).payload, 100)

    assert both.server.exporter == both.client.exporter


class Chat:
    """A busy chat over two queues, whose ends rekey whenever they may."""

    def __init__(self, limits):
        parameters = ServerParameters(soft_limits=limits)
        self.ends = ends(parameters=parameters)
        self.now = 0.0
        self.sent = {"client": [], "server": []}
        self.got = {"client": [], "server": []}
        self.wire = {"client": deque(), "server": deque()}

    def step(self, action, amount):
        if action in ("client", "server"):
            self.say(action)
        elif action == "pass":
            self.now += amount
        elif action == "ask":
            request = self.ends.server_rekey.request()
            if request is not None:
                self.put("server", MessageType.KEY_ROTATION, request)
        else:
            self.deliver(action.removeprefix("to "))
        self.look()

    def say(self, who):
        text = f"{who} {len(self.sent[who])}".encode()
        self.sent[who].append(text)
        self.put(who, MessageType.CHAT, text)

    def put(self, who, kind, payload):
        self.wire[who].append(getattr(self.ends, who).seal(kind, payload, MESSAGE_ID, NOW_MS))

    def look(self):
        """What each end does by itself."""
        if self.ends.client_rekey.is_due(self.now):
            self.put("client", MessageType.KEY_ROTATION, self.ends.client_rekey.init(self.now))
        if self.ends.server_rekey.is_due(self.now):
            self.put("server", MessageType.KEY_ROTATION, self.ends.server_rekey.request())

    def deliver(self, who):
        sender = "server" if who == "client" else "client"
        if not self.wire[sender]:
            return
        frame = getattr(self.ends, who).open(self.wire[sender].popleft())
        if frame.type == MessageType.CHAT:
            self.got[who].append(frame.payload)
            return
        answer = getattr(self.ends, f"{who}_rekey").receive(frame.payload, self.now)
        if answer is not None:
            self.put(who, MessageType.KEY_ROTATION, answer)

    def drain(self):
        while self.wire["client"] or self.wire["server"]:
            self.deliver("client")
            self.deliver("server")


ACTIONS = st.sampled_from(["client", "server", "to client", "to server", "to client", "to server", "pass", "ask"])


@settings(max_examples=150)
@given(st.lists(st.tuples(ACTIONS, st.integers(0, 12)), max_size=120))
def test_busy_chat_loses_doubles_and_reorders_nothing(steps):
    """Whatever the order of messages, deliveries, requests and waits, both ends get all of it once and in order."""
    chat = Chat(KeyLimits(40, 4096, 6))
    for action, amount in steps:
        chat.step(action, amount)
    chat.drain()

    assert chat.got["server"] == chat.sent["client"]
    assert chat.got["client"] == chat.sent["server"]
    assert chat.ends.client.epoch == chat.ends.server.epoch
    assert chat.ends.client.exporter == chat.ends.server.exporter


def test_busy_chat_really_rekeys():
    """The property above is no empty one: with steady traffic the epochs pass."""
    chat = Chat(KeyLimits(40, 1 << 20, 6))
    for _ in range(50):
        for action in ("client", "server", "client", *("to server", "to client") * 4):
            chat.step(action, 0)
        chat.step("pass", 3)
    chat.drain()

    assert chat.ends.client.epoch == chat.ends.server.epoch > 8
    assert (chat.got["server"], chat.got["client"]) == (chat.sent["client"], chat.sent["server"])


def test_a_thousand_rekeys_in_a_row():
    """No counter, state or key wears out, and no exporter comes twice."""
    both = ends()
    exporters = {both.client.exporter}
    for number in range(1, 1001):
        both.rekey(10 * number)
        exporters.add(both.client.exporter)
        assert both.carry(both.server, b"x", MessageType.CHAT) == b"x"

    assert both.client.epoch == both.server.epoch == 1000
    assert len(exporters) == 1001


# What it refuses


def test_every_changed_byte_of_init_is_refused():
    """Nothing of it is believed, nothing changes, and the true one is then taken."""
    both, init = begun()
    for _, wrong in changed_bytes(init):
        with pytest.raises((Malformed, Unauthentic, OutOfOrder)):
            both.server_rekey.receive(wrong, 100)
        assert both.server.epoch == 0

    assert both.server_rekey.receive(init, 100)


def test_every_changed_byte_of_resp_is_refused():
    """A server's answer is signed to its last byte."""
    both, answer, _ = answered()
    for _, wrong in changed_bytes(answer):
        with pytest.raises((Malformed, Unauthentic, OutOfOrder)):
            both.client_rekey.receive(wrong, 100)
        assert both.client.receiving_epoch == 0

    assert both.client_rekey.receive(answer, 100)


def test_every_changed_byte_of_done_is_refused():
    """A client that has other keys is noticed before one frame of it is opened."""
    both, answer, _ = answered()
    done = both.client_rekey.receive(answer, 100)
    for _, wrong in changed_bytes(done):
        with pytest.raises((Malformed, Unauthentic, OutOfOrder)):
            both.server_rekey.receive(wrong, 100)
        assert both.server.receiving_epoch == 0

    assert both.server_rekey.receive(done, 100) is None


@given(st.binary(max_size=80))
def test_any_bytes_are_a_peer_error(data):
    """Nothing from outside raises anything else, at either end."""
    both = ends()
    if data != REQUEST:
        with pytest.raises(PeerError):
            both.client_rekey.receive(data, 100)
    with pytest.raises(PeerError):
        both.server_rekey.receive(data, 100)


@pytest.mark.parametrize("payload", [b"", b"\4", b"\xff", b"\0\0", b"\3" + bytes(31), b"\3" + bytes(33)])
def test_other_shapes_are_malformed(payload):
    """Unknown kinds and wrong sizes."""
    with pytest.raises(Malformed):
        parse_rekey(payload)


def test_replays_are_refused():
    """Messages of an epoch serve that epoch only, whatever carried them."""
    both, init = begun()
    answer = both.server_rekey.receive(both.carry(both.client, init), 100)
    done = both.client_rekey.receive(both.carry(both.server, answer), 100)
    both.server_rekey.receive(both.carry(both.client, done), 100)
    for machine, replayed in [
        (both.server_rekey, init),
        (both.server_rekey, done),
        (both.client_rekey, answer),
    ]:
        with pytest.raises(OutOfOrder):
            machine.receive(replayed, 200)
    both.client_rekey.init(200)
    with pytest.raises(OutOfOrder):
        both.client_rekey.receive(answer, 200)


def test_messages_of_another_session_are_refused():
    """Two sessions of one device with one server: neither INIT nor RESP of one serves the other."""
    device = DeviceKey.generate()
    one, other = ends(device=device), ends(device=device)
    init, other_init = one.client_rekey.init(100), other.client_rekey.init(100)
    with pytest.raises(Unauthentic):
        other.server_rekey.receive(init, 100)
    answer = one.server_rekey.receive(init, 100)
    with pytest.raises(Unauthentic):
        other.client_rekey.receive(answer, 100)
    assert other.server_rekey.receive(other_init, 100)


def test_answers_to_another_init_are_refused():
    """The server's signature covers what it answers."""
    device = DeviceKey.generate()
    one = ends(device=device)
    twin = ServerRekey(one.server, device.public, one.identity.sign, 0)
    first = one.client_rekey.init(100)
    other = ClientRekey(one.client, one.identity.public, device.sign, 0).init(100)
    answer = twin.receive(other, 100)
    assert first != other
    with pytest.raises(Unauthentic):
        one.client_rekey.receive(answer, 100)


def test_another_device_and_another_server_are_refused():
    """Who has the traffic keys but not the signing key cannot heal himself into the next epoch."""
    both, init = begun(sign=DeviceKey.generate().sign)
    with pytest.raises(Unauthentic):
        both.server_rekey.receive(init, 100)
    both, answer, _ = answered(pin=IdentityKey.generate().public)
    with pytest.raises(Unauthentic):
        both.client_rekey.receive(answer, 100)


def test_second_init_is_refused():
    """Before DONE there is one at a time."""
    both, init = begun()
    both.server_rekey.receive(init, 100)
    for now in (100, 120):
        with pytest.raises(OutOfOrder):
            both.server_rekey.receive(init, now)


@pytest.mark.parametrize("began", [0, 100])
def test_early_init_is_refused(began):
    """An epoch lasts ten seconds, the first one and every other."""
    both = ends()
    if began:
        both.rekey(began)
    init = both.client_rekey._init(began + 9, *_ephemerals())
    with pytest.raises(TooFast):
        both.server_rekey.receive(init, began + 9.999)

    assert both.server_rekey.receive(init, began + 10)


def _ephemerals():
    return ExchangeSecret.generate(), DecapsulationKey.generate()


def test_messages_for_the_other_end_are_refused():
    """A server takes no REQUEST and no RESP, a client no INIT and no DONE."""
    both, answer, _ = answered()
    init = ends().client_rekey.init(100)
    for machine, payload in [
        (both.server_rekey, REQUEST),
        (both.server_rekey, answer),
        (both.client_rekey, init),
        (both.client_rekey, b"\3" + bytes(32)),
    ]:
        with pytest.raises(OutOfOrder):
            machine.receive(payload, 200)


def test_answer_nobody_asked_for_is_refused():
    """RESP without INIT, DONE without RESP."""
    both, answer, _ = answered()
    calm = ends()
    with pytest.raises(OutOfOrder):
        calm.client_rekey.receive(answer, 100)
    with pytest.raises(OutOfOrder):
        calm.server_rekey.receive(b"\3" + bytes(32), 100)
    assert both.client.epoch == 0


def test_auth_ok_never_comes_again():
    """Counter 0 of a later epoch is no first frame of the session, at either end."""
    both = ends()
    both.rekey(10)
    with pytest.raises(UsageError):
        both.server.seal(MessageType.AUTH_OK, b"", MESSAGE_ID, NOW_MS)
    forged = seal_frame(both.server._sending, 0, Frame(MessageType.AUTH_OK, MESSAGE_ID, NOW_MS, b""), 1 << 20)
    with pytest.raises(OutOfOrder):
        both.client.open(forged)

    assert both.carry(both.server, b"first", MessageType.CHAT) == b"first"


def test_frames_of_the_old_epoch_do_not_open_after_its_last():
    """Nothing follows RESP and DONE under their keys, and a server's next frame needs RESP to have been taken."""
    both, _, sealed = answered()
    after = say(both.server, b"new")
    old_up = both.client._sending
    with pytest.raises(PeerError):
        both.client.open(after)
    done = both.client_rekey.receive(both.client.open(sealed).payload, 100)
    both.server_rekey.receive(both.carry(both.client, done), 100)
    late = seal_frame(old_up, 2, Frame(MessageType.CHAT, MESSAGE_ID, NOW_MS, b"late"), 1 << 20)
    with pytest.raises(PeerError):
        both.server.open(late)

    assert both.client.open(after).payload == b"new"


# When it begins, and when it is given up


def test_request_makes_a_client_begin():
    """At once when the epoch is old enough, otherwise once it is; it counts for one rekey."""
    both = ends()
    assert not both.client_rekey.is_due(100)
    assert both.client_rekey.receive(both.carry(both.server, both.server_rekey.request()), 5) is None
    assert [both.client_rekey.is_due(now) for now in (5, 10, 10.9, 11, 100)] == [False, False, False, True, True]
    both.rekey(11)

    assert not both.client_rekey.is_due(1000)


def test_request_while_an_init_is_under_way_is_ignored():
    """It has its answer already."""
    both, init = begun()
    both.client_rekey.receive(REQUEST, 100)
    answer = both.server_rekey.receive(both.carry(both.client, init), 100)
    done = both.client_rekey.receive(both.carry(both.server, answer), 100)
    both.server_rekey.receive(both.carry(both.client, done), 100)

    assert not both.client_rekey.is_due(200)


def test_server_does_not_ask_while_it_waits_for_done():
    """Its sending direction is in the new epoch by then."""
    both, _, _ = answered()

    assert both.server_rekey.request() is None
    assert not both.server_rekey.is_due(5000)


def test_server_asks_once_in_an_epoch():
    """A client that does not follow is not told again and again."""
    both = ends()
    assert both.server_rekey.is_due(SOFT_LIMIT_SECONDS)
    both.server_rekey.request()
    assert not both.server_rekey.is_due(2 * SOFT_LIMIT_SECONDS)
    both.rekey(2 * SOFT_LIMIT_SECONDS)

    assert both.server_rekey.is_due(3 * SOFT_LIMIT_SECONDS)


def test_missing_answers_end_the_session():
    """RESP or DONE that does not come within thirty seconds."""
    both, init = begun(100)
    assert not both.client_rekey.is_overdue(129.9)
    assert both.client_rekey.is_overdue(130)
    both.server_rekey.receive(init, 200)
    assert not both.server_rekey.is_overdue(229.9)
    assert both.server_rekey.is_overdue(230)


def test_an_answered_rekey_is_not_overdue():
    """The wait ends with the answer."""
    both = ends()
    both.rekey(100)

    assert not both.client_rekey.is_overdue(1000)
    assert not both.server_rekey.is_overdue(1000)


# Keys


def test_keys_differ_when_any_input_differs():
    """Seed, shared secret, transcript, number and both public values: each goes into every key."""
    inputs = [bytes(32), bytes(64), bytes(32), 1, ExchangePublic(bytes(32)), ExchangePublic(bytes(32))]
    other = [b"\1" * 32, b"\1" * 64, b"\1" * 32, 2, ExchangePublic(b"\1" * 32), ExchangePublic(b"\2" * 32)]
    made = [next_epoch(*inputs)]
    for at, value in enumerate(other):
        made.append(next_epoch(*inputs[:at], value, *inputs[at + 1 :]))

    for field in fields(EpochKeys):
        values = {getattr(keys, field.name) for keys in made}
        assert len(values) == len(made), field.name


def test_nothing_of_a_finished_rekey_is_kept():
    """Ephemeral secrets, the former seed and the keys of the former epoch are gone from both ends."""
    both = ends()
    seeds = [session._next_key_seed for session in (both.client, both.server)]
    both.rekey(10)

    assert both.client_rekey._begun is None
    assert both.server_rekey._finished is None
    for session, seed in zip((both.client, both.server), seeds, strict=True):
        assert session._next is None
        assert session._next_key_seed != seed


def test_no_secret_shows():
    """Neither machine prints what it holds."""
    both, _ = begun()

    assert "ExchangeSecret" not in repr(both.client_rekey._begun)
    assert both.client._next_key_seed.hex() not in repr(vars(both.client_rekey))


# Misuse


def test_misuse_is_ours_to_avoid():
    """One rekey after the other, not too soon, at the right end, and never without an epoch to go to."""
    both = ends()
    with pytest.raises(UsageError):
        both.client_rekey.init(9)
    both.client_rekey.init(10)
    with pytest.raises(UsageError):
        both.client_rekey.init(20)
    with pytest.raises(UsageError):
        ClientRekey(both.server, both.identity.public, both.device.sign, 0)
    with pytest.raises(UsageError):
        ServerRekey(both.client, both.device.public, both.identity.sign, 0)
    with pytest.raises(UsageError):
        both.server.switch_receiving()
    public = ExchangePublic(bytes(32))
    both.server.prepare_epoch(bytes(64), bytes(32), public, public)
    with pytest.raises(UsageError):
        both.server.prepare_epoch(bytes(64), bytes(32), public, public)
    both.server.switch_receiving()
    with pytest.raises(UsageError):
        both.server.switch_receiving()
