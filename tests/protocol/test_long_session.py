"""A day and a gigabyte through one session, at the protocol's own limits; and the recorder that sees every seal.

`python -m tests.soak.session` does the same to a real server, on a scaled clock.
"""

from collections import Counter

import pytest

from clawchat.protocol import frame
from clawchat.protocol.errors import OutOfOrder
from clawchat.protocol.frame import Direction, Frame, FrameKeys, MessageType, seal_frame
from clawchat.protocol.limits import FRAME_CEILING_BYTES, HARD_LIMIT_BYTES, SOFT_LIMIT_BYTES
from clawchat.protocol.parameters import ServerParameters
from clawchat.protocol.primitives import random_bytes
from tests.protocol.pairs import MESSAGE_ID, NOW_MS, SESSION_ID, ends
from tests.soak.recorder import Recorder
from tests.soak.recording import Recording, judge

DAY_SECONDS, MINUTE, GIGABYTE = 86_400, 60, 1_000_000_000
HOURS, BURSTS = 24, 16
# The step of what is padded to 1 MiB.
LARGE = random_bytes(FRAME_CEILING_BYTES - 16_384 - 1)
SMALL = b"good morning"


class Day:
    """One session on a clock of its own, what went through it, and why its keys were made anew."""

    def __init__(self):
        self.now = 0.0
        self.both = ends(self.now, parameters=ServerParameters(max_frame_bytes=FRAME_CEILING_BYTES))
        self.why = Counter()
        # AUTH_OK is the first.
        self.frames, self.bytes, self.most_under_one_key = 1, 0, 0

    @property
    def senders(self):
        return self.both.client, self.both.server

    def say(self, sender, payload):
        """One frame, which comes out as it went in; then new keys, when they are due."""
        receiver = self.both.server if sender is self.both.client else self.both.client
        sealed = sender.seal(MessageType.CHAT, payload, MESSAGE_ID, NOW_MS)
        assert receiver.open(sealed).payload == payload
        self.frames, self.bytes = self.frames + 1, self.bytes + len(sealed)
        self.most_under_one_key = max(self.most_under_one_key, sender.sent_bytes)
        self.look_after_keys()

    def look_after_keys(self):
        """As a client does after every frame."""
        both = self.both
        assert not both.client_rekey.is_overdue(self.now) and not both.server_rekey.is_overdue(self.now)
        if both.client_rekey.is_due(self.now):
            worn = max(both.client.sent_bytes, both.client.received_bytes) >= SOFT_LIMIT_BYTES
            self.why["volume" if worn else "time"] += 1
            both.rekey(self.now)
            self.frames += len(("INIT", "RESP", "DONE"))

    def pass_minute(self):
        """A word from each."""
        self.now += MINUTE
        for sender in self.senders:
            self.say(sender, SMALL)

    def burst(self, sender):
        """As much in one direction as wears keys out."""
        before = self.why["volume"]
        while self.why["volume"] == before:
            self.say(sender, LARGE)


@pytest.fixture
def recorded():
    """What a recorder tells as long as the test lasts; both ends are this process."""
    lines = []
    with Recorder(lines.append):
        yield lines


def judged(lines):
    """What is judged of one process."""
    return judge({"here": Recording.parse(lines)})


def test_a_day_and_a_gigabyte_use_no_nonce_twice(recorded):
    """24 rekeys by time and 16 by volume at the default limits: every frame arrives, every pair is a new one."""
    day = Day()
    for hour in range(HOURS):
        while day.why["time"] == hour:
            day.pass_minute()
        if hour < BURSTS:
            day.pass_minute()
            day.burst(day.senders[hour % 2])
    day.pass_minute()
    judgement = judged(recorded)

    assert day.now >= DAY_SECONDS and day.bytes >= GIGABYTE
    assert day.why == {"time": HOURS, "volume": BURSTS}
    assert day.both.client.epoch == day.both.server.epoch == HOURS + BURSTS
    assert SOFT_LIMIT_BYTES <= day.most_under_one_key < SOFT_LIMIT_BYTES + FRAME_CEILING_BYTES < HARD_LIMIT_BYTES
    assert judgement.is_good, judgement.complaints
    # Every frame, and one seal of each end in the handshake.
    assert judgement.pairs == day.frames + 2
    assert judgement.keys == 2 * (HOURS + BURSTS + 1) + 2


# The recorder sees what it is for


def keys(direction=Direction.CLIENT_TO_SERVER, epoch=0, key=b"k" * 32):
    """Keys that no session looks after."""
    return FrameKeys(key, b"i" * 12, SESSION_ID, direction, epoch)


def seal(ready, counter):
    return seal_frame(ready, counter, Frame(MessageType.CHAT, MESSAGE_ID, NOW_MS, SMALL), FRAME_CEILING_BYTES)


def test_the_recorder_sees_a_counter_that_comes_again(recorded):
    """Sealed twice by whoever does not count."""
    ready = keys()
    for counter in (0, 1, 2, 1):
        seal(ready, counter)
    judgement = judged(recorded)

    assert not judgement.is_good
    assert (judgement.pairs, judgement.repeated, judgement.out_of_turn) == (3, 1, 1)


def test_the_recorder_sees_a_session_that_forgets_to_count(recorded):
    """The whole way, from `Session.seal`."""
    both = ends()
    both.carry(both.client, SMALL, MessageType.CHAT)
    both.client.sent_frames -= 1
    with pytest.raises(OutOfOrder):
        both.carry(both.client, SMALL, MessageType.CHAT)

    assert judged(recorded).repeated == 1


def test_the_recorder_sees_a_counter_left_out(recorded):
    """Nothing came twice, and it is no row of counters either."""
    ready = keys()
    seal(ready, 0)
    seal(ready, 2)
    judgement = judged(recorded)

    assert (judgement.repeated, judgement.out_of_turn, judgement.is_good) == (0, 1, False)


def test_the_recorder_sees_one_key_in_two_processes():
    """The same key and nonce at both ends, each of which counts well."""
    recordings = {}
    for process in ("client", "server"):
        lines = []
        with Recorder(lines.append):
            seal(keys(), 0)
        recordings[process] = Recording.parse(lines)
    judgement = judge(recordings)

    assert judge({"client": recordings["client"]}).is_good
    assert (judgement.shared, judgement.repeated, judgement.is_good) == (1, 1, False)


def test_the_recorder_sees_one_key_for_two_epochs(recorded):
    """Even with counters that go on where they were."""
    seal(keys(), 0)
    seal(keys(epoch=1), 1)
    judgement = judged(recorded)

    assert (judgement.misplaced, judgement.repeated, judgement.is_good) == (1, 0, False)


def test_the_recorder_sees_a_handshake_key_used_again(recorded):
    """Its only nonce is its IV, so its second message would be a reuse."""
    ready = frame.aead_key(b"h" * 32)
    for nonce in (bytes(12), bytes(11) + b"\1"):
        frame.aead_seal(ready, nonce, SMALL, b"")

    assert judged(recorded).out_of_turn == 1


def test_a_recording_of_nothing_is_not_good():
    """A recorder that nobody tells anything must not pass for a session without reuse."""
    assert not judge({"client": Recording()}).is_good


def test_the_recorder_puts_everything_back():
    """What was watched is as it was."""
    before = frame.aead_key, FrameKeys.__init__
    with Recorder(lambda _: None):
        assert (frame.aead_key, FrameKeys.__init__) != before

    assert (frame.aead_key, FrameKeys.__init__) == before
