"""Stand-ins for what surrounds the code under test: a connection without a network, a clock that is set."""

import asyncio
from collections.abc import Callable


class FakeLink:
    """A chat connection as `scope["clawchat"]` shows it; what is sent waits in `sent`."""

    def __init__(self, address: str = "127.0.0.1", port: int = 50000, tripwire: bool = False) -> None:
        self.address, self.port, self.tripwire = address, port, tripwire
        self.secure = False
        self.writable = True
        self.on_writable: Callable[[], None] | None = None
        self.sent: asyncio.Queue[bytes] = asyncio.Queue()
        self.is_authenticated = False
        # The close code, once the server closed; aborted tells of a reset.
        self.closed: int | None = None
        self.aborted = False
        self.ended = asyncio.Event()

    def judged(self) -> None:
        """There is no guard here."""

    def authenticated(self) -> None:
        """Note that the limits for strangers were lifted."""
        self.is_authenticated = True

    def send(self, data: bytes) -> None:
        """Keep what was sent."""
        if not self.ended.is_set():
            self.sent.put_nowait(data)

    def close(self, code: int, reason: str = "") -> None:
        """Note the close code."""
        if not self.ended.is_set():
            self.closed = code
            self.ended.set()

    def abort(self) -> None:
        """Note the reset."""
        if not self.ended.is_set():
            self.aborted = True
            self.ended.set()

    def block(self) -> None:
        """The peer takes nothing more."""
        self.writable = False

    def drain(self) -> None:
        """The peer takes more again."""
        self.writable = True
        if self.on_writable is not None:
            self.on_writable()


class Clock:
    """A steady clock that stands still until it is told to go on. Units: seconds."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
