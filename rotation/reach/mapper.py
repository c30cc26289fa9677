"""The mapper: has the router let in what is open here, and nothing else. It never keeps a port waiting."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from clawchat.ending import end_tasks
from clawchat.protocol.errors import Unavailable
from clawchat.protocol.schedule import LeaseState
from rotation.models import LeaseKind, PortLease

from .router import NoAnswer, Refused, Router, RouterError, Taken

logger = logging.getLogger(__name__)

# A router that restarts has forgotten us: it is asked this often whether it has.
LONGEST_WATCH_SECONDS, WATCHES_PER_LEASE = 30.0, 20
# Nobody answered: asked again after so long, twice as long each time.
SHORTEST_SEARCH_SECONDS, LONGEST_SEARCH_SECONDS = 5.0, 300.0
# The router refused: asked again after so long.
REFUSED_SECONDS = 60.0
STOP_SECONDS = 5.0

# Ports by which people come in are let in before those on which only scanners should show up.
SERVING = (LeaseState.OPEN, LeaseState.ANNOUNCED, LeaseState.BOUND, LeaseState.PLANNED, LeaseState.DRAINING)


class Notes(Protocol):
    """Where it is written down."""

    async def mapped(self, lease_pk: int, how: str, until: float | None) -> None:
        """The router lets this port in until then, or for good."""

    async def unmapped(self, ports: Sequence[int]) -> None:
        """It does not let these in."""

    async def refused(self, lease_pk: int, problem: str) -> None:
        """It does not want to."""

    async def taken(self, lease_pk: int, problem: str) -> None:
        """It lets somebody else in there."""

    async def leftovers(self) -> list[int]:
        """Ports that were let in and are open no more."""

    async def address(self, address: str) -> None:
        """Its address on the other side."""


@dataclass
class Mapping:
    """A port that the router lets in, or has been asked to. Times are of the monotonic clock; None: for good."""

    router: Router
    renew_at: float
    until: float | None


class Mapper:
    """Keeps the router's table as `want` says. `find` finds the ways to speak with it; `seconds` is how long a port is
    let in unless it is renewed, which happens at half of that."""

    def __init__(
        self,
        find: Callable[[], Awaitable[list[Router]]],
        notes: Notes,
        seconds: int,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._find, self._notes, self._seconds = find, notes, seconds
        self._clock, self._monotonic = clock, monotonic
        # What the keeper holds open, by port, those that serve first; None until it has said so.
        self._wanted: dict[int, PortLease] | None = None
        self._mappings: dict[int, Mapping] = {}
        # When a port that was refused is asked for again.
        self._again_at: dict[int, float] = {}
        self._watch_at = self._search_at = 0.0
        self._search_pause = SHORTEST_SEARCH_SECONDS
        self._wake = asyncio.Event()
        self._working: asyncio.Task | None = None
        # What the self-check may ask: the ways to our router, its address on its other side, why nobody answers.
        self.routers: list[Router] = []
        self.external_address = ""
        self.problem = ""

    # Life

    def start(self) -> None:
        """Begin."""
        self._working = asyncio.ensure_future(self._work())

    async def stop(self) -> None:
        """End, and have the router let nothing in any more, as far as it answers in time."""
        if self._working is not None:
            await end_tasks([self._working])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self._unmap(list(self._mappings))
        if self._mappings:
            logger.warning("the router still lets in %s: it does not answer", _list(self._mappings))

    def want(self, leases: Iterable[PortLease]) -> None:
        """These ports are open now."""
        wanted = {lease.port: lease for lease in sorted(leases, key=_rank)}
        if self._wanted is None or wanted.keys() != self._wanted.keys():
            self._wake.set()
        self._wanted = wanted

    async def _work(self) -> None:
        while True:
            pause = SHORTEST_SEARCH_SECONDS
            try:
                pause = await self.work_once()
            except Unavailable as error:
                logger.debug("what the router lets in cannot be written down: %s", error)
            except Exception:
                logger.exception("the router could not be seen to")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            self._wake.clear()

    # One pass

    async def work_once(self) -> float:
        """One pass: find the router, end what is closed, let in what is open, renew, watch. Returns the seconds until
        the next one."""
        if self._wanted is None:
            return LONGEST_WATCH_SECONDS
        try:
            if not self.routers:
                await self._search()
            await self._unmap([port for port in self._mappings if port not in self._wanted])
            await self._watch()
            for lease in list(self._wanted.values()):
                if self._is_due(lease.port):
                    await self._map(lease)
        except NoAnswer as error:
            await self._lose_router(str(error))
        return self._pause()

    async def _search(self) -> None:
        """Find the router and end what an earlier process has left there. Raises: NoAnswer."""
        if self._monotonic() < self._search_at:
            raise NoAnswer(self.problem)
        routers = await self._find()
        self.external_address = await routers[0].external_address()
        await self._notes.address(self.external_address)
        if self.problem or not self._mappings:
            logger.info("the router answers to %s and has the address %s", routers[0].name, self.external_address)
        self.routers, self.problem, self._search_pause = routers, "", SHORTEST_SEARCH_SECONDS
        # What it lets in is asked for anew: it may be another router, or the same one after a restart.
        for port in [*self._mappings, *await self._notes.leftovers()]:
            self._mappings[port] = self._asked(routers[0])
        for router in routers:
            with contextlib.suppress(Refused):
                for port in await router.leftovers():
                    self._mappings[port] = self._asked(router)

    def _asked(self, router: Router) -> Mapping:
        """A port that the router may let in, as far as we know: it has been asked, now or before."""
        return Mapping(router, renew_at=0.0, until=self._monotonic() + self._seconds)

    async def _lose_router(self, problem: str) -> None:
        """Nobody answers: search again later, and count as closed what it lets in no longer."""
        now = self._monotonic()
        if self.problem != problem:
            logger.warning("%s", problem)
        if self.routers:
            self._search_at = now + SHORTEST_SEARCH_SECONDS
        elif now >= self._search_at:
            self._search_at = now + self._search_pause
            self._search_pause = min(2 * self._search_pause, LONGEST_SEARCH_SECONDS)
        self.routers, self.problem = [], problem
        over = [port for port, mapping in self._mappings.items() if mapping.until is not None and mapping.until <= now]
        for port in over:
            del self._mappings[port]
        if over:
            await self._notes.unmapped(over)

    async def _watch(self) -> None:
        """Let everything in anew when the router has forgotten it, or has another address. Raises: NoAnswer."""
        now = self._monotonic()
        port = next((port for port, mapping in self._mappings.items() if mapping.renew_at > now), None)
        if now < self._watch_at or port is None:
            return
        self._watch_at = now + self._watch_seconds
        with contextlib.suppress(Refused):
            if await self._mappings[port].router.has_forgotten(port):
                logger.info("the router has forgotten our ports; it is asked anew")
                for mapping in self._mappings.values():
                    mapping.renew_at = 0.0
                self._again_at.clear()
            self.external_address = await self.routers[0].external_address()
            await self._notes.address(self.external_address)

    @property
    def _watch_seconds(self) -> float:
        return min(LONGEST_WATCH_SECONDS, self._seconds / WATCHES_PER_LEASE)

    def _is_due(self, port: int) -> bool:
        now = self._monotonic()
        if port in self._mappings:
            return self._mappings[port].renew_at <= now
        return self._again_at.get(port, 0.0) <= now

    def _pause(self) -> float:
        """Seconds until something is due."""
        now = self._monotonic()
        if not self.routers:
            return max(0.0, self._search_at - now) if self._wanted or self._mappings else LONGEST_SEARCH_SECONDS
        times = [mapping.renew_at for mapping in self._mappings.values()]
        times += [at for port, at in self._again_at.items() if port in (self._wanted or {})]
        times += [self._watch_at] if self._mappings else []
        return max(0.1, min([*(at - now for at in times), LONGEST_WATCH_SECONDS]))

    # One port

    async def _map(self, lease: PortLease) -> None:
        """Have the port let in by the first way that takes it. Raises: NoAnswer."""
        port, before = lease.port, self._mappings.get(lease.port)
        problem: RouterError | None = None
        for router in self.routers:
            # Noted before it is asked for: whatever ends us now, it will be ended too.
            self._mappings[port] = before or self._asked(router)
            try:
                granted = await self._map_by(router, lease)
            except (Taken, Refused) as error:
                problem = error
                continue
            await self._note_mapped(lease, router, granted, before is None)
            return
        del self._mappings[port]
        self._again_at[port] = self._monotonic() + REFUSED_SECONDS
        await self._note_problem(lease, problem, before is None)

    async def _map_by(self, router: Router, lease: PortLease) -> int:
        """Have one router let the port in; for one that serves, a port that only scanners should touch makes room."""
        try:
            return await router.map(lease.port, self._seconds)
        except Refused:
            spare = self._spare_port() if _serves(lease) else None
            if spare is None:
                raise
            await self._unmap([spare])
            self._again_at[spare] = self._monotonic() + REFUSED_SECONDS
            return await router.map(lease.port, self._seconds)

    def _spare_port(self) -> int | None:
        """A port that the router lets in although nobody is sent there."""
        leases = (self._wanted or {}).values()
        return next((lease.port for lease in leases if lease.port in self._mappings and not _serves(lease)), None)

    async def _note_mapped(self, lease: PortLease, router: Router, granted: int, is_new: bool) -> None:
        now = self._monotonic()
        self._again_at.pop(lease.port, None)
        until = now + granted if granted else None
        self._mappings[lease.port] = Mapping(router, now + (granted or self._seconds) / 2, until)
        self._watch_at = max(self._watch_at, now + self._watch_seconds)
        await self._notes.mapped(lease.pk, router.name, self._clock() + granted if granted else None)
        if is_new:
            logger.info("the router lets port %d in", lease.port)

    async def _note_problem(self, lease: PortLease, problem: RouterError | None, is_new: bool) -> None:
        await self._notes.unmapped([lease.port])
        if not _serves(lease):
            # A scanner less to see; nobody else misses it.
            logger.debug("tripwire %d: %s", lease.port, problem)
            return
        if isinstance(problem, Taken):
            await self._notes.taken(lease.pk, str(problem))
        else:
            await self._notes.refused(lease.pk, str(problem))
        if is_new:
            logger.warning("port %d cannot be reached from outside: %s", lease.port, problem)

    async def _unmap(self, ports: Sequence[int]) -> None:
        """Have these ports let in no more; those that the router does not answer about are kept for the next try.

        Raises: NoAnswer.
        """
        ended = []
        try:
            for port in ports:
                with contextlib.suppress(Refused):
                    await self._mappings[port].router.unmap(port)
                del self._mappings[port]
                ended.append(port)
                logger.debug("the router lets port %d in no more", port)
        finally:
            if ended:
                await self._notes.unmapped(ended)


def _serves(lease: PortLease) -> bool:
    return lease.kind != LeaseKind.DECOY and lease.state in SERVING


def _rank(lease: PortLease) -> tuple[bool, int, int]:
    return not _serves(lease), SERVING.index(lease.state) if lease.state in SERVING else len(SERVING), lease.port


def _list(ports: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(ports)))
