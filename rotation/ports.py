"""The listening sockets of one server process: the front door, and chat ports that come and go."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from daphne.server import Server  # noqa: F401  (installs the asyncio reactor, so before any other part of Twisted)
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort, IReactorTCP

from chat.models import ConnectionPolicy

from .guard import ChatGuardFactory, FrontGuardFactory, GuardFactory, Limits
from .proxies import Networks, is_loopback, may_come_plain
from .server import ChatSide, ManagedServer
from .silent import ChatPort, NoteStranger, SilentFactory

BACKLOG = 128
FRONT_SECONDS = 15
CHAT_SECONDS = 10


class Ports:
    """Opens and closes them. Established connections outlive the port they came through.

    `note_stranger` hears of everybody who is stopped on a chat port; whoever is at an address for which `is_refused` is
    true does not get that far. `tls` and `front_tls` make the TLS contexts of chat ports and front door; a listener off
    loopback that has none takes `proxies` only.
    """

    def __init__(
        self,
        server: ManagedServer,
        side: ChatSide,
        reactor: IReactorTCP,
        note_stranger: NoteStranger,
        is_refused: Callable[[str], bool] = lambda address: False,
        tls: Any = None,
        front_tls: Any = None,
        proxies: Networks = (),
    ) -> None:
        self._server, self._side, self._reactor = server, side, reactor
        self._tls, self._front_tls, self._proxies = tls, front_tls, proxies
        self._note_stranger, self._is_refused = note_stranger, is_refused
        self._front: IListeningPort | None = None
        self._chat: dict[int, tuple[ChatPort, IListeningPort]] = {}
        self._front_limits = Limits(total=600, strangers=600, strangers_per_address=100, seconds=FRONT_SECONDS)
        # One for all chat ports. The connections of members are counted by the chat's own limits.
        self._chat_limits = Limits(total=4000, strangers=500, strangers_per_address=50, seconds=CHAT_SECONDS)

    def limit(self, policy: ConnectionPolicy) -> None:
        """Go by the operator's limits on the chat ports from now on."""
        limits = self._chat_limits
        limits.total, limits.strangers = policy.max_sockets, policy.max_strangers
        limits.strangers_per_address, limits.seconds = policy.max_strangers_per_address, policy.stranger_seconds
        limits.prefix_bits = policy.ipv6_prefix_bits

    def know(self, is_known: Callable[[str], bool]) -> None:
        """Keep room on the chat ports for addresses for which this is true, however many strangers there are."""
        self._chat_limits.is_known = is_known

    @property
    def connections(self) -> int:
        """Sockets on the chat ports."""
        return self._chat_limits.open

    def open_front(self, host: str, number: int) -> None:
        """Open the front door.

        Raises: CannotListenError.
        """
        door = FrontGuardFactory(
            self._server.http_factory, self._front_limits, self._reactor, self._server.connections, self._front_tls
        )
        self._keep_strangers_out(door, host, self._front_tls)
        self._front = self._reactor.listenTCP(number, door, backlog=BACKLOG, interface=host)

    def open_chat(self, host: str, number: int, path: str, tripwire: bool = False) -> None:
        """Open one chat port that answers to `path` alone.

        Raises: CannotListenError.
        """
        chat_port = ChatPort(number, path, tripwire)
        reader = SilentFactory(
            chat_port,
            self._side.make_websocket,
            self._side.origins,
            lambda: self._server.draining,
            self._note_stranger,
            self._proxies,
            self._is_refused,
        )
        door = ChatGuardFactory(
            reader, self._chat_limits, self._reactor, chat_port, self._note_stranger, self._is_refused, self._tls
        )
        self._keep_strangers_out(door, host, self._tls)
        self._chat[number] = chat_port, self._reactor.listenTCP(number, door, backlog=BACKLOG, interface=host)

    def arm_chat(self, number: int) -> None:
        """Make a tripwire of a chat port; its socket and who is on it stay."""
        self._chat[number][0].tripwire = True

    def is_listening(self, number: int) -> bool:
        """Whether a chat port's socket is there."""
        return bool(self._chat[number][1].connected)

    async def close_chat(self, number: int) -> None:
        """Stop listening on one chat port."""
        _, listening = self._chat.pop(number)
        await _stop(listening)

    def _keep_strangers_out(self, door: GuardFactory, host: str, tls: Any) -> None:
        """What comes in the clear from another machine must come from a proxy, at which its TLS ends."""
        if tls is None and not is_loopback(host):
            door.may_come = partial(may_come_plain, own=host, proxies=self._proxies)

    async def close_all(self) -> None:
        """Stop listening everywhere."""
        for number in list(self._chat):
            await self.close_chat(number)
        if self._front is not None:
            await _stop(self._front)
            self._front = None


async def _stop(port: IListeningPort) -> None:
    # A Deferred cannot be awaited by an asyncio task.
    await maybeDeferred(port.stopListening).asFuture(asyncio.get_running_loop())
