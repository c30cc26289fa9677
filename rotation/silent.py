"""The reader of a chat port: one request, exactly as a client of ours writes it, or a reset without a byte of reply.

Nothing here can write. A verdict falls at the first line end, on the whole line at once, so a path cannot be found out
piece by piece; and every refusal is a TCP reset, because how a connection closes softly depends on what was sent.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Callable, Collection

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol

from .proxies import FORWARDED_FOR, Networks, real_address

MAX_LINE_BYTES = 4096
MAX_HEADER_BYTES = 8192
MAX_HEADER_LINES = 64
KEY_BYTES = 16

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
VALUE = re.compile(rb"[\x20-\x7e\t]*")
HOST = re.compile(rb"[A-Za-z0-9.\-\[\]:]{1,255}")
WEBSOCKET_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")

Headers = dict[bytes, list[bytes]]
# Called with address, where he was stopped, port, and whether that is a tripwire.
NoteStranger = Callable[[str, str, int, bool], None]

# All that Autobahn gets to see. Offers of extensions and subprotocols, cookies and proxies' headers end here.
PASSED_ON = (b"host", b"upgrade", b"connection", b"sec-websocket-key", b"sec-websocket-version", b"origin")


class ChatPort:
    """What one chat port answers to: its number, the request line that opens it, and whether it is a tripwire.

    Spec: 3.9
    """

    def __init__(self, number: int, path: str, tripwire: bool = False) -> None:
        self.number = number
        self.tripwire = tripwire
        self._line = f"GET {path} HTTP/1.1".encode("ascii")

    def is_asked_by(self, line: bytes) -> bool:
        """Whether this is the request line of a client that knows the path; compared in constant time."""
        return hmac.compare_digest(line, self._line)


def is_upgrade(headers: Headers, origins: Collection[bytes]) -> bool:
    """Whether a request with these headers is a WebSocket upgrade of ours.

    A request without Origin comes from a program that is no browser, and is taken.
    """
    tokens = [token.strip().lower() for token in _only(headers, b"connection").split(b",")]
    has_body = any(name in headers for name in (b"content-length", b"transfer-encoding", b"expect"))
    return (
        not has_body
        and _only(headers, b"upgrade").lower() == b"websocket"
        and b"upgrade" in tokens
        and HOST.fullmatch(_only(headers, b"host")) is not None
        and _only(headers, b"sec-websocket-version") == b"13"
        and _is_key(_only(headers, b"sec-websocket-key"))
        and (b"origin" not in headers or _only(headers, b"origin") in origins)
    )


def _only(headers: Headers, name: bytes) -> bytes:
    values = headers.get(name, [])
    return values[0] if len(values) == 1 else b""


def _is_key(value: bytes) -> bool:
    try:
        return bool(WEBSOCKET_KEY.fullmatch(value)) and len(base64.b64decode(value, validate=True)) == KEY_BYTES
    except binascii.Error:
        return False


class SilentReader(Protocol):
    """Reads the header of one request, then hands the connection over or resets it."""

    factory: "SilentFactory"

    def __init__(self) -> None:
        self._read = b""
        self._line: bytes | None = None
        # Whether the request was refused; it is counted then, and not once more when the connection is lost.
        self.judged = False

    def connectionMade(self) -> None:
        """Turn Nagle's delay off: Autobahn tries too, before it has its options, and fails."""
        self.transport.setTcpNoDelay(True)

    def dataReceived(self, data: bytes) -> None:
        """Take the next bytes, in pieces of any size."""
        if self.judged:
            return
        self._read += data
        if self._line is None and not self._take_line():
            return
        head, end, rest = self._read.partition(b"\r\n\r\n")
        if len(head) > MAX_HEADER_BYTES:
            self._drop()
        elif end:
            headers = _parse_header_lines(head.split(b"\r\n")[1:])
            # Bytes after the header come from nobody who waits for our answer first.
            if rest or headers is None or not is_upgrade(headers, self.factory.origins):
                self._drop()
            else:
                forwarded_for = headers.get(FORWARDED_FOR, [])
                self.factory.hand_over(self, _canonical_request(self._line, headers), forwarded_for)

    def refuse(self) -> None:
        """Reset the connection of somebody who is not let in."""
        self._reset()

    def _take_line(self) -> bool:
        """Whether the request line is complete and right; a wrong one is dropped here."""
        line, end, _ = self._read.partition(b"\r\n")
        if not end:
            if len(line) > MAX_LINE_BYTES:
                self._drop()
            return False
        if not self.factory.chat_port.is_asked_by(line):
            self._drop()
            return False
        if self.factory.is_closed():
            self._reset()
            return False
        self._line = line
        return True

    def _drop(self) -> None:
        """Nobody whom we know: count him."""
        port = self.factory.chat_port
        self.factory.note_stranger(self.transport.getPeer().host, "request", port.number, port.tripwire)
        self._reset()

    def _reset(self) -> None:
        self.judged = True
        self._read = b""
        self.transport.abortConnection()


def _parse_header_lines(lines: list[bytes]) -> Headers | None:
    """The headers by lower-case name, None when one of them is not as RFC 9112 5 writes it."""
    if len(lines) > MAX_HEADER_LINES:
        return None
    headers: Headers = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        value = value.strip(b" \t")
        if not colon or not TOKEN.fullmatch(name) or not VALUE.fullmatch(value):
            return None
        headers.setdefault(name.lower(), []).append(value)
    return headers


def _canonical_request(line: bytes, headers: Headers) -> bytes:
    passed_on = [name + b": " + headers[name][0] for name in PASSED_ON if name in headers]
    return b"\r\n".join([line, *passed_on, b"", b""])


class SilentFactory(Factory):
    """Makes the readers of one chat port.

    `make_websocket(address)` gives the protocol that takes over after a proper request; while `is_closed()` is true,
    everybody is refused; `note_stranger(address, where, port, tripwire)` hears of each stranger. What `proxies` say of
    the real peer's address is believed; whoever comes through one from an address for which `is_refused` is true is
    reset.
    """

    protocol = SilentReader
    noisy = False

    def __init__(
        self,
        chat_port: ChatPort,
        make_websocket: Callable[[IAddress], Protocol],
        origins: Collection[bytes],
        is_closed: Callable[[], bool] = lambda: False,
        note_stranger: NoteStranger = lambda address, where, port, tripwire: None,
        proxies: Networks = (),
        is_refused: Callable[[str], bool] = lambda address: False,
    ) -> None:
        self.chat_port = chat_port
        self._proxies, self._is_refused = proxies, is_refused
        self.origins = origins
        self.is_closed = is_closed
        self.note_stranger = note_stranger
        self._make_websocket = make_websocket

    def hand_over(self, reader: SilentReader, request: bytes, forwarded_for: Collection[bytes] = ()) -> None:
        """Put a WebSocket in the reader's place and let it read the request anew, in canonical form."""
        transport = reader.transport
        peer = transport.getPeer().host
        address = real_address(peer, forwarded_for, self._proxies)
        if address != peer and self._is_refused(address):
            # The guard has seen the proxy alone.
            reader.refuse()
            return
        websocket = self._make_websocket(transport.getPeer())
        websocket.chat_port = self.chat_port
        websocket.address = address
        websocket._raw_query_string = b""
        # The guard, or TLS inside it: both hand what they receive to `wrappedProtocol`.
        transport.wrappedProtocol = websocket
        websocket.makeConnection(transport)
        websocket.dataReceived(request)
