"""A chat port and a front door of this process, without a database: the reactor's loop is run by hand."""

from collections.abc import Callable, Coroutine
from typing import Any

from daphne.http_protocol import HTTPFactory
from daphne.server import twisted_loop
from daphne.ws_protocol import WebSocketFactory
from twisted.internet import reactor

from rotation.ports import Ports
from rotation.probes import ORIGIN, PATH
from rotation.server import ChatSide, FrontWebSocket, ManagedServer
from tests.ports import free_port

LOOPBACK = "127.0.0.1"


async def greet(scope: dict, receive: Callable, send: Callable) -> None:
    """A stand-in for the consumer: "H1" makes a member of you, who is echoed; the rest is in the words."""
    link = scope["clawchat"]
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        said = event.get("bytes") or b""
        link.judged()
        if said.startswith(b"H1"):
            link.authenticated()
            link.send(b"AUTH_OK")
        elif said.startswith(b"close "):
            link.close(int(said.split()[1]), "as you wish")
        elif said == b"abort":
            link.abort()
        elif said == b"raise":
            raise RuntimeError("as you wish")
        elif said == b"leave":
            return
        else:
            link.send(said)


async def answer_hello(scope: dict, receive: Callable, send: Callable) -> None:
    """A stand-in for the front door's application."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def nothing() -> None:
    """A step that does nothing."""


class Doors:
    """One server's doors: `number` is the chat port, PATH opens it; `tls` makes contexts, for all of them."""

    def __init__(self, application: Callable = greet, tls: Any = None) -> None:
        self.server = ManagedServer(answer_hello, ready=lambda: None, started=nothing, closing=nothing, closed=nothing)
        # What Server.run() makes before the reactor runs.
        self.server.connections = {}
        self.server.http_factory = HTTPFactory(self.server)
        self.server.ws_factory = WebSocketFactory(self.server, server="")
        self.server.ws_factory.protocol = FrontWebSocket
        self.side = ChatSide(self.server, application, {ORIGIN})
        self.strangers: list[str] = []
        # Touches of tripwires, and who is banned.
        self.touches: list[tuple[str, int]] = []
        self.banned: set[str] = set()
        self.ports = Ports(self.server, self.side, reactor, self._note, self.banned.__contains__, tls, tls)
        self.number = free_port()
        self.ports.open_chat(LOOPBACK, self.number, PATH)

    def _note(self, address: str, where: str, port: int, tripwire: bool) -> None:
        if tripwire:
            self.touches.append((where, port))
        else:
            self.strangers.append(where)

    async def close(self) -> None:
        """Stop listening and drain, as at the end of the process."""
        await self.ports.close_all()
        await self.server._drain()

    @property
    def url(self) -> str:
        """Where a WebSocket client of ours connects to."""
        return f"ws://{LOOPBACK}:{self.number}{PATH}"


def run(work: Coroutine) -> Any:
    """Run `work` on the loop that the sockets under test live on."""
    return twisted_loop.run_until_complete(work)
