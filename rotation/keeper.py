"""The keeper: makes the open ports of this process be what the rows say, and lets its sessions know.

The decider (services.tick) says what should be. Neither needs the other to be quick, and both may die and start again:
all they know stands in the rows.
"""

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from daphne.server import Server  # noqa: F401  (installs the asyncio reactor, so before any other part of Twisted)
from twisted.internet.error import CannotListenError

from chat.hub import Hub
from clawchat.ending import end_tasks
from clawchat.protocol.errors import Unavailable
from clawchat.protocol.schedule import LeaseState
from discovery.services import published_bytes

from .models import PortLease
from .services import nodes, tick

logger = logging.getLogger(__name__)

IDLE_SECONDS = 1.0
MOVING_SECONDS = 0.25
ALIVE_SECONDS = 5.0
LAST_DECISION_SECONDS = 3.0
COMING_UP = {LeaseState.PLANNED, LeaseState.BOUND, LeaseState.ANNOUNCED}
MOVING = {*COMING_UP, LeaseState.DRAINING}


class Ports(Protocol):
    """What opens and closes sockets."""

    connections: int

    def open_chat(self, host: str, number: int, path: str) -> None:
        """Listen. Raises: CannotListenError."""

    async def close_chat(self, number: int) -> None:
        """Stop listening."""


class Database(Protocol):
    """What runs a function in a thread that may ask the database."""

    async def run(self, function: Callable, *arguments: object) -> Any:
        """What the function returns."""


class Keeper:
    """The keeper of one node.

    `interface` is the address that ports listen on. When no decider has run for `quiet_seconds` of the monotonic clock,
    the keeper runs a pass itself: a stopped worker, or a wall clock that was set back, must not stop the port.
    """

    def __init__(
        self,
        node_pk: int,
        interface: str,
        ports: Ports,
        hub: Hub,
        database: Database,
        quiet_seconds: float,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._node_pk, self._interface = node_pk, interface
        self._ports, self._hub, self._database = ports, hub, database
        self._quiet_seconds = quiet_seconds
        self._clock, self._monotonic = clock, monotonic
        # The leases whose ports listen, and what sessions have been told, as (lease, occasion).
        self._held: dict[int, PortLease] = {}
        self._told: set[tuple[int, str]] | None = None
        # The decider: how many passes there were, how many were ours, when others and when anybody last ran one.
        self._ticks: int | None = None
        self._our_ticks = 0
        self._others_seen_at: float | None = None
        self._ticked_at: float | None = None
        self._deciding: asyncio.Future | None = None
        self._decide_again = False
        self._alive_at: float | None = None
        self._wake = asyncio.Event()
        self._keeping: asyncio.Task | None = None
        # The lease that clients are sent to, and whether it is the one that the decider wants.
        self.current: PortLease | None = None
        self.is_open = asyncio.Event()

    # Life

    def start(self) -> None:
        """Begin to keep the ports."""
        self._keeping = asyncio.ensure_future(self._keep())

    async def stop(self) -> None:
        """Open and close nothing any more. Ports are left as they are."""
        if self._keeping is not None:
            await end_tasks([self._keeping])

    async def depart(self) -> None:
        """Wait for what is being decided, and say that this node goes."""
        self._decide_again = False
        if self._deciding is not None:
            await asyncio.wait([self._deciding], timeout=LAST_DECISION_SECONDS)
        await self._database.run(nodes.depart, self._node_pk, self._clock())

    async def _keep(self) -> None:
        failing = False
        while True:
            pause = IDLE_SECONDS
            try:
                pause = await self.keep_once()
                failing = False
            except Exception as error:
                # Sockets stay as they are; the next pass may do better.
                if not failing:
                    unexpected = None if isinstance(error, Unavailable) else error
                    logger.warning("the ports stay as they are: %s", error, exc_info=unexpected)
                failing = True
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    # One pass

    async def keep_once(self) -> float:
        """One pass: close, open, tell, decide, and say that we live. Returns the seconds until the next one."""
        work = await self._database.run(nodes.work_of, self._node_pk, self._clock())
        await self._close_surplus(work.leases)
        changed = await self._open_missing(work.leases)
        await self._tell(work.leases)
        self._see_to_the_decider(work.ticks, changed)
        await self._say_alive()
        self.current = next((lease for lease in work.leases if self._serves(lease)), None)
        if self.current is not None and self._ticked_at is not None and not any(map(self._is_due, work.leases)):
            self.is_open.set()
        moving = changed or any(lease.state in MOVING for lease in work.leases)
        return MOVING_SECONDS if moving else IDLE_SECONDS

    def _serves(self, lease: PortLease) -> bool:
        return lease.state == LeaseState.OPEN and lease.pk in self._held

    def _is_due(self, lease: PortLease) -> bool:
        return lease.state in COMING_UP and lease.opens_at.timestamp() <= self._clock()

    async def _close_surplus(self, leases: Iterable[PortLease]) -> None:
        """Stop listening where no lease asks for it any more, and send the last sessions there elsewhere."""
        wanted = {lease.pk for lease in leases}
        for pk in [pk for pk in self._held if pk not in wanted]:
            port = self._held.pop(pk).port
            await self._ports.close_chat(port)
            self._hub.close_port(port)
            logger.info("port %d is closed", port)

    async def _open_missing(self, leases: Iterable[PortLease]) -> bool:
        """Listen on every leased port that does not; True when a row has changed."""
        changed = False
        for lease in leases:
            if lease.pk not in self._held:
                changed |= await self._open(lease)
        return changed

    async def _open(self, lease: PortLease) -> bool:
        try:
            self._ports.open_chat(self._interface, lease.port, lease.path)
        except CannotListenError as error:
            problem = f"Port {lease.port} cannot be opened: {error.socketError}."
            logger.warning("%s Another one will be taken.", problem)
            return await self._database.run(nodes.note_failed, lease, problem, self._clock())
        # Held before the row says so: if it does not, because somebody let the lease go, the next pass closes the port.
        self._held[lease.pk] = lease
        logger.info("port %d is open", lease.port)
        if lease.state != LeaseState.PLANNED:
            return False
        return await self._database.run(nodes.note_bound, lease, self._clock())

    async def _tell(self, leases: Iterable[PortLease]) -> None:
        """Hand the published file to our sessions when a port is announced, when it takes over, and once more before
        the old one closes, for whoever has connected meanwhile by an older file."""
        occasions = {occasion for lease in leases if (occasion := self._occasion(lease))}
        if self._told is None:
            # Just started: there is nobody to tell.
            self._told = occasions
        elif occasions - self._told:
            connection_file = await self._database.run(published_bytes)
            if connection_file is not None:
                self._hub.announce_port(connection_file)
        self._told = occasions

    def _occasion(self, lease: PortLease) -> tuple[int, str] | None:
        if lease.state in (LeaseState.ANNOUNCED, LeaseState.OPEN):
            return lease.pk, lease.state
        if lease.state == LeaseState.DRAINING:
            left = lease.closes_at.timestamp() - self._clock()
            if left <= (lease.closes_at - lease.moved_at).total_seconds() / 2:
                return lease.pk, lease.state
        return None

    # The decider

    def _see_to_the_decider(self, ticks: int, changed: bool) -> None:
        """Run a pass of the decider when a row of ours has changed, or when nobody else runs one."""
        if not self._is_deciding:
            self._count(ticks)
        if changed or self._is_quiet_since(self._ticked_at):
            self._decide()

    @property
    def _is_deciding(self) -> bool:
        return self._deciding is not None and not self._deciding.done()

    def _count(self, ticks: int) -> None:
        """Note when the decider last ran, and when it last ran elsewhere."""
        if self._ticks is not None and ticks != self._ticks:
            self._ticked_at = self._monotonic()
            if ticks - self._ticks > self._our_ticks:
                self._others_seen_at = self._monotonic()
        self._ticks, self._our_ticks = ticks, 0

    def _is_quiet_since(self, moment: float | None) -> bool:
        return moment is None or self._monotonic() - moment >= self._quiet_seconds

    def _decide(self) -> None:
        if self._is_deciding:
            # It may have read the rows before we changed them.
            self._decide_again = True
            return
        self._decide_again = False
        # While no worker is at work, nobody else carries the file to the mirrors.
        alone = self._is_quiet_since(self._others_seen_at)
        decide = functools.partial(tick, int(self._clock()), visit_all_mirrors=alone)
        self._deciding = asyncio.ensure_future(self._database.run(decide))
        self._deciding.add_done_callback(self._decided)

    def _decided(self, deciding: asyncio.Future) -> None:
        if not deciding.cancelled() and deciding.exception() is not None:
            logger.error("what is due could not be decided", exc_info=deciding.exception())
        else:
            self._our_ticks += 1
        if self._decide_again:
            self._decide()
        self._wake.set()

    async def _say_alive(self) -> None:
        if self._alive_at is None or self._monotonic() - self._alive_at >= ALIVE_SECONDS:
            self._alive_at = self._monotonic()
            await self._database.run(nodes.keep_alive, self._node_pk, self._ports.connections, self._clock())
