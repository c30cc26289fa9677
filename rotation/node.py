"""One server process: front door, chat ports, keeper, hub and Celery child; how they start, and how they end."""

import asyncio
import contextlib
import gc
import logging
import signal
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

from daphne.server import Server  # noqa: F401  (installs the asyncio reactor, so before any other part of Twisted)
from django.conf import settings
from django.utils.module_loading import import_string
from twisted.internet import reactor

from chat.database import DatabaseThreads
from chat.hub import get_hub
from clawchat.ending import end_tasks

from . import pins
from .keeper import Keeper
from .models import PortLease
from .ports import Ports
from .proxies import behind_proxies
from .reach.outside import Outside
from .sentry import Sentry
from .server import ChatSide, ManagedServer
from .services import troubles
from .services.nodes import name_of, note_certificates
from .services.tls_kind import withdraw_replaced
from .tls import context_source
from .worker import CeleryChild

# How long the greeting waits for the first port.
FIRST_PORT_SECONDS = 5.0
# Beat runs the decider each tick; after two that did not come, the keeper decides.
LEAST_QUIET_SECONDS = 1.0
USUAL_PORTS = {"http": 80, "https": 443}
EVERY_ADDRESS = {str(IPv4Address(0)), str(IPv6Address(0))}


class NotSilent(Exception):
    """The chat ports would answer strangers; the text says why."""


class NodeProcess:
    """Everything that one process runs. `greet` is called once the port is open, or with None when that takes long.

    Raises: TlsProblem.
    """

    def __init__(self, node_pk: int, greet: Callable[[PortLease | None], None], with_worker: bool) -> None:
        self._node_pk, self._greet = node_pk, greet
        self._hub = get_hub()
        self._database = DatabaseThreads()
        self._server = ManagedServer(
            behind_proxies(import_string(settings.ASGI_APPLICATION), settings.CLAWCHAT_TRUSTED_PROXIES),
            ready=self._ready,
            started=self._started,
            closing=self._closing,
            closed=self._closed,
        )
        self._side = ChatSide(self._server, import_string(settings.CLAWCHAT_SOCKET_APPLICATION), front_origins())
        self._tls = context_source()
        self._tls_watch: asyncio.Task | None = None
        self._ports = Ports(
            self._server,
            self._side,
            reactor,
            self._hub.strangers.count,
            self._hub.is_refused,
            tls=self._tls if settings.CLAWCHAT_CHAT_TLS else None,
            front_tls=self._tls if settings.CLAWCHAT_FRONT_TLS else None,
            proxies=settings.CLAWCHAT_TRUSTED_PROXIES,
        )
        quiet_seconds = max(LEAST_QUIET_SECONDS, 2 * settings.CLAWCHAT_TICK_SECONDS)
        self._outside = Outside(node_pk, self._database)
        self._sentry = Sentry(node_pk, self._ports, self._hub, self._database)
        self._keeper = Keeper(
            node_pk,
            settings.CLAWCHAT_BIND,
            self._ports,
            self._hub,
            self._database,
            quiet_seconds,
            hear_open=self._outside.want,
        )
        self._worker = CeleryChild(settings.BASE_DIR) if with_worker else None
        self._has_hub = False
        self._greeting: asyncio.Task | None = None
        self._worker_ending: asyncio.Task | None = None

    def run(self) -> None:
        """Serve until SIGTERM, SIGINT or SIGHUP, then drain.

        Raises: NotSilent; CannotListenError (the front door); whatever kept it from starting.
        """
        log_level = logging.DEBUG if settings.CLAWCHAT_DEBUG_SERVER else logging.WARNING
        for name in ("daphne", "twisted"):
            logging.getLogger(name).setLevel(log_level)
        # Twisted takes SIGINT only where Python's own handler stands; a shell's `&` leaves it ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._server.run()
        # All is closed. A second SIGTERM would turn a good end into a bad one.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if self._server.failure is not None:
            raise self._server.failure

    def _ready(self) -> None:
        if problems := pins.problems(self._server):
            raise NotSilent(" ".join(problems))
        if settings.CLAWCHAT_FRONT is not None:
            self._ports.open_front(*settings.CLAWCHAT_FRONT)

    async def _started(self) -> None:
        self._hub.node = await self._database.run(name_of, self._node_pk)
        await self._hub.start()
        self._hub.detector.watch_also(troubles.look)
        self._has_hub = True
        self._ports.know(lambda address: self._hub.admission.is_known(address, self._hub.clock()))
        if self._tls is not None:
            self._tls_watch = asyncio.ensure_future(self._tls.watch(self._withdraw, self._note_exchange))
        # First: it brings the limits that the ports go by.
        self._sentry.start()
        self._keeper.start()
        self._outside.start()
        self._greeting = asyncio.ensure_future(self._greet_and_go_on())

    async def _withdraw(self, certificates: list[str]) -> None:
        await self._database.run(withdraw_replaced, certificates)

    async def _note_exchange(self) -> None:
        await self._database.run(note_certificates, self._node_pk)

    async def _greet_and_go_on(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_PORT_SECONDS):
                await self._keeper.is_open.wait()
        self._greet(self._keeper.current)
        # The program itself is in memory by now, and stays: to look through all of it for rubbish again and again would
        # keep everybody waiting each time.
        gc.collect()
        gc.freeze()
        if self._worker is not None:
            self._worker.start()

    async def _closing(self) -> None:
        if self._greeting is not None:
            self._greeting.cancel()
        if self._tls_watch is not None:
            await end_tasks([self._tls_watch])
        if self._worker is not None:
            self._worker_ending = asyncio.ensure_future(self._worker.stop())
        await self._keeper.stop()
        await self._sentry.stop()
        unmapping = asyncio.ensure_future(self._outside.stop())
        await self._ports.close_all()
        if self._has_hub:
            # While their sockets are open, and nobody new comes.
            self._hub.dismiss_all()
        await self._keeper.depart()
        await unmapping

    async def _closed(self) -> None:
        if self._has_hub:
            await self._hub.stop()
        if self._worker_ending is not None:
            await self._worker_ending
        await asyncio.to_thread(self._database.close)


def front_origins() -> set[str]:
    """The origins whose pages may open a chat port: the front door, by each of its names."""
    origins = set()
    if settings.CLAWCHAT_FRONT_URL:
        address = urlsplit(settings.CLAWCHAT_FRONT_URL)
        origins.add(f"{address.scheme}://{address.netloc}")
    if settings.CLAWCHAT_FRONT is not None:
        host, port = settings.CLAWCHAT_FRONT
        scheme = "https" if settings.CLAWCHAT_FRONT_TLS else "http"
        own = settings.CLAWCHAT_HOST if host in EVERY_ADDRESS else host
        names = {"localhost", "127.0.0.1", f"[{own}]" if ":" in own else own}
        # A browser leaves the port out where it is the scheme's own.
        shown = "" if port == USUAL_PORTS[scheme] else f":{port}"
        origins |= {f"{scheme}://{name}{shown}" for name in names}
    return origins
