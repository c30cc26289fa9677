"""An emulator of MEGA on this machine, for tests: `with MegaEmulator() as mega`, or `python -m tests.mega.emulator`.

It speaks the service's JSON interface (`/cs`), its uploads and its downloads, to mega.py, to megajs and to our own
readers, in browsers too. Like the service it stores what clients encrypted and opens nothing of it.
"""

import argparse
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.mega.account import Account, new_handle
from tests.mega.codec import b64d
from tests.mega.faults import Fault, Faults
from tests.mega.owner import Owner
from tests.mega.service import SESSION, Service

HASHCASH_COPIES = 1 << 18
FLOOD_BYTES = 1 << 16
PASSWORD = "correct horse"  # of accounts whose maker names none


class MegaEmulator:
    """One emulated service on a loopback port: in memory, a thread for each connection, gone at the end of the block.

    `requests` holds what was asked, in order: the commands of a request joined by commas, `upload` or `download`.
    """

    def __init__(self, port: int = 0) -> None:
        self.faults, self.requests = Faults(), []
        # How hard the proof of work at a login is (0 hardest, 255 easiest); None asks for none.
        self.easiness: int | None = None
        # A repeated request gets the answer it got the first time, as from the service.
        self.answers: dict[tuple, bytes] = {}
        self.stopping = threading.Event()
        self.bytes_sent = 0
        self._server = _Server(("127.0.0.1", port), self)
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.service = Service(self.origin)
        self.token = new_handle(48)

    def __enter__(self) -> "MegaEmulator":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def make_account(self, email: str = "owner@example.test", password: str = PASSWORD, **options) -> Account:
        """An account to log in with; `two_factor` among the options is the code it asks for."""
        account = self.service.accounts[email.lower()] = Account(email, password, **options)
        return account

    def export_folder(self, account: Account, name: str = "clawchat") -> str:
        """Make a folder in the account and share it, as its owner does in the web client; the link that was shown."""
        with self.service.lock:
            owner = Owner(self.service, account)
            return f"{self.origin}/{owner.share(owner.make_folder(name))}"

    def put_file(self, link: str, name: str, data: bytes, *, at: int | None = None) -> str:
        """Put a file into a shared folder, as its owner does in the web client; the node's handle.

        A file of that name stays beside it. `at` is the time the service gives it (now).
        """
        with self.service.lock:
            account, folder = self.shared(link)
            return Owner(self.service, account).put(folder, link, name, data, at=at)

    def shared(self, link: str) -> tuple[Account, str]:
        """The account and the handle of the folder that a link names."""
        return self.service.linked(urlsplit(link).path.rpartition("/")[2])

    def fault(self, where: str, kind: str, value: object = None, times: int = 1) -> None:
        """Let something go wrong; tests/mega/faults.py says what and where."""
        self.faults.add(where, kind, value, times)

    def end_sessions(self) -> None:
        """Forget who is logged in."""
        self.service.sessions.clear()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address, emulator) -> None:
        self.emulator = emulator
        super().__init__(address, _Handler)

    def handle_error(self, request, client_address) -> None:
        """A client that goes away is nobody's business."""


class _Gone(Exception):
    """The connection was closed instead of an answer."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body are two writes, and a loopback answer must not wait 40 ms for the first one to be acknowledged.
    disable_nagle_algorithm = True

    def log_message(self, *_) -> None:
        """Tests look at `requests`."""

    @property
    def mega(self) -> MegaEmulator:
        return self.server.emulator

    def do_OPTIONS(self) -> None:
        allowed = {"Methods": "GET, POST, OPTIONS", "Headers": "Content-Type, X-Hashcash"}
        self._answer(204, **{f"Access-Control-Allow-{name}": value for name, value in allowed.items()})

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            if path.startswith("/ul/"):
                self._upload(path, body)
            elif path == "/cs":
                self._commands(body)
            else:
                self._answer(404)
        except _Gone:
            self.close_connection = True

    def do_GET(self) -> None:
        try:
            self._download(urlsplit(self.path).path.split("/"))
        except _Gone:
            self.close_connection = True

    # The JSON interface

    def _commands(self, body: bytes) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        commands = json.loads(body)
        names = [command.get("a") for command in commands]
        self.mega.requests.append(",".join(map(str, names)))
        if "us" in names and self.mega.easiness is not None and not self._has_worked():
            value = f"1:{self.mega.easiness}:{int(time.time())}:{self.mega.token}"
            return self._answer(402, **{"X-Hashcash": value})
        fault = self.mega.faults.take(*names, "*")
        if self._played(fault):
            return None
        repeated = (query.get("sid"), query.get("n"), query.get("id"), body)
        if repeated not in self.mega.answers:
            answers = [self.mega.service.run(command, query.get("sid"), query.get("n")) for command in commands]
            self.mega.answers[repeated] = json.dumps(SESSION if answers == [SESSION] else answers).encode()
        if fault and fault.kind == "lose":
            raise _Gone
        return self._answer(200, self.mega.answers[repeated], "application/json")

    def _has_worked(self) -> bool:
        """The rule of MEGA's own clients: SHA-256 over 4 bytes and 262,144 times the token begins with few enough."""
        given = (self.headers.get("X-Hashcash") or "").split(":")
        if len(given) != 3 or given[:2] != ["1", self.mega.token] or len(b64d(given[2])) != 4:
            return False
        easiness = self.mega.easiness
        limit = (((easiness & 63) << 1) + 1) << ((easiness >> 6) * 7 + 3)
        digest = hashlib.sha256(b64d(given[2]) + b64d(self.mega.token) * HASHCASH_COPIES).digest()
        return int.from_bytes(digest[:4], "big") <= limit

    # Bytes

    def _upload(self, path: str, body: bytes) -> None:
        self.mega.requests.append("upload")
        fault = self.mega.faults.take("upload")
        if self._played(fault):
            return
        _, _, target, offset = path.split("/")
        token = self.mega.service.take(target, int(offset), body)
        if fault and fault.kind == "lose":
            raise _Gone
        if token is None:
            self._answer(200, b"-8")
        elif token and self.mega.service.uploads[target]["as_bytes"]:
            self._answer(200, b64d(token), "application/octet-stream")
        else:
            self._answer(200, token.encode(), "text/plain")

    def _download(self, parts: list[str]) -> None:
        self.mega.requests.append("download")
        fault = self.mega.faults.take("download")
        if self._played(fault):
            return
        data = self.mega.service.blobs.get(parts[2]) if len(parts) > 2 and parts[1] == "dl" else None
        if data is None:
            self._answer(404)
            return
        if len(parts) > 3:
            first, last = map(int, parts[3].split("-"))
            data = data[first : last + 1]
        kind = fault.kind if fault else ""
        if kind == "corrupt":
            data = bytes([data[0] ^ 1]) + data[1:]
        if kind in ("truncate", "drip", "flood"):
            self._send_wrongly(kind, data)
        else:
            self._answer(200, data, "application/octet-stream")

    def _send_wrongly(self, kind: str, data: bytes) -> None:
        promised = None if kind == "flood" else len(data)
        self._head(200, promised, "application/octet-stream")
        if kind == "truncate":
            self._write(data[: len(data) // 2])
        elif kind == "drip":
            for byte in data:
                self._write(bytes([byte]))
                if self.mega.stopping.wait(1):
                    break
        else:
            while not self.mega.stopping.is_set():
                self._write(bytes(FLOOD_BYTES))
        raise _Gone

    # Answers

    def _played(self, fault: Fault | None) -> bool:
        """Do what a fault of any place says; False when the request is to be done all the same."""
        if fault is None or fault.kind in ("lose", "truncate", "corrupt"):
            return False
        match fault.kind:
            case "code":
                self._answer(200, json.dumps([fault.value]).encode())
            case "batch_code":
                self._answer(200, json.dumps(fault.value).encode())
            case "http":
                self._answer(fault.value, **{"X-MEGA-Time-Left": "60"})
            case "html":
                self._answer(200, b"<!DOCTYPE html><title>Please log in</title>", "text/html")
            case "redirect":
                self._answer(302, Location=fault.value)
            case "text":
                self._answer(200, fault.value.encode())
            case "drop":
                raise _Gone
            case "silence":
                self.mega.stopping.wait()
                raise _Gone
            case "slow":
                self.mega.stopping.wait(fault.value)
                return False
            case "drip" | "flood":
                if fault.where == "download":
                    return False
                self._send_wrongly(fault.kind, b"[" + b" " * 1000 + b"-3]")
        return True

    def _answer(self, status: int, body: bytes = b"", kind: str = "text/plain", **headers: str) -> None:
        self._head(status, len(body), kind, **headers)
        self._write(body)

    def _head(self, status: int, length: int | None, kind: str, **headers: str) -> None:
        self.send_response(status)
        always = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "X-Hashcash, X-MEGA-Time-Left"}
        for name, value in {**always, "Content-Type": kind, **headers}.items():
            self.send_header(name, value)
        if length is None:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _write(self, data: bytes) -> None:
        try:
            self.wfile.write(data)
        except OSError as error:
            raise _Gone from error
        self.mega.bytes_sent += len(data)


def main() -> None:
    """Run it by itself with one account and one shared folder, described in one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose")
    parser.add_argument("--email", default="owner@example.test")
    parser.add_argument("--password", default=PASSWORD)
    options = parser.parse_args()
    with MegaEmulator(options.port) as mega:
        account = mega.make_account(options.email, options.password)
        shown = {"origin": mega.origin, "email": account.email, "password": account.password}
        print(json.dumps({**shown, "link": mega.export_folder(account)}), flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
