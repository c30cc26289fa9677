"""The protocol's vectors in a real browser, under the policy that the pages are served with."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.e2e.browser import Browsers
from tests.e2e.module_page import module_page

pytestmark = pytest.mark.e2e

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
SECONDS = 60


def cases():
    """All cases by area and name."""
    paths = sorted(VECTORS.glob("*/*.json"))
    return {f"{path.parent.name}/{path.stem}": json.loads(path.read_text()) for path in paths}


@pytest.fixture
def address():
    """Where the page is."""
    with module_page("tests/e2e/protocol_page.mjs", cases()) as address:
        yield address


async def test_chromium_judges_every_vector_as_node_and_python_do(address, tmp_path, chromium_path):
    """Web Crypto and WebAssembly of the browser give the same answers, with no word from the policy."""
    async with Browsers(chromium_path, tmp_path) as browsers:
        bob = await browsers.open("bob", address)
        async with asyncio.timeout(SECONDS):
            while not (title := await bob.page.title()).startswith("{"):
                await asyncio.sleep(0.1)

        assert json.loads(title) == {"count": len(cases()), "wrong": []}
        assert bob.complaints_about_code() == []
