"""What the consumer holds of a chat connection: send at once, know when to wait, close or reset."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from autobahn.util import encode_truncate
from twisted.internet.interfaces import IPushProducer, ISSLTransport
from zope.interface import implementer

from clawchat.protocol.limits import FRAME_CEILING_BYTES

if TYPE_CHECKING:
    from .silent import ChatPort
    from .websocket import SilentWebSocket

# RFC 6455 5.5: a control frame holds 125 bytes, two of them are the close code.
CLOSE_REASON_MAX_BYTES = 123


@implementer(IPushProducer)
class Link:
    """One chat connection, as `scope["clawchat"]` shows it to the application. Use it on the event loop's thread only.

    `address` and `port` are the peer's address and our port. While `writable` is False the transport holds back more
    than it should; `on_writable`, when set, is called once it has drained.
    """

    def __init__(self, protocol: "SilentWebSocket", chat_port: "ChatPort") -> None:
        self._protocol = protocol
        self._chat_port = chat_port
        self.address: str = protocol.address
        self.port: int = chat_port.number
        self.secure: bool = ISSLTransport.providedBy(protocol.transport)
        self.writable = True
        self.on_writable: Callable[[], None] | None = None

    @property
    def tripwire(self) -> bool:
        """Whether the port is a tripwire by now; read it at each use, a lease can turn while somebody connects."""
        return self._chat_port.tripwire

    def judged(self) -> None:
        """The first message has come and is judged: what happens from here on is not the guard's to count."""
        self._protocol.judged = True

    def authenticated(self) -> None:
        """Lift the limits for strangers: messages up to 1 MiB, no deadline. Call it before AUTH_OK is sent."""
        protocol = self._protocol
        protocol.authenticated = True
        protocol.maxFramePayloadSize = protocol.maxMessagePayloadSize = FRAME_CEILING_BYTES
        protocol.transport.settle()

    def send(self, data: bytes) -> None:
        """Send one binary message; nothing happens when the connection is closing or closed."""
        protocol = self._protocol
        if protocol.state == protocol.STATE_OPEN:
            protocol.transport.write(_binary_frame(data))

    def close(self, code: int, reason: str = "") -> None:
        """Send the close frame, with any code; a connection that is not open yet is reset instead."""
        self._protocol.close_with(code, encode_truncate(reason, CLOSE_REASON_MAX_BYTES) if reason else None)

    def abort(self) -> None:
        """Reset the connection: not a byte more."""
        self._protocol.dropConnection(abort=True)

    def read_on(self) -> None:
        """The application has taken a message: read the socket again if that was held back. ChatSide calls it."""
        self._protocol.read_on()

    # IPushProducer: how the transport says that it has too much, or room again

    def pauseProducing(self) -> None:
        """The transport's buffer is above its high-water mark."""
        self.writable = False

    def resumeProducing(self) -> None:
        """The transport's buffer is empty."""
        self.writable = True
        if self.on_writable is not None:
            self.on_writable()

    def stopProducing(self) -> None:
        """The connection is gone."""
        self.writable = False


def _binary_frame(data: bytes) -> bytes:
    """`data` as one unmasked, unfragmented binary message (RFC 6455 5.2)."""
    size = len(data)
    if size < 126:
        return b"\x82" + size.to_bytes(1, "big") + data
    if size < 1 << 16:
        return b"\x82\x7e" + size.to_bytes(2, "big") + data
    return b"\x82\x7f" + size.to_bytes(8, "big") + data
