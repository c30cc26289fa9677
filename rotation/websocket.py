"""The WebSocket of a chat port: Daphne's, silent until the upgrade, reading no faster than it is heard."""

import txaio
from daphne.server import Server  # installs the asyncio reactor, so before any other part of Twisted
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.python.failure import Failure

from clawchat.protocol.limits import FIRST_MESSAGE_MAX_BYTES

from .link import Link
from .silent import ChatPort

# Messages that may wait for the application before the socket is read no further.
READ_AHEAD = 64
HANDSHAKE_SECONDS = 5
CLOSE_SECONDS = 5
# Silence after which a ping is sent, and how long its answer may take. The session has pings of its own (3.11).
PING_INTERVAL_SECONDS = 30
PING_TIMEOUT_SECONDS = 25
POLICY_VIOLATION, INTERNAL_ERROR = 1008, 1011
# H1 and H3; between them a client waits for an answer.
MESSAGES_BEFORE_AUTH_OK = 2
# Of any kind: a proxy may cut a message into several, and who sends thousands makes thousands of objects of us.
FRAMES_BEFORE_AUTH_OK = 64


class SilentWebSocket(WebSocketProtocol):
    """Until the 101 is written, nothing but a reset leaves this protocol, whatever comes in; after it, until the first
    message was judged, nothing but the end of the connection. Who opened the gate is spoken to.
    """

    # Its warnings name the peer's address, and only the audit log may.
    log = txaio.make_logger(level="critical")

    chat_port: ChatPort
    # Of the real peer, when a trusted proxy has brought the connection.
    address: str
    link: Link
    authenticated = False
    judged = False
    # Ended by what was said, before anything of it was judged: a stranger whom nobody else counts.
    refused = False
    _messages = _frames = 0
    _asked = False
    _answering = False
    _reading_paused = False

    # What comes in

    def _dataReceived(self, data: bytes) -> None:
        if self.state == self.STATE_CONNECTING:
            if self._asked:
                # Autobahn would read bytes that come before its answer as a second request.
                return self.failHandshake("data before the answer")
            self._asked = True
        return super()._dataReceived(data)

    def onFrameBegin(self) -> None:
        """Begin a frame, unless it is one too many from a stranger."""
        self._frames += 1
        if not self.authenticated and self._frames > FRAMES_BEFORE_AUTH_OK:
            # No close frame: until its answer comes, Autobahn would read on.
            self.refused = True
            self.dropConnection(abort=True)
        super().onFrameBegin()

    def onMessageFrameData(self, payload: bytes) -> None:
        """Keep a part of a stranger's message in one piece: in pairs of bytes it would take thirty times its size."""
        super().onMessageFrameData(payload)
        if not self.authenticated and self.frame_data:
            self.frame_data = [b"".join(self.frame_data)]

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Queue the message for the application, unless the connection is closing already."""
        if self.state != self.STATE_OPEN:
            return
        self._messages += 1
        if not self.authenticated and not (isBinary and self._is_in_turn()):
            # Of what is in the queue already the application judges, and counts whose it was.
            self.refused = self._messages <= 1
            self.close_with(POLICY_VIOLATION)
            return
        super().onMessage(payload, isBinary)
        if not self._reading_paused and self.application_queue.qsize() > READ_AHEAD:
            self._reading_paused = True
            self.transport.pauseProducing()

    def read_on(self) -> None:
        """Read the socket again once the application has caught up."""
        if self._reading_paused and self.application_queue.qsize() <= READ_AHEAD // 2:
            self._reading_paused = False
            self.transport.resumeProducing()

    def onPing(self, payload: bytes) -> None:
        """Answer a member's ping while he reads; answers to one who does not would fill the memory."""
        if self.authenticated and self.link.writable:
            super().onPing(payload)

    def onCloseFrame(self, code: int | None, reasonRaw: bytes | None) -> bool | None:
        """Answer a close frame with one of our own, but not a stranger's."""
        if self.judged:
            return super().onCloseFrame(code, reasonRaw)
        self.dropConnection(abort=True)
        return True

    def _fail_connection(self, code: int, reason: str) -> None:
        """Autobahn's verdict: too large, or no WebSocket."""
        self.refused = True
        super()._fail_connection(code, reason)

    def _is_in_turn(self) -> bool:
        """Whether a message from a stranger may be queued: each of the two once what came before it was taken."""
        return self._messages <= MESSAGES_BEFORE_AUTH_OK and self.application_queue.empty()

    # What goes out before the upgrade: nothing

    def failHandshake(self, reason: str, code: int = 400, responseHeaders: object = None) -> None:
        """Reset instead of an HTTP error."""
        self.wasNotCleanReason = reason
        self.dropConnection(abort=True)

    def _answer_nothing(self, *_: object, **__: object) -> None:
        self.failHandshake("an HTTP answer")

    sendHttpErrorResponse = sendHtml = sendRedirect = sendServerStatus = _answer_nothing

    def succeedHandshake(self, res: object) -> None:
        """Answer 101, never with a subprotocol; nothing when the connection was dropped meanwhile."""
        if self.state != self.STATE_CONNECTING:
            return
        self._answering = True
        self.transport.registerProducer(self.link, True)
        super().succeedHandshake(None)

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        """Write, unless that would answer a stranger."""
        if self.state == self.STATE_CONNECTING and not self._answering:
            return self.failHandshake("a write before the answer")
        return super().sendData(data, sync, chopsize)

    # Endings

    def close_with(self, code: int, reason: bytes | None = None) -> None:
        """Send a close frame with any code (Autobahn's own refuses 1001, 1008 and 1011); reset who has not opened the
        gate.
        """
        if self.state == self.STATE_OPEN and self.judged:
            self.sendCloseFrame(code=code, reasonUtf8=reason)
        elif self.state in (self.STATE_CONNECTING, self.STATE_OPEN):
            self.failHandshake("closed before the gate")

    def serverClose(self, code: int | None = None) -> None:
        """Close for the application."""
        self.close_with(1000 if code is None else code)

    def application_ended(self) -> None:
        """Leave no connection without an application behind it."""
        self.close_with(INTERNAL_ERROR)

    def handle_exception(self, exception: BaseException) -> None:
        """Daphne has logged it; the peer learns a number."""
        self.close_with(INTERNAL_ERROR)

    def applicationCreateFailed(self, failure: Failure) -> None:
        """Daphne only logs this, and the socket would hang until a timer ends it."""
        super().applicationCreateFailed(failure)
        self.failHandshake("no application")

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        """Tell the application; a socket that was refused before the request was read has none."""
        if hasattr(self, "server"):
            super().onClose(wasClean, code, reason)


class SilentWebSocketFactory(WebSocketFactory):
    """Makes them, with limits for strangers; Link.authenticated() lifts those of one connection."""

    protocol = SilentWebSocket

    def __init__(self, side: Server) -> None:
        super().__init__(side, server="")
        # allowNullOrigin is repeated because setProtocolOptions resets it; who may come is decided by the reader.
        self.setProtocolOptions(
            versions=[13],
            webStatus=False,
            allowNullOrigin=True,
            openHandshakeTimeout=HANDSHAKE_SECONDS,
            closeHandshakeTimeout=CLOSE_SECONDS,
            maxFramePayloadSize=FIRST_MESSAGE_MAX_BYTES,
            maxMessagePayloadSize=FIRST_MESSAGE_MAX_BYTES,
            autoPingTimeout=PING_TIMEOUT_SECONDS,
        )
