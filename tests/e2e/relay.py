"""Stands between clients and a chat port, keeps every byte that passes, both ways, and says things of its own."""

import asyncio
from typing import Self


class RecordingRelay:
    """Listens on 127.0.0.1:port, forwards to the same port of another loopback address, and remembers the bytes."""

    def __init__(self, port: int, target: str) -> None:
        self._port, self._target = port, target
        self._recorded = bytearray()
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def recorded(self) -> bytes:
        """Everything that has passed so far."""
        return bytes(self._recorded)

    def forge_close(self, code: int) -> int:
        """Write a WebSocket close frame to every client, as anybody on the way can; to how many."""
        for client in self._clients:
            client.write(b"\x88\x02" + code.to_bytes(2, "big"))
        return len(self._clients)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._target, self._port)
        self._clients.add(writer)
        try:
            await asyncio.gather(self._pass_on(reader, far_writer), self._pass_on(far_reader, writer))
        finally:
            self._clients.discard(writer)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                self._recorded += data
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()
