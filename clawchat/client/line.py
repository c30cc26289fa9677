"""Keeps one connection to the server: finds it, follows the moving port, comes back after every loss."""

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import Coroutine
from functools import partial
from typing import Any, Protocol

import aiohttp

from clawchat.ending import end_tasks
from clawchat.protocol.connection_file import Endpoint
from clawchat.protocol.endpoint_choice import move_pause
from clawchat.protocol.errors import ClawChatError, Limit, Rediscover, Revoked, Unauthentic
from clawchat.protocol.frame import Frame
from clawchat.protocol.keys import IdentityPublic
from clawchat.protocol.retry import retry_seconds

from .back_off import FIRST_PAUSE_SECONDS, BackOff, jitter
from .connection import Connection
from .device import Device
from .dial import Proven
from .discovery import Finder
from .entrance import Entrance
from .errors import ConnectionLost, InvitationRefused
from .race import Look, Race, Tell
from .stay import Stay

logger = logging.getLogger(__name__)

# How long a message or request may stay unanswered on the old connection before it is repeated on the new one.
QUIET_SECONDS = 2.0
# A port that should take us and does not is tried again before the old one closes.
LONGEST_MOVE_RETRY_SECONDS = 2.0
LONGEST_LIMIT_SECONDS = 300
# A connection that held so long was a good one: the next pause is a short one again.
STEADY_SECONDS = 10.0
# An invitation that was refused so often was used already, or cancelled.
ENROLMENT_REFUSALS = 3


class User(Protocol):
    """Whom a line serves."""

    async def take(self, connection: Connection, frame: Frame) -> None:
        """A frame came; during a move those of two connections come in turn."""

    async def prepare(self, connection: Connection) -> None:
        """Resume on this connection, before it is used, whatever must go on there."""

    def switched(self) -> None:
        """From now on another connection carries everything; what was unanswered is sent again."""


class Line:
    """One connection at a time, two while the port moves: the new one is made before the old one is broken.

    Lost connections are made again from the cached connection file first, then from the mirrors, with doubling pauses
    and jitter. Spec: 3.7, 3.8, 3.15
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        finder: Finder,
        device: Device,
        user: User,
        *,
        client_name: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.status = "offline"
        # What went wrong last, None while all is well.
        self.problem: ClawChatError | None = None
        self._http = http
        self._finder = finder
        self._device = device
        self._user = user
        self._entrance = Entrance(http, finder, device, client_name=client_name, tls=tls)
        self._current: Connection | None = None
        self._readers: dict[Connection, asyncio.Task[ClawChatError]] = {}
        self._usable = asyncio.Event()
        self._moved = asyncio.Event()
        self._must_look_again = False
        self._back_off = BackOff(urgent=True)
        # Dials that another one overtook; they end by themselves.
        self._losers: set[asyncio.Task[Connection]] = set()

    @property
    def endpoint(self) -> Endpoint | None:
        """Where the connection in use goes to, None while there is none."""
        return self._current.endpoint if self._current is not None and not self._current.over else None

    async def usable(self) -> Connection:
        """The connection to send on, waiting until there is one."""
        while self._current is None or self._current.over or not self._usable.is_set():
            if self._current is None or self._current.over:
                self._usable.clear()
            await self._usable.wait()
        return self._current

    def port_has_moved(self) -> None:
        """A newer connection file is known: go where it says, without a gap."""
        self._moved.set()

    async def run(self) -> None:
        """Keep the line until cancelled.

        Raises: revoked, or unauthentic for an invitation, which no further try would change.
        """
        self.status = "connecting"
        try:
            while True:
                connection = await self._reach()
                since = time.monotonic()
                self._use(connection)
                reason = await self._hold(connection)
                logger.info("the connection ended: %s", reason)
                self.status, self.problem = "connecting", reason
                self._finder.lost = self._current.endpoint if self._current is not None else None
                if isinstance(reason, Revoked):
                    raise reason
                if time.monotonic() - since > STEADY_SECONDS:
                    self._back_off.reset()
                self._must_look_again = isinstance(reason, Rediscover)
                # A port that was given up is no reason to wait long.
                pause = FIRST_PAUSE_SECONDS * jitter() if self._must_look_again else self._pause_after(reason)
                await self._rest(pause)
        finally:
            self.status = "offline"
            made = list(self._readers)
            await end_tasks([*self._readers.values(), *self._losers])
            # Also one that was made in the very turn in which this was ended, and that nobody uses yet.
            for connection in made:
                await connection.close()

    async def close(self) -> None:
        """End the connection in good order."""
        if self._current is not None:
            await self._current.close()

    # Reaching the server

    async def _reach(self) -> Connection:
        refusals = 0
        while True:
            try:
                return await self._find()
            except Revoked:
                raise
            except ClawChatError as error:
                self.problem = error
                refusals += isinstance(error, InvitationRefused)
                if refusals >= ENROLMENT_REFUSALS and self._device.credentials is None:
                    raise
                pause = self._pause_after(error)
                logger.info("not connected: %s; next try in %.1f s", error, pause)
                await self._rest(pause)

    async def _rest(self, seconds: float) -> None:
        """Wait before the next try, or until there is a newer file to try it with."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._moved.wait()
        self._moved.clear()

    async def _find(self) -> Connection:
        """A connection to any port of the last file, or of a newer one."""

        async def look(tell: Tell) -> list[Endpoint]:
            return self._finder.order((await self._finder.fetch(self._http, tell)).endpoints)

        look_first, self._must_look_again = self._must_look_again, False
        return await self._race(self._known(), look, look_first=look_first)

    def _known(self) -> list[Endpoint]:
        return self._finder.order(self._finder.known.endpoints) if self._finder.known is not None else []

    async def _race(
        self, endpoints: list[Endpoint], look: Look | None = None, *, look_first: bool = False
    ) -> Connection:
        """A connection under the identity to go by; under the one before it when every port keeps its gate closed.

        A server that was restored from a backup may know nothing of the one that follows.
        Spec: 3.2
        """
        self._finder.check()
        closed = asyncio.Event()
        race = Race(partial(self._dial, self._device.pins[0], closed), look)
        try:
            return await self._run(race, race.run(endpoints, look_first=look_first))
        except ClawChatError as error:
            former = self._device.pins[1:]
            if not former or not closed.is_set() or isinstance(error, Revoked | Limit):
                raise
        race = Race(partial(self._dial, former[0], closed))
        return await self._run(race, race.run(endpoints if look is None else self._known()))

    async def _run(self, race: Race, running: Coroutine[Any, Any, Connection]) -> Connection:
        try:
            return await running
        finally:
            for loser in race.losers:
                self._losers.add(loser)
                loser.add_done_callback(self._let_go)

    def _let_go(self, loser: asyncio.Task[Connection]) -> None:
        self._losers.discard(loser)
        if not loser.cancelled():
            # Looked at, or asyncio would complain of an error that nobody saw.
            loser.exception()

    async def _dial(self, pin: IdentityPublic, closed: asyncio.Event, endpoint: Endpoint, proven: Proven) -> Connection:
        """A connection to the server of this identity at this endpoint, prepared for use.

        It is made under the device's own PSK. `closed` is set when somebody there does not take the identity.
        """
        self._finder.check()
        began, has_proved = time.monotonic(), False

        async def note() -> None:
            nonlocal has_proved
            has_proved = True
            self._finder.proved(endpoint, time.monotonic() - began)
            await proven()

        try:
            connection = await self._entrance.enter(endpoint, pin, note)
        except (Unauthentic, ConnectionLost):
            # A server hangs up on whom it does not know, without a word.
            if not has_proved:
                closed.set()
            raise
        self._finder.authenticated(connection.handshake.clock_offset_ms)
        self._read(connection)
        try:
            await self._user.prepare(connection)
        except BaseException as error:
            await connection.close()
            reason = await self._readers.pop(connection)
            # Why the connection ended says more than that it did.
            raise (reason if isinstance(error, ConnectionLost) else error) from None
        return connection

    def _read(self, connection: Connection) -> None:
        async def take(frame: Frame) -> None:
            await self._user.take(connection, frame)

        self._readers[connection] = asyncio.create_task(connection.run(take))

    # Holding and moving

    def _use(self, connection: Connection) -> None:
        self._current = connection
        self._finder.lost = None
        self.status, self.problem = "connected", None
        self._user.switched()
        self._usable.set()

    async def _hold(self, connection: Connection) -> ClawChatError:
        """Keep the connection, over any number of moves, and return why it ended at last."""
        stay = Stay(self._finder, connection.endpoint)
        while True:
            reader = self._readers[connection]
            moved = asyncio.create_task(self._moved.wait())
            try:
                await asyncio.wait({reader, moved}, timeout=stay.seconds, return_when=asyncio.FIRST_COMPLETED)
            finally:
                moved.cancel()
            if reader.done():
                self._readers.pop(connection, None)
                return reader.result()
            self._moved.clear()
            before, connection = connection, await self._consider(connection, stay)
            if connection is not before:
                stay = Stay(self._finder, connection.endpoint)

    async def _consider(self, connection: Connection, stay: Stay) -> Connection:
        """The connection to go on with: another one when this one's port is to be left and it worked."""
        is_over = stay.is_over
        if is_over:
            stay.put_off()
            if not stay.is_calm:
                await self._look()
        if stay.is_calm:
            # Whatever has led us here may still be so: no hurry, and one try at a time.
            return await self._leave(connection, stay, once=True) if is_over else connection
        return await self._leave(connection, stay)

    async def _look(self) -> None:
        """Nobody has told us that our port retires, and it is late for that: see what the mirrors have."""
        try:
            await self._finder.fetch(self._http)
        except ClawChatError as error:
            logger.info("no newer connection file: %s", error)

    async def _leave(self, old: Connection, stay: Stay, *, once: bool = False) -> Connection:
        """The connection that goes where the newest file says; the old one while no other can be made."""
        if not self._finder.better(old.endpoint):
            return old
        back_off, reader = BackOff(longest_seconds=LONGEST_MOVE_RETRY_SECONDS), self._readers[old]
        await asyncio.wait({reader}, timeout=move_pause(stay.left, jitter()))
        while not old.over and (better := self._finder.better(old.endpoint)):
            self.status = "moving"
            try:
                return await self._switch(old, await self._race(better))
            except Revoked:
                raise
            except ClawChatError as error:
                self.problem = error
                logger.info("no other port takes us yet: %s", error)
            if once:
                break
            await asyncio.wait({reader}, timeout=back_off.next_pause())
        if not old.over:
            self.status, self.problem = "connected", None
        return old

    async def _switch(self, old: Connection, new: Connection) -> Connection:
        # Nothing is sent until the old connection has answered for what it carries: a message that is still under way
        # there must not be overtaken by a later one here.
        self._usable.clear()
        await old.quiet(QUIET_SECONDS)
        self._use(new)
        await old.close()
        reader = self._readers.pop(old, None)
        if reader is not None:
            await asyncio.wait({reader}, timeout=QUIET_SECONDS)
            reader.cancel()
        return new

    def _pause_after(self, reason: ClawChatError) -> float:
        """How long to wait after this end or failure; a server that is full says itself when to come again."""
        pause = self._back_off.next_pause()
        if isinstance(reason, Limit):
            pause += min(retry_seconds(reason.text), LONGEST_LIMIT_SECONDS)
        return pause
