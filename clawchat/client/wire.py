"""The WebSocket below a connection: binary messages, and an end that waits for nobody long."""

import asyncio
import contextlib

import aiohttp

from clawchat.protocol.errors import Malformed

NORMAL_CLOSURE = 1000
CLOSE_SECONDS = 2.0


async def read_binary(socket: aiohttp.ClientWebSocketResponse) -> bytes | None:
    """The next message; None when the other side has closed, or the line is cut.

    Raises: malformed (a message of text).
    Spec: 3
    """
    message = await socket.receive()
    if message.type == aiohttp.WSMsgType.BINARY:
        data: bytes = message.data
        return data
    if message.type == aiohttp.WSMsgType.TEXT:
        raise Malformed("text instead of a binary message")
    return None


async def close(socket: aiohttp.ClientWebSocketResponse, code: int) -> None:
    """Close it with this code, and wait a moment for the other side to do so, too."""
    with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await socket.close(code=code)
