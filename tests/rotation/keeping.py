"""A keeper of fake ports and a fake hub, taken a pass at a time."""

import errno
import os
from types import SimpleNamespace

from twisted.internet.error import CannotListenError

from clawchat.protocol.errors import Unavailable
from rotation.deciding import Deciding
from rotation.keeper import Keeper
from rotation.models import PortLease
from tests.fakes import Clock
from tests.rotation.rows import House, T

QUIET_SECONDS = 10
LOOPBACK = "127.0.0.1"


class FakePorts:
    """A reactor's ports: `taken` ones cannot be opened."""

    def __init__(self) -> None:
        self.open: dict[int, str] = {}
        self.taken: set[int] = set()
        # Why every port is refused; 0 while none is.
        self.trouble = 0
        self.tripwires: set[int] = set()
        self.lost: set[int] = set()
        self.connections = 0
        # Every socket that was opened or closed, in order.
        self.done: list[tuple[str, int]] = []

    def open_chat(self, host: str, number: int, path: str, tripwire: bool = False) -> None:
        number_of_error = self.trouble or (errno.EADDRINUSE if number in self.taken else 0)
        if number_of_error:
            raise CannotListenError(host, number, OSError(number_of_error, os.strerror(number_of_error)))
        assert number not in self.open
        self.open[number] = path
        self.done.append(("open", number))
        if tripwire:
            self.tripwires.add(number)

    def arm_chat(self, number: int) -> None:
        assert number in self.open
        self.tripwires.add(number)

    def is_listening(self, number: int) -> bool:
        return number not in self.lost

    async def close_chat(self, number: int) -> None:
        del self.open[number]
        self.done.append(("close", number))
        self.tripwires.discard(number)
        self.lost.discard(number)


class FakeHub:
    """A hub that notes what its sessions would be told."""

    def __init__(self) -> None:
        self.told: list[bytes] = []
        self.closed: list[int] = []
        self.keys = SimpleNamespace(kid=bytes(8))

    def announce_port(self, connection_file: bytes) -> None:
        self.told.append(connection_file)

    def close_port(self, port: int) -> None:
        self.closed.append(port)


class Here:
    """Runs database functions on the spot."""

    is_away = False

    async def run(self, function, *arguments):
        if self.is_away:
            raise Unavailable("the database does not answer")
        return function(*arguments)


class Home:
    """A keeper with all that surrounds it. The decider runs when the test says so, and is counted when it is asked."""

    def __init__(self, house: House, monkeypatch) -> None:
        self.house, self.ports, self.hub, self.database = house, FakePorts(), FakeHub(), Here()
        self.clock, self.monotonic = Clock(T), Clock(0)
        self.asked: list[bool] = []
        monkeypatch.setattr(Deciding, "decide", self._note_that_it_was_asked)
        # Which leases listen, after each pass.
        self.heard: list[list[PortLease]] = []
        self.restart()

    def restart(self) -> None:
        """A new process: no port is open, no session is there."""
        self.ports.open.clear()
        self.ports.tripwires.clear()
        self.ports.done.clear()
        self.keeper = Keeper(
            self.house.node_pk,
            LOOPBACK,
            self.ports,
            self.hub,
            self.database,
            QUIET_SECONDS,
            self.clock,
            self.monotonic,
            self.heard.append,
        )

    def keep(self, now: float | None = None) -> float:
        """One pass of the keeper; returns the pause until the next."""
        self.clock.now = self.clock.now if now is None else now
        return run_now(self.keeper.keep_once())

    def move(self, now: float) -> None:
        """Everything that can happen at `now`: the decider and the keeper in turns."""
        for _ in range(3):
            self.house.tick(int(now))
            self.keep(now)

    def _note_that_it_was_asked(self) -> None:
        deciding = self.keeper._deciding
        self.asked.append(deciding.is_quiet_since(deciding.others_seen_at))


def run_now(work):
    """The result of a coroutine that never has to wait; without a running loop the database may be asked here."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits for something")
