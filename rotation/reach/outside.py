"""This node seen from outside: has the router let its ports in, finds its address there, judges whether it works."""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from django.conf import settings

from clawchat.ending import end_tasks
from rotation.models import PortLease
from rotation.services import reach

from . import addresses
from .finding import OFF, find_routers
from .gateway import own_address
from .judgement import Evidence, Verdict, judge
from .mapper import Mapper
from .router import Router, RouterError

logger = logging.getLogger(__name__)

CHECK_SECONDS = 60.0
# Ports open, routers answer: what has just changed is looked at a little later.
SETTLE_SECONDS = 2.0
ASK_AGAIN_SECONDS = 900.0
CONNECT_SECONDS = 3.0
LOOKUP_SECONDS = 3.0


class Database(Protocol):
    """What runs a function in a thread that may ask the database."""

    async def run(self, function: Callable, *arguments: object) -> Any:
        """What the function returns."""


@dataclass(frozen=True)
class _Gateway:
    """What a look at the router showed."""

    name: str = ""
    address: str = ""
    problem: str = ""


class Outside:
    """One node and the world. Without `start`, `check` alone looks at everything once."""

    def __init__(self, node_pk: int, database: Database) -> None:
        self._node_pk, self._database = node_pk, database
        self._kind = settings.CLAWCHAT_PORT_MAPPING
        self._wake = asyncio.Event()
        self._mapper: Mapper | None = None
        if self._kind != OFF:
            notes = _Rows(node_pk, database, self._wake.set)
            self._mapper = Mapper(self._find, notes, settings.CLAWCHAT_PORT_MAPPING_SECONDS)
        self._checking: asyncio.Task | None = None
        self._asked: tuple[float, str] | None = None

    def start(self) -> None:
        """Begin to have ports let in, and to look now and then whether it works."""
        if self._mapper is not None:
            self._mapper.start()
        self._checking = asyncio.ensure_future(self._check_on())

    async def stop(self) -> None:
        """End; the router lets nothing in any more, if it answers in time."""
        if self._checking is not None:
            await end_tasks([self._checking])
        try:
            if self._mapper is not None:
                await self._mapper.stop()
        except Exception:
            # Whatever goes wrong here, the server ends; what the router lets in ends by itself.
            logger.exception("the router could not be told that the ports are closed")

    def want(self, leases: Iterable[PortLease]) -> None:
        """These ports are open now. Returns at once."""
        if self._mapper is not None:
            self._mapper.want(leases)

    async def _check_on(self) -> None:
        while True:
            await asyncio.sleep(SETTLE_SECONDS)
            self._wake.clear()
            try:
                await self.check()
            except Exception as error:
                logger.debug("whether this node can be reached from outside is not known: %s", error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHECK_SECONDS):
                    await self._wake.wait()

    async def check(self) -> Verdict:
        """Whether this node can be reached from outside, looked at now and written down.

        Raises: unavailable.
        """
        gateway = await self._look_at_router()
        seen = await self._seen_address()
        outside = seen or gateway.address
        if outside:
            await self._database.run(reach.note_address, self._node_pk, outside)
        verdict = judge(await self._evidence(gateway, seen))
        if await self._database.run(reach.note_verdict, self._node_pk, verdict.reachable, verdict.because, time.time()):
            logger.info("reachable from outside: %s, because %s", verdict.reachable, verdict.because)
        return verdict

    async def _find(self) -> list[Router]:
        name = await self._database.run(reach.node_name, self._node_pk)
        return await find_routers(self._kind, f"ClawChat {name}")

    # Evidence

    async def _evidence(self, gateway: _Gateway, seen: str) -> Evidence:
        facts = await self._database.run(reach.facts, self._node_pk)
        own = own_address() or ""
        outside = seen or gateway.address
        came_back = None
        if facts.port and not facts.came_in_by and facts.mapping and outside and outside != own:
            came_back = await _connects(outside, facts.port)
        return Evidence(
            bind=settings.CLAWCHAT_BIND,
            host=facts.host,
            port=facts.port,
            came_in_by=facts.came_in_by,
            host_addresses=await _look_up(facts.host),
            is_proxied=bool(settings.CLAWCHAT_TRUSTED_PROXIES),
            own_address=own,
            asks_router=self._kind != OFF,
            router=gateway.name,
            router_address=gateway.address,
            router_problem=gateway.problem,
            is_mapped=bool(facts.mapping),
            refusal=facts.problem,
            seen_address=seen,
            came_back=came_back,
        )

    async def _look_at_router(self) -> _Gateway:
        if self._kind == OFF:
            return _Gateway()
        if self._checking is not None and self._mapper is not None:
            mapper = self._mapper
            name = mapper.routers[0].name if mapper.routers else ""
            return _Gateway(name, mapper.external_address if name else "", mapper.problem)
        try:
            routers = await self._find()
            return _Gateway(routers[0].name, await routers[0].external_address())
        except RouterError as error:
            return _Gateway(problem=str(error))

    async def _seen_address(self) -> str:
        """Our address as the operator knows it, or as others see us come, who are not asked more often than needed."""
        if settings.CLAWCHAT_EXTERNAL_ADDRESS:
            return settings.CLAWCHAT_EXTERNAL_ADDRESS
        now = time.monotonic()
        if self._asked is None or now - self._asked[0] >= ASK_AGAIN_SECONDS:
            self._asked = now, await addresses.ask(settings.CLAWCHAT_ADDRESS_URLS)
        return self._asked[1]


class _Rows:
    """The mapper's notes, as rows."""

    def __init__(self, node_pk: int, database: Database, changed: Callable[[], None]) -> None:
        self._node_pk, self._database, self._changed = node_pk, database, changed

    async def mapped(self, lease_pk: int, how: str, until: float | None) -> None:
        await self._database.run(reach.note_mapped, lease_pk, how, until)
        self._changed()

    async def unmapped(self, ports: Sequence[int]) -> None:
        await self._database.run(reach.note_unmapped, self._node_pk, list(ports))

    async def refused(self, lease_pk: int, problem: str) -> None:
        await self._database.run(reach.note_refused, lease_pk, problem)
        self._changed()

    async def taken(self, lease_pk: int, problem: str) -> None:
        await self._database.run(reach.note_taken, lease_pk, problem, time.time())
        self._changed()

    async def leftovers(self) -> list[int]:
        return await self._database.run(reach.leftover_ports, self._node_pk)

    async def address(self, address: str) -> None:
        if not settings.CLAWCHAT_EXTERNAL_ADDRESS:
            await self._database.run(reach.note_address, self._node_pk, address)


async def _connects(address: str, port: int) -> bool:
    """Whether somebody answers there. Nothing is said."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(address, port)
    except OSError:
        return False
    writer.transport.abort()
    return True


async def _look_up(host: str) -> tuple[str, ...]:
    """The IPv4 addresses of a host name; none when it cannot be looked up in time."""
    try:
        async with asyncio.timeout(LOOKUP_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, family=socket.AF_INET)
    except OSError:
        return ()
    return tuple(dict.fromkeys(str(where[0]) for *_, where in found))
