"""What a process counts, and that nothing is counted twice or lost between two looks."""

from dataclasses import dataclass, field

import pytest

from chat.counting import Counts, Delays, DeviceMinute, SessionCounts


@dataclass
class Talker:
    """A session as the counts see it."""

    counted_as: bytes | None = b"d" * 32
    bytes_in: int = 0
    bytes_out: int = 0
    counts: SessionCounts = field(default_factory=SessionCounts)
    counted: tuple[int, ...] = (0, 0, 0, 0, 0)

    def say(self, messages: int, frame_bytes: int) -> None:
        """So many messages come, in frames of so many bytes together."""
        self.counts.messages += messages
        self.bytes_in += frame_bytes


def test_a_session_is_counted_once_however_often_it_is_seen():
    """Each look adds what is new."""
    counts, talker = Counts(), Talker()
    talker.say(3, 900)
    talker.counts.requests, talker.counts.deliveries, talker.bytes_out = 2, 5, 1500

    for _ in range(3):
        counts.see(talker)
    talker.say(1, 300)
    counts.see(talker)

    assert (counts.bytes_in, counts.bytes_out, counts.requests, counts.deliveries) == (1200, 1500, 2, 5)
    assert counts.take_devices() == {b"d" * 32: DeviceMinute(messages=4, requests=2, bytes=1200)}
    assert counts.take_devices() == {}


def test_two_sessions_of_a_device_are_one_sender():
    """A move is no second device."""
    counts, before, after = Counts(), Talker(), Talker()
    before.say(2, 600)
    after.say(3, 900)

    counts.see(before)
    counts.see(after)

    assert counts.take_devices() == {b"d" * 32: DeviceMinute(messages=5, requests=0, bytes=1500)}


def test_who_only_enrols_is_no_sender():
    """Its bytes count, for nobody."""
    counts, newcomer = Counts(), Talker(counted_as=None)
    newcomer.say(0, 700)

    counts.see(newcomer)

    assert (counts.bytes_in, counts.take_devices()) == (700, {})


def test_a_minute_is_what_came_since_it_began():
    """What was counted before is not in it, nor does what comes later change it."""
    counts = Counts()
    counts.messages, counts.handshakes = 10, 2
    counts.refuse("gate")
    counts.delays.add(0.5)
    before = counts.copy()
    counts.messages += 4
    counts.scans += 1
    counts.refuse("gate")
    counts.refuse("limit")
    counts.delays.add(0.02)

    minute = counts.since(before, 1_700_000_040, people=3, sessions=4)
    counts.messages += 100
    counts.delays.add(9.0)

    assert (minute.begin, minute.people, minute.sessions) == (1_700_000_040, 3, 4)
    assert (minute.messages, minute.handshakes, minute.scans) == (4, 0, 1)
    assert minute.refused == {"gate": 1, "limit": 1}
    assert minute.delays.quantile(0.99) == pytest.approx(0.02, rel=0.05)


@pytest.mark.parametrize(("share", "seconds"), [(0.5, 0.050), (0.99, 0.099), (1.0, 0.100)])
def test_a_quantile_is_right_to_five_percent(share, seconds):
    """Of 1 to 100 ms, each once."""
    delays = Delays()
    for milliseconds in range(1, 101):
        delays.add(milliseconds / 1000)

    assert delays.quantile(share) == pytest.approx(seconds, rel=0.05)
    assert delays.total == pytest.approx(5.05)


@pytest.mark.parametrize("seconds", [-0.001, 0.0, 1e-9, 3600.0])
def test_every_delay_has_a_bucket(seconds):
    """A clock that jumped and an hour's wait are counted too."""
    delays = Delays()
    delays.add(seconds)

    assert sum(delays.buckets) == 1
    assert 0 < delays.quantile(0.5) < 70


def test_no_delay_is_no_number():
    """Nothing was sent, so nothing was slow."""
    assert Delays().quantile(0.5) is None
