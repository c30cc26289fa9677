"""Files: begun, read and dropped. Their chunks travel as frames of their own."""

import asyncio
from collections.abc import Sequence
from typing import Any

from chat.hub import Hub
from chat.live import LiveSession
from chat.services import files
from clawchat.protocol.bodies import FileChunk
from clawchat.protocol.errors import Malformed
from clawchat.protocol.frame import MessageType
from clawchat.protocol.limits import FILE_CHUNK_BYTES, FILE_READ_CHUNKS

# So many are read, and held in memory, for one session at once.
CHUNKS_AT_ONCE = 4


async def create(hub: Hub, session: LiveSession, body: dict[str, Any]) -> dict[str, Any]:
    """`file.create`: begin a file, or see how far it came."""
    whole = (body["file"], body["room"], body["size"])
    return {"have": await hub.database.run(files.create, session.device_pk, *whole)}


async def read(hub: Hub, session: LiveSession, body: dict[str, Any]) -> dict[str, Any]:
    """`file.read`: chunks go out as the peer takes them, then the answer; a few at a time, each with its own look at
    the membership.

    What is handed out counts against the rate of bytes like what comes in: one small question after the other would
    keep the disk busy. When that runs out midway, there are fewer chunks.
    """
    first, count = body["index"], body["count"]
    if not 1 <= count <= FILE_READ_CHUNKS:
        raise Malformed(f"{count} chunks, at most {FILE_READ_CHUNKS}")
    size = None
    for index in range(first, first + count, CHUNKS_AT_ONCE):
        asked = min(CHUNKS_AT_ONCE, first + count - index)
        if wait := hub.rates.take_bytes(session.device_pk, session.address, asked * FILE_CHUNK_BYTES, hub.clock()):
            if size is None:
                raise session.too_fast(wait, "too much at once")
            break
        size, chunks = await hub.database.run(files.read, session.device_pk, body["file"], body["room"], index, asked)
        if not await _send(session, chunks) or len(chunks) < asked:
            break
    return {"size": size}


async def drop(hub: Hub, session: LiveSession, body: dict[str, Any]) -> dict[str, Any]:
    """`file.drop`: remove a file of this device."""
    while not await hub.database.run(files.drop, session.device_pk, body["file"], body["room"]):
        await asyncio.sleep(files.PAUSE_SECONDS)
    return {}


async def _send(session: LiveSession, chunks: Sequence[FileChunk]) -> bool:
    """Whether the session is still there, when all these chunks are on their way."""
    for chunk in chunks:
        await session.until_writable()
        session.send(MessageType.FILE, chunk.encode())
    return session.is_open
