"""Requests to mirrors, beside what each kind of mirror makes of them."""

import threading
import time
from itertools import chain, repeat

import pytest

from discovery.mirrors.base import MirrorError
from discovery.web import Request, fetch
from tests.discovery.servers import Misbehaving

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"


def asking() -> int:
    """How many requests are under way in this process."""
    return sum(thread.name == "mirror" for thread in threading.enumerate())


@pytest.mark.parametrize("head", [HEAD, HEAD[:9]])
def test_nothing_goes_on_after_the_deadline(head):
    """Each byte comes in time, in the head or in the body, and all of it does not: the thread ends, too."""
    with Misbehaving(lambda: chain([head], repeat(b"0")), pause=0.05) as server:
        with pytest.raises(MirrorError, match="took too long"):
            fetch(Request("GET", f"{server.origin}/connection.json"), 0.4)
        ends = time.monotonic() + 5
        while asking() and time.monotonic() < ends:
            time.sleep(0.02)

        assert asking() == 0
