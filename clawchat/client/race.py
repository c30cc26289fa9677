"""Dials several endpoints: the first that proves to be our server goes on, the others are let go."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from clawchat.ending import end_tasks
from clawchat.protocol.connection_file import Endpoint
from clawchat.protocol.errors import ClawChatError, Limit, Rediscover, Revoked, UnknownPeer

from .connection import Connection
from .dial import Proven
from .errors import ConnectionLost, Unreachable

# Nobody waits longer for a port that drops packets, or that accepts and is mute, before the next one is dialled too.
PATIENCE_SECONDS = 1.5
# So many silent ports, and the mirrors are asked beside the next one: a router drops what goes to ports that moved on.
MOST_SILENCES = 2
# How long one that has proven itself waits for another to fail; its server does not wait for ever either.
TURN_SECONDS = 3.0

Dial = Callable[[Endpoint, Proven], Awaitable[Connection]]
Tell = Callable[[Iterable[Endpoint]], None]
Look = Callable[[Tell], Awaitable[list[Endpoint]]]


class Overtaken(ClawChatError):
    """Another endpoint of the same race was faster."""

    code = "overtaken"


class Race:
    """One attempt to reach the server at any of several endpoints.

    `dial` makes a connection to one, and awaits what it is given before it says who we are: one dial of a race does so
    at a time, so the device never has a session too many. `look` finds further endpoints, and tells of
    some before it has them all; it is tried when the others were, or first when a tripwire says that our file is old.
    Losers run on until they notice, because a dial that breaks off before its first message looks like a stranger's.
    Spec: 3.15
    """

    def __init__(self, dial: Dial, look: Look | None = None) -> None:
        self._dial = dial
        self._look = look
        # What to begin with next; None is to look.
        self._queue: deque[Endpoint | None] = deque()
        self._seen: set[str] = set()
        self._dials: set[asyncio.Task[Connection]] = set()
        self._looking: asyncio.Task[list[Endpoint]] | None = None
        # Done when the look has told of something.
        self._told: asyncio.Future[None] | None = None
        self._turn = asyncio.Lock()
        self._turn_of: asyncio.Task[Connection] | None = None
        self._is_won = False
        self._silences = 0
        self._problem: ClawChatError | None = None

    async def run(self, endpoints: Iterable[Endpoint], *, look_first: bool = False) -> Connection:
        """The connection that is made, to the first of these endpoints that answers and goes through.

        Raises: revoked, from anywhere and at once; limit, when a server was full; what went wrong last; unreachable
        (there was nothing to try).
        """
        self._line_up(endpoints)
        if self._look is not None:
            (self._queue.appendleft if look_first else self._queue.append)(None)
        try:
            return await self._run()
        except BaseException as error:
            if self._looking is not None:
                self._looking.cancel()
            if isinstance(error, asyncio.CancelledError):
                await end_tasks(self._dials)
            raise

    @property
    def losers(self) -> set["asyncio.Task[Any]"]:
        """What goes on after the race: dials until they notice, and none of them becomes a session; and the look."""
        return {*self._dials, *((self._looking,) if self._looking is not None else ())}

    async def _run(self) -> Connection:
        hurry = True
        while True:
            if (hurry or not self._dials) and self._queue:
                self._begin(self._queue.popleft())
            running: set[asyncio.Future[Any]] = {*self._dials}
            if self._looking is not None:
                self._told = asyncio.get_running_loop().create_future()
                running |= {self._looking, self._told}
            if not running:
                raise self._problem or Unreachable("the connection file names no port to try")
            done, _ = await asyncio.wait(
                running, timeout=PATIENCE_SECONDS if self._queue else None, return_when=asyncio.FIRST_COMPLETED
            )
            # A failure is no reason to wait, nor is silence; one that has proven to be our server is given its time.
            hurry = not self._turn.locked()
            if hurry and not done:
                self._heard_nothing()
            if self._looking in done and not self._looked() and len(done) == 1:
                # What it told of before is being tried.
                hurry = False
            for dial in self._dials & done:
                self._dials.discard(dial)
                if (connection := self._outcome(dial)) is not None:
                    return connection

    def _begin(self, endpoint: Endpoint | None) -> None:
        if endpoint is not None:
            self._dials.add(asyncio.create_task(self._attempt(endpoint)))
        elif self._look is not None:
            self._looking = asyncio.ensure_future(self._look(self._tell))

    def _tell(self, endpoints: Iterable[Endpoint]) -> None:
        if self._line_up(endpoints, first=True) and self._told is not None and not self._told.done():
            self._told.set_result(None)

    def _heard_nothing(self) -> None:
        self._silences += 1
        if self._silences >= MOST_SILENCES and None in self._queue:
            self._queue.remove(None)
            self._begin(None)

    async def _attempt(self, endpoint: Endpoint) -> Connection:
        try:
            connection = await self._dial(endpoint, self._take_turn)
            self._is_won = True
            return connection
        finally:
            if self._turn_of is asyncio.current_task():
                self._turn_of = None
                self._turn.release()

    async def _take_turn(self) -> None:
        """Return when this dial may go on, and each time it asks again. Raises: overtaken."""
        if self._turn_of is asyncio.current_task():
            return
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._turn.acquire()
        except TimeoutError:
            raise Overtaken("another port goes on") from None
        if self._is_won:
            self._turn.release()
            raise Overtaken("another port was faster")
        self._turn_of = asyncio.current_task()

    def _outcome(self, dial: "asyncio.Task[Connection]") -> Connection | None:
        try:
            return dial.result()
        except Revoked:
            raise
        except Overtaken:
            return None
        except ClawChatError as error:
            if not isinstance(self._problem, Limit):
                self._problem = error
            if isinstance(error, Rediscover) and None in self._queue:
                # Our file is old, and so are the other ports it names.
                self._queue.remove(None)
                self._queue.appendleft(None)
            return None

    def _looked(self) -> bool:
        """Whether it failed, or brought what it had not told."""
        assert self._looking is not None
        looking, self._looking = self._looking, None
        try:
            return self._line_up(looking.result(), first=True)
        except ClawChatError as error:
            # What the ports said is the better reason, unless they were silent and a place has something to say of us.
            if isinstance(error, Revoked):
                raise
            was_silent = isinstance(self._problem, Unreachable | ConnectionLost)
            if self._problem is None or (was_silent and isinstance(error, UnknownPeer)):
                self._problem = error
            return True

    def _line_up(self, endpoints: Iterable[Endpoint], *, first: bool = False) -> bool:
        """Put those in the queue that were not there yet; whether there are any."""
        new = [endpoint for endpoint in endpoints if endpoint.url not in self._seen]
        self._seen.update(endpoint.url for endpoint in new)
        if first:
            self._queue.extendleft(reversed(new))
        else:
            self._queue.extend(new)
        return bool(new)
