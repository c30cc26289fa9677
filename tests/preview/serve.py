"""Serves every screen with sample data and the real security policy: `python tests/preview/serve.py`, then open it.

`?scene=offline` and the like name what to show; the scenes stand in tests/preview/scenes.js.
"""

import os
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import django
from django.template.loader import render_to_string

ROOT = Path(__file__).resolve().parents[2]
# What the page asks for, and what stands in for it.
STAND_INS = {
    "/worker.js": "worker.js",
    "/static/js/chat/app.js": "fake_app.js",
    "/static/js/chat/sample.js": "sample.js",
    "/static/js/chat/sample_files.js": "sample_files.js",
    "/static/js/chat/sample_signals.js": "sample_signals.js",
    "/static/js/chat/scenes.js": "scenes.js",
}
PORT = 8123


class Preview(SimpleHTTPRequestHandler):
    """Static files of the checkout, the rendered page at `/`, and the stand-in for the app."""

    protocol_version = "HTTP/1.1"
    # Whoever changes a file sees it at the next look.
    caching = "no-store"
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".webmanifest": "application/manifest+json"}

    def do_GET(self) -> None:
        """Answer the page itself, or a file."""
        if self.path.split("?")[0] != "/":
            return super().do_GET()
        page = render_to_string("chat/index.html").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def translate_path(self, path: str) -> str:
        """The file that answers a path."""
        bare = path.split("?", maxsplit=1)[0]
        if bare in STAND_INS:
            return str(ROOT / "tests" / "preview" / STAND_INS[bare])
        return super().translate_path(path)

    def end_headers(self) -> None:
        """Send the policy with every answer, as the site does."""
        from clawchat_site.headers import APP_POLICY, LOOPBACK_SOCKETS

        self.send_header("Content-Security-Policy", APP_POLICY.format(others=LOOPBACK_SOCKETS))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", self.caching)
        super().end_headers()

    def log_message(self, *_args) -> None:
        """Stay quiet; the browser's console tells what failed."""


class SteadyPreview(Preview):
    """The same while no file changes: a browser asks for each once, and opens the next scene in a third of the time."""

    caching = "max-age=600"


def start(port: int = 0, handler: type[Preview] = Preview) -> ThreadingHTTPServer:
    """A server ready to serve on a port of 127.0.0.1; 0 takes a free one."""
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    return ThreadingHTTPServer(("127.0.0.1", port), partial(handler, directory=str(ROOT)))


if __name__ == "__main__":
    with start(PORT) as server:
        print(f"http://localhost:{PORT}/?scene=ready")
        server.serve_forever()
