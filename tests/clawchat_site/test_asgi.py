"""Two applications: the front door speaks HTTP, the chat ports WebSocket."""

import asyncio

import pytest
from channels.testing import HttpCommunicator, WebsocketCommunicator

from clawchat_site import asgi
from clawchat_site.asgi import FRONT_AT_ONCE, front


async def test_front_door_refuses_websockets():
    """A WebSocket at the fixed door is closed before it opens."""
    stranger = WebsocketCommunicator(front, "/")

    connected, _ = await stranger.connect()

    assert not connected


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("root", "path"), [("/x", "/x/admin/login/"), ("/static", "/static/admin/login/")])
async def test_nobody_says_where_the_root_is(root, path):
    """Daphne makes the header Daphne-Root-Path, which anybody may send, the scope's root path: it opens no side way
    into the admin from outside."""
    stranger = HttpCommunicator(front, "GET", path, headers=[(b"host", b"localhost")])
    stranger.scope |= {"root_path": root, "client": ["192.0.2.7", 40_000]}

    answer = await stranger.get_response(timeout=20)
    await stranger.wait(timeout=20)

    assert answer["status"] == 404
    assert not [value for name, value in answer["headers"] if name.lower() == b"set-cookie"]


async def test_a_crowd_at_the_front_door_stands_in_line(monkeypatch):
    """Each request may take a database connection; all are answered in turn."""
    at_work, most, answered = 0, 0, 0

    async def http(scope, receive, send):
        nonlocal at_work, most, answered
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0.001)
        at_work -= 1
        answered += 1

    monkeypatch.setattr(asgi, "http", http)
    monkeypatch.setattr(asgi, "_places", asyncio.Semaphore(FRONT_AT_ONCE))

    await asyncio.gather(*(front({"type": "http"}, None, None) for _ in range(100)))

    assert (most, answered) == (FRONT_AT_ONCE, 100)


async def test_monitors_are_answered_while_all_others_wait(monkeypatch):
    """A database that is away holds up every page; whether the process lives must be told all the same."""
    release = asyncio.Event()
    answered = []

    async def http(scope, receive, send):
        if scope["path"] == "/":
            await release.wait()
        answered.append(scope["path"])

    monkeypatch.setattr(asgi, "http", http)
    monkeypatch.setattr(asgi, "_places", asyncio.Semaphore(FRONT_AT_ONCE))
    crowd = [asyncio.ensure_future(front({"type": "http", "path": "/"}, None, None)) for _ in range(2 * FRONT_AT_ONCE)]
    await asyncio.sleep(0)

    async with asyncio.timeout(5):
        for path in ("/livez", "/readyz", "/metrics"):
            await front({"type": "http", "path": path}, None, None)

    assert answered == ["/livez", "/readyz", "/metrics"]
    release.set()
    await asyncio.gather(*crowd)
