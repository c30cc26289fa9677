"""Servers that alerts are told to, on loopback: one of mail, one of the web. What came waits to be looked at."""

import contextlib
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class MailServer(socketserver.ThreadingTCPServer):
    """An SMTP server that takes every mail; `refuses` is what it answers to a recipient instead."""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Mail)
        self.mails: list[str] = []
        self.recipients: list[str] = []
        self.refuses = ""
        # Says nothing at all while it is set.
        self.silent = False

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.server_address[1]


class _Mail(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        if self.server.silent:
            self.rfile.read()
            return
        self._say("220 here")
        while line := self.rfile.readline().decode().strip():
            verb = line.split()[0].upper()
            if verb == "RCPT" and self.server.refuses:
                self._say(self.server.refuses)
            elif verb == "DATA":
                self._take()
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                if verb == "RCPT":
                    self.server.recipients.append(line.partition("<")[2].rstrip(">"))
                self._say("250 fine")

    def _take(self) -> None:
        self._say("354 go on")
        lines = []
        while (line := self.rfile.readline().decode()).strip() != ".":
            lines.append(line)
        self.server.mails.append("".join(lines))
        self._say("250 taken")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class WebServer(ThreadingHTTPServer):
    """Answers every POST with `status`; what came is in `posts`, as headers and body."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Web)
        self.posts: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        self.wait = threading.Event()
        self.wait.set()

    @property
    def url(self) -> str:
        """An address with something secret in it."""
        return f"http://127.0.0.1:{self.server_address[1]}/hook/very-secret"


class _Web(BaseHTTPRequestHandler):
    server: WebServer

    def do_POST(self) -> None:
        """Keep it, and answer once that is allowed."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((dict(self.headers), body))
        self.server.wait.wait(30)
        with contextlib.suppress(OSError):
            self.send_response(self.server.status)
            self.send_header("Location", self.server.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *args: object) -> None:
        """Quiet."""


@contextlib.contextmanager
def running(server: socketserver.TCPServer) -> Iterator[socketserver.TCPServer]:
    """Served on a thread until the block ends."""
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
