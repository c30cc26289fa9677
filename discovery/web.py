"""HTTP to where mirrors lie: whatever answers there, a request ends in time and takes no more memory than it may."""

import contextlib
import http.client
import queue
import socket
import ssl
import threading
from dataclasses import dataclass, field
from email.message import Message
from urllib.parse import SplitResult, urlsplit

from clawchat.protocol.limits import CONNECTION_FILE_MAX_BYTES
from discovery.mirrors.base import MirrorError

CHUNK_BYTES = 16384
PORTS = {"http": 80, "https": 443}
UNTRUE = "The address of this mirror is no web address."


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `dial` is where to connect to when that is not what the URL names. No redirect is followed."""

    method: str
    # It may hold a session, or a folder's handle.
    url: str = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    context: ssl.SSLContext | None = None
    dial: tuple[str, int] | None = None
    max_bytes: int = CONNECTION_FILE_MAX_BYTES


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; the body is empty unless a GET or a POST was answered with 200."""

    status: int
    headers: Message = field(repr=False)
    body: bytes = field(repr=False)


def fetch(request: Request, seconds: float) -> bytes:
    """The body of a 200, at most 64 KiB.

    Raises: MirrorError for any other answer, for a larger one, and for none within `seconds`.
    """
    host = _split(request.url).netloc.rpartition("@")[2]
    status, body = ask(request, seconds)
    if status == http.HTTPStatus.OK:
        return body
    if http.HTTPStatus.MULTIPLE_CHOICES <= status < http.HTTPStatus.BAD_REQUEST:
        raise MirrorError(f"{host} sends readers elsewhere ({status}); enter the address that it leads to.")
    raise MirrorError(f"{host} answered {status} instead of the file.")


def ask(request: Request, seconds: float) -> tuple[int, bytes]:
    """Status of the answer, and with a 200 its body; see `converse`."""
    answer = converse(request, seconds)
    return answer.status, answer.body


def converse(request: Request, seconds: float) -> Answer:
    """The answer, with at most `request.max_bytes` (64 KiB) of a body.

    The deadline holds for all of it together, the look-up of the name included, however slowly bytes drip.
    Raises: MirrorError.
    """
    exchange = _Exchange(request, seconds)
    threading.Thread(target=exchange.run, daemon=True, name="mirror").start()
    try:
        outcome = exchange.outcome.get(timeout=seconds)
    except queue.Empty:
        exchange.give_up()
        outcome = TimeoutError()
    host = exchange.parts.netloc
    if isinstance(outcome, TimeoutError):
        raise MirrorError(f"{host} took too long: more than {seconds:g} s.") from outcome
    if isinstance(outcome, MirrorError):
        raise outcome
    if isinstance(outcome, Exception):
        raise MirrorError(f"{host} does not answer: {_what(outcome)}.") from outcome
    return outcome


class _Exchange:
    """A request on a thread of its own, so that nothing the other side does can hold up who asked."""

    def __init__(self, request: Request, seconds: float) -> None:
        self.parts = _split(request.url)
        self.outcome: queue.SimpleQueue[Answer | Exception] = queue.SimpleQueue()
        self._request = request
        self._connection = _Connection(self.parts, request, seconds)

    def run(self) -> None:
        """Ask, and leave the answer or what went wrong in `outcome`."""
        try:
            self.outcome.put(self._exchange())
        except (OSError, http.client.HTTPException, ValueError, MirrorError) as error:
            self.outcome.put(error)
        finally:
            self._connection.close()

    def give_up(self) -> None:
        """End the thread: what it waits for is shut."""
        self._connection.shut()

    def _exchange(self) -> Answer:
        path = f"{self.parts.path or '/'}{'?' + self.parts.query if self.parts.query else ''}"
        headers = {"Cache-Control": "no-cache", "Accept-Encoding": "identity", **self._request.headers}
        self._connection.request(self._request.method, path, body=self._request.body, headers=headers)
        with self._connection.getresponse() as answer:
            has_body = answer.status == http.HTTPStatus.OK and self._request.method in ("GET", "POST")
            return Answer(answer.status, answer.headers, self._body(answer) if has_body else b"")

    def _body(self, answer: http.client.HTTPResponse) -> bytes:
        data = b""
        while chunk := answer.read1(CHUNK_BYTES):
            data += chunk
            if len(data) > self._request.max_bytes or (answer.length or 0) > self._request.max_bytes:
                raise MirrorError(f"What {self.parts.netloc} gives is larger than a published file may be.")
        if answer.length:
            raise MirrorError(f"{self.parts.netloc} broke off in the middle of the file.")
        return data


class _Connection(http.client.HTTPConnection):
    """A connection that another thread can shut at any moment, the TLS handshake included."""

    def __init__(self, parts: SplitResult, request: Request, seconds: float) -> None:
        self.default_port = PORTS[parts.scheme]
        super().__init__(parts.hostname, parts.port or self.default_port, timeout=seconds)
        self._dial = request.dial or (parts.hostname, self.port)
        self._context = (request.context or ssl.create_default_context()) if parts.scheme == "https" else None
        self._lock, self._is_shut = threading.Lock(), False
        # What was connected: the library lets go of its own as soon as the head of an answer is there.
        self._line: socket.socket | None = None

    def connect(self) -> None:
        """Connect, unless it was given up meanwhile."""
        self._take(socket.create_connection(self._dial, self.timeout))
        if self._context is not None:
            tls = self._context.wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
            self._take(tls)
            tls.do_handshake()

    def shut(self) -> None:
        """Whatever waits on this connection ends now, and nothing begins on it any more."""
        with self._lock:
            self._is_shut = True
            if self._line is not None:
                _shut(self._line)

    def _take(self, sock: socket.socket) -> None:
        with self._lock:
            self.sock = self._line = sock
            if self._is_shut:
                _shut(sock)


def _what(error: Exception) -> str:
    """What went wrong in words of this machine: what the other side said ends in logs and on terminals otherwise."""
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__


def _shut(sock: socket.socket) -> None:
    # It may not be connected any more. Shut beneath TLS, whose state belongs to the thread that reads.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in PORTS and parts.hostname and parts.port != 0
    except ValueError:
        is_web = False
    if not is_web:
        raise MirrorError(UNTRUE, needs_operator=True)
    return parts
