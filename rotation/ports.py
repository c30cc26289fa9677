"""The listening sockets of one server process: the front door, and chat ports that come and go."""

import asyncio
from collections.abc import Callable
from typing import Any

from daphne.server import Server  # noqa: F401  (installs the asyncio reactor, so before any other part of Twisted)
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort, IReactorTCP

from .guard import ChatGuardFactory, FrontGuardFactory, Limits
from .server import ChatSide, ManagedServer
from .silent import ChatPort, SilentFactory

BACKLOG = 128
FRONT_SECONDS = 15
CHAT_SECONDS = 10


class Ports:
    """Opens and closes them. Established connections outlive the port they came through.

    `note_stranger(address, where)` hears of everybody who is refused on a chat port.
    """

    def __init__(
        self,
        server: ManagedServer,
        side: ChatSide,
        reactor: IReactorTCP,
        note_stranger: Callable[[str, str], None],
        tls: Any = None,
    ) -> None:
        self._server, self._side, self._reactor, self._tls = server, side, reactor, tls
        self._note_stranger = note_stranger
        self._front: IListeningPort | None = None
        self._chat: dict[int, IListeningPort] = {}
        self._front_limits = Limits(total=600, strangers=600, strangers_per_address=100, seconds=FRONT_SECONDS)
        # One for all chat ports. The connections of members are counted by the chat's own limits.
        self._chat_limits = Limits(total=4000, strangers=500, strangers_per_address=50, seconds=CHAT_SECONDS)

    @property
    def connections(self) -> int:
        """Sockets on the chat ports."""
        return self._chat_limits.open

    def open_front(self, host: str, number: int) -> None:
        """Open the front door.

        Raises: CannotListenError.
        """
        door = FrontGuardFactory(
            self._server.http_factory, self._front_limits, self._reactor, self._server.connections, self._tls
        )
        self._front = self._reactor.listenTCP(number, door, backlog=BACKLOG, interface=host)

    def open_chat(self, host: str, number: int, path: str) -> None:
        """Open one chat port that answers to `path` alone.

        Raises: CannotListenError.
        """
        reader = SilentFactory(
            ChatPort(number, path),
            self._side.make_websocket,
            self._side.origins,
            lambda: self._server.draining,
            self._note_stranger,
        )
        door = ChatGuardFactory(reader, self._chat_limits, self._reactor, self._note_stranger, self._tls)
        self._chat[number] = self._reactor.listenTCP(number, door, backlog=BACKLOG, interface=host)

    async def close_chat(self, number: int) -> None:
        """Stop listening on one chat port."""
        await _stop(self._chat.pop(number))

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
