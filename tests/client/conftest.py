"""What the tests of the client share: a tiny server, alice's client, a server of rooms, short pauses."""

import time
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from clawchat.client import Client, back_off, line
from clawchat.client.store import Store
from clawchat.protocol.authenticated_data import member_data
from clawchat.protocol.message_header import ContentType, encode_private_message
from clawchat.protocol.primitives import new_message_id
from tests.client.hub import Hub
from tests.client.tiny_server import TinyServer

ROOM = b"room-of-alice-01"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch) -> None:
    """Nobody waits for jitter in a test."""
    monkeypatch.setattr(line, "move_pause", lambda left, draw: 0.02 * draw)
    monkeypatch.setattr(back_off.BackOff.__init__, "__defaults__", (0.02, 0.1, back_off.jitter))


@pytest_asyncio.fixture
async def server() -> AsyncIterator[TinyServer]:
    """A tiny server with one open port and a published file."""
    async with TinyServer() as running:
        running.rooms[ROOM] = []
        yield running


@pytest_asyncio.fixture
async def alice(server, tmp_path) -> AsyncIterator[Client]:
    """Alice's enrolled and connected client."""
    client = await Client.enrol(server.invite(), tmp_path / "alice", name="Alice")
    yield client
    await client.close()


@pytest.fixture
def store() -> Iterator[Store]:
    """Where a device is kept."""
    store = Store.in_memory()
    yield store
    store.close()


@pytest_asyncio.fixture
async def hub() -> AsyncIterator[Hub]:
    """A server of rooms; whoever sits at it is ended."""
    hub = Hub()
    yield hub
    for seat in hub.seats.values():
        await seat.crash()
        seat.store.close()


def message(text: str, room: bytes = ROOM) -> tuple[bytes, bytes]:
    """The id and the bytes of an MLS message, as far as a server can tell."""
    message_id = new_message_id(time.time_ns() // 1_000_000)
    associated_data = member_data(room, message_id)
    return message_id, encode_private_message(room, 1, ContentType.APPLICATION, associated_data, b"", text.encode())


async def collect(client: Client, count: int) -> list:
    """The next events of a client."""
    events = []
    async for event in client.events():
        events.append(event)
        if len(events) == count:
            return events
    return events
