"""A page of one module and its cases, served from the checkout under the policy that the real pages have."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from clawchat_site.headers import APP_POLICY, LOOPBACK_SOCKETS

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def module_page(module: str, cases: Mapping[str, Any]) -> Iterator[str]:
    """The address of a page that runs this module, by its path in the checkout; it finds its cases at /cases.json."""
    made = {
        "/": (f'<!doctype html><script type="module" src="/{module}"></script>'.encode(), "text/html"),
        "/cases.json": (json.dumps(cases).encode(), "application/json"),
    }
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, made=made, directory=str(ROOT))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


class _Files(SimpleHTTPRequestHandler):
    """The checkout's files, and what was made for this page."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".js": "text/javascript", ".mjs": "text/javascript"}

    def __init__(self, *args: Any, made: Mapping[str, tuple[bytes, str]], **options: Any) -> None:
        # Before the base class, whose constructor answers the request.
        self._made = made
        super().__init__(*args, **options)

    def do_GET(self) -> None:
        if self.path not in self._made:
            return super().do_GET()
        body, kind = self._made[self.path]
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body)

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", APP_POLICY.format(others=LOOPBACK_SOCKETS))
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""
