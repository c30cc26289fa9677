"""What the silence of the chat ports leans on: exact versions, names that are not public, and a test at every start."""

import inspect
from importlib.metadata import version

from daphne.server import Server  # installs the asyncio reactor, so before any other part of Twisted

from autobahn.websocket.protocol import WebSocketServerProtocol  # isort: skip
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted
from twisted.internet.protocol import Protocol
from twisted.internet.testing import StringTransport
from twisted.protocols.policies import ProtocolWrapper
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure

from .probes import ORIGIN, PATH, Probe, probes
from .server import ChatSide, ManagedServer
from .silent import ChatPort, SilentFactory
from .websocket import SilentWebSocket

VERSIONS = {"daphne": "4.2.3", "Twisted": "26.10.0", "autobahn": "26.10.2"}
NAMES = {
    Server: (
        "create_application connections protocol_connected protocol_disconnected handle_reply kill_all_applications "
        "application_checker"
    ),
    WebSocketProtocol: (
        "onConnect onMessage onClose serverClose serverReject handle_exception applicationCreateFailed check_timeouts"
    ),
    WebSocketServerProtocol: (
        "failHandshake sendHttpErrorResponse sendHtml sendRedirect sendServerStatus succeedHandshake sendData "
        "_dataReceived dropConnection sendCloseFrame processHandshake CONFIG_ATTRS onFrameBegin onMessageFrameData "
        "onCloseFrame _fail_connection"
    ),
    ProtocolWrapper: "makeConnection dataReceived write writeSequence connectionLost",
    TLSMemoryBIOProtocol: "abortConnection",
}
# Made by instances, so not found on the class.
MADE_LATER = {"connections"}
# Parses the request, and sends nothing unless it asks one of the others to.
MAY_SEND = {"processHandshake"}
ODD_FOR_AUTOBAHN = {"garbage", "a browser at /", "POST", "no key", "version 99", "no Host", "no upgrade"}
STRANGER = IPv4Address("TCP", "192.0.2.1", 9)


def problems(server: ManagedServer) -> list[str]:
    """Why the chat ports would not be silent, a sentence each; empty when all is well."""
    return [*_other_versions(), *_missing_names(), *_open_mouths(), *leaks(server)]


def _other_versions() -> list[str]:
    found = {name: version(name) for name in VERSIONS}
    return [
        f"{name} is {found[name]}, and the chat ports' silence was proven with {pinned}."
        for name, pinned in VERSIONS.items()
        if found[name] != pinned
    ]


def _missing_names() -> list[str]:
    return [
        f"{owner.__name__}.{name} is gone."
        for owner, names in NAMES.items()
        for name in names.split()
        if name not in MADE_LATER and not hasattr(owner, name)
    ]


def _open_mouths() -> list[str]:
    """Methods of Autobahn's server side that send and that SilentWebSocket does not replace."""
    senders = {
        name
        for name, method in vars(WebSocketServerProtocol).items()
        if inspect.isfunction(method) and "self.sendData(" in inspect.getsource(method)
    }
    return [
        f"WebSocketServerProtocol.{name} sends, and nothing replaces it."
        for name in sorted(senders - set(vars(SilentWebSocket)) - MAY_SEND)
    ]


def leaks(server: ManagedServer) -> list[str]:
    """Which probes are answered by a byte, or not reset when they should be; each is fed at once and byte by byte."""
    side = ChatSide(server, _say_nothing, {ORIGIN})
    readers = SilentFactory(ChatPort(1, PATH), side.make_websocket, side.origins)
    answered = [
        f"A chat port would answer a stranger ({probe.name})."
        for probe in probes()
        for step in (len(probe.data) or 1, 1)
        if not _stays_silent(readers.buildProtocol(STRANGER), probe, step)
    ]
    # Past the reader: should anything odd reach Autobahn one day, it must not answer either.
    answered_inside = [
        f"A WebSocket would answer a stranger ({probe.name})."
        for probe in probes()
        if probe.name in ODD_FOR_AUTOBAHN and not _stays_silent(side.make_websocket(STRANGER), probe, len(probe.data))
    ]
    return answered + answered_inside


class Wire(StringTransport):
    """A connection that remembers what was written to it, and whether it was reset."""

    wrappedProtocol: Protocol | None = None
    aborted = False

    def abortConnection(self) -> None:
        """Remember the reset."""
        self.aborted = True

    def setTcpNoDelay(self, enabled: bool) -> None:
        """There is nothing to delay."""

    def unregisterProducer(self) -> None:
        """Like a real transport: no complaint when there is none."""
        self.producer = None


def _stays_silent(protocol: Protocol, probe: Probe, step: int) -> bool:
    wire = Wire(peerAddress=STRANGER)
    wire.wrappedProtocol = protocol
    protocol.makeConnection(wire)
    for start in range(0, len(probe.data), step):
        if wire.aborted:
            break
        wire.wrappedProtocol.dataReceived(probe.data[start : start + step])
    wire.wrappedProtocol.connectionLost(Failure(ConnectionAborted()))
    return not wire.value() and wire.aborted == probe.ends_at_once


async def _say_nothing(scope: dict, receive: object, send: object) -> None:
    """The application of the probes."""
