"""Daphne with doors that come and go: two applications in one process, one table of connections, one drain."""

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import txaio
from daphne.server import Server  # installs the asyncio reactor, so before any other part of Twisted
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.logger import STDLibLogObserver, globalLogPublisher

from . import early_end
from .link import Link
from .websocket import HANDSHAKE_SECONDS, PING_INTERVAL_SECONDS, SilentWebSocket, SilentWebSocketFactory

logger = logging.getLogger(__name__)

GOING_AWAY = 1001
# How long a drain waits for sockets and running requests, for a start that is not finished, for applications to end.
DRAIN_SECONDS = 10.0
START_SECONDS = 3.0
CANCEL_SECONDS = 2.0
DRAIN_POLL_SECONDS = 0.05
HTTP_SECONDS = 60

Application = Callable[..., Awaitable[None]]
Step = Callable[[], Awaitable[None]]


class FrontWebSocket(WebSocketProtocol):
    """What meets a WebSocket request at the front door: the application refuses it, as it should."""

    log = txaio.make_logger(level="critical")

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        """A socket refused before its request was read has no server yet, and Daphne would raise."""
        if hasattr(self, "server"):
            super().onClose(wasClean, code, reason)


class ManagedServer(Server):
    """One Daphne whose sockets are opened and closed by others, and which drains before it ends.

    `ready` is called once its factories exist and may raise; `started` once the reactor runs. A drain awaits `closing`
    (no new connections from here on), then closes what is open, then awaits `closed`.
    """

    def __init__(
        self, front: Application, *, ready: Callable[[], None], started: Step, closing: Step, closed: Step
    ) -> None:
        # An empty list of endpoints would end the process right here; the one that is given is taken back.
        super().__init__(
            front,
            endpoints=["managed"],
            ready_callable=self._prepare,
            server_name="",
            http_timeout=HTTP_SECONDS,
        )
        self.endpoints = []
        self.draining = self._stopping = False
        self._ready, self._started = ready, started
        self._closing, self._closed = closing, closed
        self._starting: asyncio.Task | None = None
        # Why `started` did not succeed.
        self.failure: Exception | None = None

    def _prepare(self) -> None:
        # Daphne sends Twisted's log, tracebacks of timers included, to nowhere, or else all of stdout and stderr to it.
        globalLogPublisher.addObserver(STDLibLogObserver("twisted"))
        self.ws_factory.protocol = FrontWebSocket
        self._ready()
        reactor.callWhenRunning(self._begin)

    def _begin(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            # A terminal that is closed says HUP, which nohup has us ignore.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._end_soon)
        if early_end.has_come():
            self._end_soon()
        self._starting = asyncio.ensure_future(self._start())

    async def _start(self) -> None:
        try:
            await self._started()
        except Exception as error:
            self.failure = error
            self.stop()

    def _end_soon(self, *_: object) -> None:
        # In a signal's handler: between any two lines of anybody's code.
        reactor.callFromThread(self.stop)

    def stop(self) -> None:
        """Begin to end; nothing happens when that has begun already (a second signal, a start that failed meanwhile).

        Twisted's own would raise then, and its handlers of signals call it each time.
        """
        if not self._stopping:
            self._stopping = True
            super().stop()

    # The drain

    def kill_all_applications(self) -> Deferred:
        """Called by Daphne before the reactor ends, which waits for the result."""
        return Deferred.fromFuture(asyncio.ensure_future(self._drain()))

    async def _drain(self) -> None:
        self.draining = True
        if self._starting is not None:
            await asyncio.wait([self._starting], timeout=START_SECONDS)
        ends_at = time.monotonic() + DRAIN_SECONDS
        for step in (self._closing, lambda: self._close_connections(ends_at), self._end_applications, self._closed):
            try:
                await step()
            except Exception:
                logger.exception("a step of the shutdown failed")

    async def _close_connections(self, ends_at: float) -> None:
        for protocol in self._websockets():
            if isinstance(protocol, SilentWebSocket) and protocol.state == protocol.STATE_OPEN:
                protocol.close_with(GOING_AWAY)
            elif protocol.state != protocol.STATE_CLOSING:
                # Who is told goodbye already has his time to answer.
                protocol.dropConnection(abort=True)
        while time.monotonic() < ends_at and (self._websockets() or self._running_requests()):
            await asyncio.sleep(DRAIN_POLL_SECONDS)

    async def _end_applications(self) -> None:
        """Give the applications of closed sockets a moment to finish, then cancel what is left."""
        running = [
            details["application_instance"] for details in self.connections.values() if _has_application(details)
        ]
        if running:
            _, late = await asyncio.wait(running, timeout=CANCEL_SECONDS)
            for application in late:
                application.cancel()
            # What the reaper did not come to any more is taken from them here.
            await asyncio.gather(*running, return_exceptions=True)

    def _websockets(self) -> list[WebSocketProtocol]:
        return [protocol for protocol in self._connected() if isinstance(protocol, WebSocketProtocol)]

    def _running_requests(self) -> list[Any]:
        return [
            protocol
            for protocol in self._connected()
            if not isinstance(protocol, WebSocketProtocol) and _has_application(self.connections[protocol])
        ]

    def _connected(self) -> list[Any]:
        return [protocol for protocol, details in self.connections.items() if "disconnected" not in details]


def _has_application(details: dict[str, Any]) -> bool:
    """Whether Daphne's entry for a connection has an application: one that is received in part has none yet."""
    return "application_instance" in details


class ChatSide:
    """Stands where the chat ports' protocols expect the server: an application, a factory and times of its own.

    Everything else, the table of connections above all, is the one server's; so its reaper, its timeouts and its drain
    see both sides.
    """

    server_name = root_path = ""
    proxy_forwarded_address_header = None
    # The session layer ends sessions (3.6); a WebSocket may live as long as one.
    websocket_timeout = -1
    websocket_connect_timeout = HANDSHAKE_SECONDS
    ping_interval = PING_INTERVAL_SECONDS

    def __init__(self, server: ManagedServer, application: Application, origins: Collection[str]) -> None:
        self._server = server
        self._application = application
        self.origins = frozenset(origin.encode() for origin in origins)
        self._factory = SilentWebSocketFactory(self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)

    def make_websocket(self, address: IAddress) -> SilentWebSocket:
        """A WebSocket for a peer whose request was proper."""
        return self._factory.buildProtocol(address)

    def create_application(self, protocol: SilentWebSocket, scope: dict) -> asyncio.Queue | None:
        """Run the application for one connection, with its Link in the scope."""
        protocol.link = scope["clawchat"] = Link(protocol, protocol.chat_port)
        queue = Server.create_application(self, protocol, scope)
        if queue is not None:
            running = self.connections[protocol]["application_instance"]
            running.add_done_callback(lambda _: protocol.application_ended())
        return queue

    async def application(self, scope: dict, receive: Callable, send: Callable) -> None:
        """The application of one connection, with a `receive` that lets the socket be read on."""
        link: Link = scope["clawchat"]

        async def receive_and_read_on() -> dict:
            event = await receive()
            link.read_on()
            return event

        await self._application(scope, receive_and_read_on, send)
