"""The protocol's vectors in a real browser, under the policy that the pages are served with."""

import asyncio
import functools
import http.server
import json
import threading
from pathlib import Path

import pytest

from clawchat_site.headers import APP_POLICY, LOOPBACK_SOCKETS
from tests.e2e.browser import Browsers

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests/vectors"
SECONDS = 60


class Files(http.server.SimpleHTTPRequestHandler):
    """The checkout's files, and one page and one list that are made here."""

    def do_GET(self):
        made = {
            "/": (b'<!doctype html><script type="module" src="/tests/e2e/protocol_page.mjs"></script>', "text/html")
        }
        made["/cases.json"] = (cases(), "application/json")
        if self.path not in made:
            return super().do_GET()
        body, kind = made[self.path]
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        return self.wfile.write(body)

    def end_headers(self):
        self.send_header("Content-Security-Policy", APP_POLICY.format(others=LOOPBACK_SOCKETS))
        super().end_headers()

    def log_message(self, *_):
        """Say nothing."""


Files.extensions_map = {**Files.extensions_map, ".js": "text/javascript", ".mjs": "text/javascript"}


def cases():
    """All cases by area and name."""
    paths = sorted(VECTORS.glob("*/*.json"))
    return json.dumps({f"{path.parent.name}/{path.stem}": json.loads(path.read_text()) for path in paths}).encode()


@pytest.fixture
def address():
    """Where the files are served."""
    handler = functools.partial(Files, directory=ROOT)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


async def test_chromium_judges_every_vector_as_node_and_python_do(address, tmp_path, chromium_path):
    """Web Crypto and WebAssembly of the browser give the same answers, with no word from the policy."""
    async with Browsers(chromium_path, tmp_path) as browsers:
        bob = await browsers.open("bob", address)
        async with asyncio.timeout(SECONDS):
            while not (title := await bob.page.title()).startswith("{"):
                await asyncio.sleep(0.1)

        assert json.loads(title) == {"count": len(list(VECTORS.glob("*/*.json"))), "wrong": []}
        assert bob.complaints_about_code() == []
