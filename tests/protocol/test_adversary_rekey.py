"""Mallory in a rekey: every byte of its messages flipped, and every message in every state of both machines."""

from dataclasses import dataclass, field

import pytest

from clawchat.protocol.encoding import u8, u32, v16
from clawchat.protocol.errors import PeerError, RekeyOverdue, UsageError
from clawchat.protocol.frame import MessageType
from clawchat.protocol.handshake import KeyLimits, ServerParameters
from clawchat.protocol.keys import DeviceKey
from clawchat.protocol.primitives import sha256
from tests.protocol.pairs import MESSAGE_ID, NOW_MS, changed_bytes, ends
from tests.protocol.test_adversary import CLASSIC, both_suites, frozen, refused

REQUEST = b"\0"


@dataclass
class Line:
    """A session on its way through two rekeys; what was sent stays to be sent again."""

    both: object
    now: float = 0.0
    sent: dict = field(default_factory=dict)

    def idle(self):
        self.now += 20

    def ask(self):
        self.both.client_rekey.receive(self.both.carry(self.both.server, self.both.server_rekey.request()), self.now)

    def begin(self):
        self.sent["INIT"] = self.both.client_rekey.init(self.now)

    def answer(self):
        both = self.both
        self.sent["RESP"] = both.server_rekey.receive(both.carry(both.client, self.sent["INIT"]), self.now)
        self.frame = both.server.seal(MessageType.KEY_ROTATION, self.sent["RESP"], MESSAGE_ID, NOW_MS)

    def take_answer(self):
        self.sent["DONE"] = self.both.client_rekey.receive(self.both.client.open(self.frame).payload, self.now)

    def finish(self):
        both = self.both
        assert both.server_rekey.receive(both.carry(both.client, self.sent["DONE"]), self.now) is None
        self.sent = {f"old {name}": payload for name, payload in self.sent.items()}


STEPS = ("idle", "ask", "begin", "answer", "take_answer", "finish", "idle", "begin", "answer")
# After so many steps: a name for the state each machine is in.
STATES = {
    0: "new epoch",
    1: "idle",
    2: "asked",
    3: "INIT sent",
    4: "RESP sent",
    5: "RESP taken",
    6: "second epoch",
    7: "second epoch, idle",
    8: "second INIT sent",
    9: "second RESP sent",
}


def line_at(steps, **suite):
    """A session after so many steps, with a message of each kind of another session and other senders."""
    line = Line(ends(**suite))
    for step in STEPS[:steps]:
        getattr(line, step)()
    return line


# One other session for all, so that what mallory brings along costs nothing.
OTHER = line_at(6)
DUE = {"INIT": (3, 8), "RESP": (4, 9), "DONE": (5,)}


def mallorys(line):
    """What mallory may send: all there was, what another session had, each kind in bare shape, and nonsense."""
    bare = {f"bare {name}": _emptied(OTHER.sent[f"old {name}"]) for name in ("INIT", "RESP", "DONE")}
    return {
        **line.sent,
        **{name.replace("old", "other's"): payload for name, payload in OTHER.sent.items()},
        **bare,
        "unknown": b"\4" + bytes(40),
        "empty": b"",
        "long": b"\0\0",
    }


def _emptied(payload):
    """The same shape, with kind, epoch and length, and nothing but zeros in it."""
    return (
        payload[:1] + bytes(32)
        if len(payload) == 33
        else payload[:5] + bytes(32) + payload[37:39] + bytes(len(payload) - 39)
    )


@pytest.mark.parametrize("steps", STATES, ids=STATES.values())
def test_the_client_takes_nothing_out_of_turn(steps):
    """In each state each message but the one that is due, and a REQUEST, is refused, and changes nothing."""
    line = line_at(steps)
    waiting = steps in (3, 4, 8, 9)
    for name, payload in mallorys(line).items():
        if name == "RESP" and steps in DUE["RESP"]:
            continue
        code = refused(lambda: line.both.client_rekey.receive(payload, line.now), line.both.client_rekey)
        if name in ("unknown", "empty", "long"):
            assert code == "malformed"
        elif name.endswith("RESP") and waiting:
            assert code == ("unauthentic" if steps in (3, 4) else "out_of_order"), name
        else:
            assert code == "out_of_order", name
    before = frozen(line.both.client)
    assert line.both.client_rekey.receive(REQUEST, line.now) is None
    assert frozen(line.both.client) == before


@pytest.mark.parametrize("steps", STATES, ids=STATES.values())
def test_the_server_takes_nothing_out_of_turn(steps):
    """Neither a REQUEST, nor a RESP, nor anything that is old, early or somebody else's."""
    line = line_at(steps)
    answered, early = steps in (4, 5, 9), steps in (0, 6)
    for name, payload in {**mallorys(line), "REQUEST": REQUEST}.items():
        if (name == "INIT" and steps in DUE["INIT"]) or (name == "DONE" and steps in DUE["DONE"]):
            continue
        code = refused(lambda: line.both.server_rekey.receive(payload, line.now), line.both.server_rekey)
        if name in ("unknown", "empty", "long"):
            assert code == "malformed"
        elif name.endswith("INIT"):
            # All of them are for epoch 1, which the second half has behind it.
            expected = (
                "out_of_order" if answered else "too_fast" if early else ("unauthentic", "out_of_order")[steps > 6]
            )
            assert code == expected, name
        elif name.endswith("DONE") and answered:
            assert code == "unauthentic", name
        else:
            assert code == "out_of_order", name


@pytest.mark.parametrize("steps", STATES, ids=STATES.values())
def test_after_mallory_the_rekey_goes_on(steps):
    """Whatever was refused, both ends finish what they had begun, and understand each other."""
    line = line_at(steps)
    for payload in mallorys(line).values():
        for machine in (line.both.client_rekey, line.both.server_rekey):
            if payload not in line.sent.values():
                with pytest.raises(PeerError):
                    machine.receive(payload, line.now)
    for step in STEPS[steps:]:
        getattr(line, step)()
    line.take_answer()
    line.finish()

    assert line.both.client.epoch == line.both.server.epoch == 2
    assert line.both.carry(line.both.server, b"well", MessageType.CHAT) == b"well"


@both_suites
def test_every_flipped_byte_of_a_rekey_is_refused_by_its_field(suite):
    """Kind and lengths: malformed. The epoch's number: out of order. All else: unauthentic. Nothing changes."""
    line = line_at(3, **suite)
    both = line.both
    init = line.sent["INIT"]
    for at, wrong in changed_bytes(init):
        code = refused(lambda: both.server_rekey.receive(wrong, line.now), both.server_rekey)
        assert code == _code_of_field(at), at
    line.answer()
    response = line.sent["RESP"]
    for at, wrong in changed_bytes(response):
        code = refused(lambda: both.client_rekey.receive(wrong, line.now), both.client_rekey)
        assert code == _code_of_field(at), at
    line.take_answer()
    for at, wrong in changed_bytes(line.sent["DONE"]):
        code = refused(lambda: both.server_rekey.receive(wrong, line.now), both.server_rekey)
        assert code == ("unauthentic" if at else "malformed"), at
    line.finish()
    assert both.client.epoch == both.server.epoch == 1


def _code_of_field(at):
    # Of INIT and RESP: kind, epoch, X25519, length of the ML-KEM value.
    return "malformed" if at == 0 or at in (37, 38) else "out_of_order" if at < 5 else "unauthentic"


def test_mlkem_key_that_is_none_is_judged_after_its_signature():
    """Mallory without the device's key does not make the server look at it; a device that lies is refused, too."""
    line = line_at(1)
    both = line.both
    body = u8(1) + u32(1) + bytes([9] * 32) + v16(b"\xff" * 1184)
    signed = b"clawchat/1 rekey client\0" + both.client.session_id + sha256(body)
    lying = body + both.device.sign(signed)
    forged = body + DeviceKey.generate().sign(signed)

    assert refused(lambda: both.server_rekey.receive(forged, line.now), both.server_rekey) == "unauthentic"
    assert refused(lambda: both.server_rekey.receive(lying, line.now), both.server_rekey) == "malformed"


@pytest.mark.parametrize("suite", ["INIT", "RESP"])
def test_messages_of_the_other_suite_are_malformed(suite):
    """A rekey keeps the session's suite: neither end steps down, or up."""
    classic, hybrid = line_at(4, **CLASSIC), line_at(4)
    for one, other in ((classic, hybrid), (hybrid, classic)):
        machine = one.both.server_rekey if suite == "INIT" else one.both.client_rekey
        code = refused(lambda: machine.receive(other.sent[suite], one.now), machine)
        assert code == "malformed"


# Frames around the moment of the switch


def test_frames_of_old_and_future_epochs_are_refused():
    """Before RESP nothing of the next epoch opens, after it nothing of the last; the same for DONE."""
    line = line_at(3)
    both = line.both
    old = [both.server.seal(MessageType.CHAT, b"old", MESSAGE_ID, NOW_MS) for _ in range(2)]
    line.answer()
    future = both.server.seal(MessageType.CHAT, b"future", MESSAGE_ID, NOW_MS)
    assert refused(lambda: both.client.open(future), both.client) == "out_of_order"
    for frame in old:
        both.client.open(frame)
    line.take_answer()
    for frame in [*old, line.frame]:
        assert refused(lambda: both.client.open(frame), both.client) == "out_of_order"
    assert both.client.open(future).payload == b"future"

    done = both.client.seal(MessageType.KEY_ROTATION, line.sent["DONE"], MESSAGE_ID, NOW_MS)
    ahead = both.client.seal(MessageType.CHAT, b"ahead", MESSAGE_ID, NOW_MS)
    assert refused(lambda: both.server.open(ahead), both.server) == "out_of_order"
    assert both.server_rekey.receive(both.server.open(done).payload, line.now) is None
    assert refused(lambda: both.server.open(done), both.server) == "out_of_order"
    assert both.server.open(ahead).payload == b"ahead"


def test_seal_in_the_middle_of_a_rekey_keeps_its_place():
    """Frames that are sealed between RESP's arrival and DONE are the old epoch's, in their order, with other nonces."""
    line = line_at(5)
    both = line.both
    between = [both.client.seal(MessageType.CHAT, bytes([at]), MESSAGE_ID, NOW_MS) for at in range(3)]
    done = both.client.seal(MessageType.KEY_ROTATION, line.sent["DONE"], MESSAGE_ID, NOW_MS)
    after = [both.client.seal(MessageType.CHAT, bytes([at]), MESSAGE_ID, NOW_MS) for at in range(3)]

    assert [both.server.open(frame).payload for frame in between] == [bytes([at]) for at in range(3)]
    both.server_rekey.receive(both.server.open(done).payload, line.now)
    assert [both.server.open(frame).payload for frame in after] == [bytes([at]) for at in range(3)]
    assert len({frame[26:38] for frame in [*between, done, *after]}) == 7


def test_worn_keys_neither_seal_nor_open():
    """At a hard limit nothing goes through any more, in either direction, and no counter moves."""
    both = ends(parameters=ServerParameters(hard_limits=KeyLimits(60, 1 << 20, 3)))
    frames = [both.client.seal(MessageType.CHAT, b"x", MESSAGE_ID, NOW_MS) for _ in range(3)]
    before = frozen(both.client)
    with pytest.raises(RekeyOverdue):
        both.client.seal(MessageType.CHAT, b"x", MESSAGE_ID, NOW_MS)
    assert frozen(both.client) == before
    for frame in frames:
        both.server.open(frame)
    assert refused(lambda: both.server.open(frames[0]), both.server) == "rekey_overdue"


def test_a_client_begins_once():
    """A second INIT before DONE would be ours; it is never made."""
    for steps in (3, 4, 5):
        line = line_at(steps)
        line.now += 100
        before = frozen(line.both.client_rekey)
        with pytest.raises(UsageError):
            line.both.client_rekey.init(line.now)
        assert frozen(line.both.client_rekey) == before
