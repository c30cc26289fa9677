"""Counting what a server process does: plain integers on the event loop, read by whoever shows or judges them."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Protocol

# Delays are counted in buckets, each 5 % wider than the one before: from a tenth of a millisecond to a minute.
LEAST_SECONDS = 1e-4
WIDER = 1.05
BUCKETS = 274
_PER_LOG = 1 / math.log(WIDER)

MINUTE_SECONDS = 60
# What only ever grows, under these names in `Counts`, in `Minute` and, all but two, in the rows of tallies.
NUMBERS = ("connections", "handshakes", "messages", "requests", "deliveries", "bytes_in", "bytes_out", "scans")


@dataclass(slots=True)
class SessionCounts:
    """What one session did since it began; bytes are counted by the session itself."""

    # Messages for rooms and requests that came, whatever became of them; rows handed out.
    messages: int = 0
    requests: int = 0
    deliveries: int = 0


class Counted(Protocol):
    """What `Counts` needs of a session."""

    counts: SessionCounts
    bytes_in: int
    bytes_out: int
    # What was seen of it before, for `Counts` alone.
    counted: tuple[int, ...]

    @property
    def counted_as(self) -> bytes | None:
        """Its device's id; None while it only enrols."""


@dataclass(slots=True)
class DeviceMinute:
    """What one device sent within a minute, over all its sessions in this process. Bytes are those of its frames."""

    messages: int = 0
    requests: int = 0
    bytes: int = 0


class Delays:
    """How often something took how long. Units: seconds."""

    def __init__(self, buckets: Sequence[int] | None = None, total: float = 0.0) -> None:
        self.buckets = list(buckets) if buckets is not None else [0] * BUCKETS
        # All delays together.
        self.total = total

    def add(self, seconds: float) -> None:
        """One more."""
        self.total += seconds
        if seconds <= LEAST_SECONDS:
            self.buckets[0] += 1
        else:
            self.buckets[min(BUCKETS - 1, int(math.log(seconds / LEAST_SECONDS) * _PER_LOG))] += 1

    def since(self, before: "Delays") -> "Delays":
        """What came after `before` was copied."""
        pairs = zip(self.buckets, before.buckets, strict=True)
        return Delays([now - then for now, then in pairs], self.total - before.total)

    def copy(self) -> "Delays":
        """The same, to stay as it is."""
        return Delays(self.buckets, self.total)

    def quantile(self, share: float) -> float | None:
        """The delay that this share of all did not exceed, right to 5 %; None when there was none."""
        wanted = math.ceil(share * sum(self.buckets))
        if wanted == 0:
            return None
        number = next(number for number, sofar in enumerate(accumulate(self.buckets)) if sofar >= wanted)
        return LEAST_SECONDS * WIDER ** (number + 0.5)


@dataclass(frozen=True)
class Minute:
    """What one process did from a whole minute on, for at most a minute. Units: `begin` seconds since 1970."""

    begin: int
    # At most at once, as far as anybody looked: devices with a session, and sessions.
    people: int = 0
    sessions: int = 0
    connections: int = 0
    handshakes: int = 0
    # Rows stored; requests that came; rows handed out; bytes of frames; touches of tripwires and decoys.
    messages: int = 0
    requests: int = 0
    deliveries: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    scans: int = 0
    # Who was turned away, by where or why.
    refused: dict[str, int] = field(default_factory=dict)
    # From a message's coming to its acknowledgement.
    delays: Delays = field(default_factory=Delays)
    # By device id: only those that sent something.
    devices: dict[bytes, DeviceMinute] = field(default_factory=dict)


class Counts:
    """Everything this process did since it started. Used on the event loop's thread; others may read."""

    def __init__(self) -> None:
        self.connections = self.handshakes = self.scans = 0
        self.messages = self.requests = self.deliveries = 0
        self.bytes_in = self.bytes_out = 0
        self.refused: Counter[str] = Counter()
        self.delays = Delays()
        # Of the devices, only since `take_devices`.
        self._devices: dict[bytes, DeviceMinute] = {}

    def refuse(self, why: str) -> None:
        """Somebody was turned away. `why` is one of few fixed words."""
        self.refused[why] += 1

    def see(self, session: Counted) -> None:
        """Add what a session did since it was last seen: at each look, and when it ends."""
        counts = session.counts
        now = (counts.messages, counts.requests, counts.deliveries, session.bytes_in, session.bytes_out)
        messages, requests, deliveries, bytes_in, bytes_out = map(int.__sub__, now, session.counted)
        session.counted = now
        self.requests += requests
        self.deliveries += deliveries
        self.bytes_in += bytes_in
        self.bytes_out += bytes_out
        if bytes_in and session.counted_as is not None:
            device = self._devices.setdefault(session.counted_as, DeviceMinute())
            device.messages += messages
            device.requests += requests
            device.bytes += bytes_in

    def take_devices(self) -> dict[bytes, DeviceMinute]:
        """What each device did since the last call."""
        devices, self._devices = self._devices, {}
        return devices

    def devices_now(self) -> dict[bytes, DeviceMinute]:
        """The same, without taking it."""
        return self._devices

    def copy(self) -> "Counts":
        """The numbers as they are now, devices apart."""
        copy = Counts()
        for name in NUMBERS:
            setattr(copy, name, getattr(self, name))
        copy.refused = Counter(self.refused)
        copy.delays = self.delays.copy()
        return copy

    def since(self, before: "Counts", begin: int, people: int, sessions: int) -> Minute:
        """What was counted after `before` was copied, as the minute that began at `begin`."""
        numbers = {name: getattr(self, name) - getattr(before, name) for name in NUMBERS}
        refused = dict(Counter(self.refused) - before.refused)
        delays = self.delays.since(before.delays)
        return Minute(begin, people, sessions, **numbers, refused=refused, delays=delays, devices=self._devices)
