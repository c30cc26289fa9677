"""The keeper: makes the open ports of this process be what the rows say, and lets its sessions know.

The decider (services.tick) says what should be. Neither needs the other to be quick, and both may die and start again:
all they know stands in the rows.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable

from daphne.server import Server  # noqa: F401  (installs the asyncio reactor, so before any other part of Twisted)

from chat.hub import Hub
from clawchat.ending import end_tasks
from clawchat.protocol.errors import Unavailable
from clawchat.protocol.schedule import LeaseState
from discovery.services import published_bytes

from .deciding import Database, Deciding
from .listeners import Listeners, NotOpened, Ports, by_urgency
from .models import LeaseKind, PortLease
from .services import NodeWork, nodes

logger = logging.getLogger(__name__)

IDLE_SECONDS = 1.0
MOVING_SECONDS = 0.25
LEAST_SECONDS = 0.05
ALIVE_SECONDS = 2.0
COMING_UP = {LeaseState.PLANNED, LeaseState.BOUND, LeaseState.ANNOUNCED}


class Keeper:
    """The keeper of one node.

    `interface` is the address that ports listen on. When no decider has run for `quiet_seconds` of the monotonic clock,
    the keeper runs a pass itself. After each pass `hear_open` is told which leases listen.
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
        hear_open: Callable[[list[PortLease]], None] = lambda leases: None,
    ) -> None:
        self._node_pk, self._hear_open = node_pk, hear_open
        self._ports, self._hub, self._database = ports, hub, database
        self._clock, self._monotonic = clock, monotonic
        self._wake = asyncio.Event()
        self._listeners = Listeners(interface, ports)
        self._deciding = Deciding(database, quiet_seconds, clock, monotonic, self._wake.set)
        # What sessions have been told, as (what, of which file or lease); None before the first pass.
        self._told: set[tuple[str, int | None]] | None = None
        # Leases that something unexpected happened to; it is logged once.
        self._troubled: set[int] = set()
        self._alive_at: float | None = None
        self._kid_told = ""
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
        await self._deciding.finish()
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
        """One pass: close, arm, open, tell, decide, and say that we live. Returns the seconds until the next one."""
        work: NodeWork = await self._database.run(nodes.work_of, self._node_pk)
        await self._each(self._listeners.lost(), self._give_up)
        await self._each(self._listeners.surplus(work.leases), self._close)
        await self._each(work.leases, self._arm)
        changed = await self._open_missing(work.leases)
        self._say_what_listens(work.leases)
        await self._tell(work)
        self._deciding.see_to_it(work.ticks, changed)
        await self._say_alive()
        self.current = next((lease for lease in work.leases if self._serves(lease)), None)
        if (
            self.current is not None
            and self._deciding.ticked_at is not None
            and not any(map(self._is_due, work.leases))
        ):
            self.is_open.set()
        return MOVING_SECONDS if changed else self._pause(work.leases)

    async def _each(self, leases: Iterable[PortLease], step: Callable[[PortLease], Awaitable[object]]) -> int:
        """Take a step with each lease, count those whose row has changed; what goes wrong with one stops no other."""
        changed = 0
        for lease in leases:
            try:
                changed += bool(await step(lease))
            except Unavailable:
                raise
            except Exception:
                if lease.pk not in self._troubled:
                    logger.exception("port %d could not be seen to", lease.port)
                self._troubled.add(lease.pk)
        return changed

    def _pause(self, leases: Iterable[PortLease]) -> float:
        """Until a lease may have moved, or until the next moment of a grace at which something is to be done."""
        now, pause = self._clock(), IDLE_SECONDS
        for lease in leases:
            if lease.state in COMING_UP:
                return MOVING_SECONDS
            if lease.state == LeaseState.DRAINING:
                pause = min([pause, *(at - now for at in (_half(lease), lease.closes_at.timestamp()) if at > now)])
        return max(pause, LEAST_SECONDS)

    def _serves(self, lease: PortLease) -> bool:
        return lease.kind == LeaseKind.MOVING and lease.state == LeaseState.OPEN and lease in self._listeners

    def _is_due(self, lease: PortLease) -> bool:
        is_coming = lease.kind == LeaseKind.MOVING and lease.state in COMING_UP
        return is_coming and lease.opens_at.timestamp() <= self._clock()

    # Ports

    async def _give_up(self, lease: PortLease) -> None:
        """A socket is gone though nobody closed it: this pass opens the port again."""
        logger.warning("port %d has lost its socket", lease.port)
        await self._listeners.close(lease)

    async def _close(self, lease: PortLease) -> None:
        """Stop listening for a lease that is over, and send the last sessions there elsewhere."""
        try:
            await self._listeners.close(lease)
        finally:
            self._hub.close_port(lease.port)
        logger.info("port %d is closed", lease.port)

    async def _arm(self, lease: PortLease) -> None:
        """Make a tripwire of a port whose grace is over; its socket stays, the last sessions are sent elsewhere."""
        if self._listeners.arm(lease, self._clock()):
            self._hub.close_port(lease.port)
            logger.info("port %d is a tripwire", lease.port)

    async def _open_missing(self, leases: Iterable[PortLease]) -> bool:
        """Listen on every leased port that does not, or whose row does not say so; True when a row has changed."""
        missing = by_urgency(
            [lease for lease in leases if lease not in self._listeners or lease.state == LeaseState.PLANNED]
        )
        return await self._each(missing, self._open) > 0

    async def _open(self, lease: PortLease) -> bool:
        """Listen; True when the lease's row has changed."""
        # It may be held and its row not say so: the database went away in between, and is told now. When somebody let
        # the lease go meanwhile, the next pass closes the port.
        if lease not in self._listeners:
            try:
                self._listeners.open(lease, self._clock())
            except NotOpened as refusal:
                return await self._note_not_opened(lease, refusal)
            logger.info("port %d is open", lease.port)
        if lease.state != LeaseState.PLANNED:
            return False
        return await self._database.run(nodes.note_bound, lease, self._clock())

    async def _note_not_opened(self, lease: PortLease, refusal: NotOpened) -> bool:
        if refusal.passes:
            # Nobody was told of this port. Sessions that end make room, and then it is opened.
            if lease.pk not in self._troubled:
                logger.warning("%s", refusal)
            self._troubled.add(lease.pk)
            return False
        logger.warning("%s%s", refusal, "" if lease.kind == LeaseKind.FIXED else " Another one will be taken.")
        return await self._database.run(nodes.note_failed, lease, str(refusal), self._clock())

    def _say_what_listens(self, leases: Iterable[PortLease]) -> None:
        try:
            self._hear_open([lease for lease in leases if lease in self._listeners])
        except Exception:
            # It is told again with the next pass, and no port may wait for it.
            logger.exception("nobody could be told which ports listen")

    # Sessions

    async def _tell(self, work: NodeWork) -> None:
        """Hand the published file to our sessions when there is a newer one, and once more at half of a port's grace,
        for whoever has connected meanwhile by an older file."""
        occasions = {("file", work.published)}
        occasions |= {("grace", lease.pk) for lease in work.leases if self._is_grace_half_over(lease)}
        # Just started: there is nobody to tell.
        news = occasions - self._told if self._told is not None else set()
        if news:
            connection_file = await self._database.run(published_bytes)
            if connection_file is not None:
                self._hub.announce_port(connection_file)
        self._told = occasions

    def _is_grace_half_over(self, lease: PortLease) -> bool:
        return lease.state == LeaseState.DRAINING and self._clock() >= _half(lease)

    # The node

    async def _say_alive(self) -> None:
        kid = self._hub.keys.kid.hex()
        is_time = self._alive_at is None or self._monotonic() - self._alive_at >= ALIVE_SECONDS
        # Whoever waits for the new secret to be in force everywhere is told at once.
        if is_time or kid != self._kid_told:
            self._alive_at, self._kid_told = self._monotonic(), kid
            await self._database.run(nodes.keep_alive, self._node_pk, self._ports.connections, self._clock(), kid)


def _half(lease: PortLease) -> float:
    """The middle of a draining lease's grace, in seconds since 1970."""
    return (lease.moved_at.timestamp() + lease.closes_at.timestamp()) / 2
