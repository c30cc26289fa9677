"""Files on their way to a room: sealed onto our disk, brought to the server, then shown by a message.

What is on the disk survives everything: a lost connection, a move of the port, a restart of the program. It is sealed
once, under one key; what is sent again is the same ciphertext.
Spec: 3.18, 4.4
"""

import asyncio
import contextlib
import logging
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from clawchat.client.connection import Connection
from clawchat.client.errors import ConnectionLost, Unreachable, plain_text
from clawchat.client.refusals import pause_after
from clawchat.client.store import Store
from clawchat.protocol.attachment import Attachment, chunk_count, seal_attachment, sealed_size
from clawchat.protocol.bodies import Ack, ErrorBody, FileChunk
from clawchat.protocol.encoding import encode_cbor, parse_cbor
from clawchat.protocol.errors import (
    ClawChatError,
    Internal,
    Malformed,
    NotMember,
    OutOfOrder,
    PeerError,
    TooFast,
    Unavailable,
    error_for,
)
from clawchat.protocol.frame import MessageType
from clawchat.protocol.keys import AttachmentKey
from clawchat.protocol.limits import ATTACHMENT_CHUNK_BYTES, FILE_CHUNKS_IN_FLIGHT
from clawchat.protocol.primitives import Sha256, new_message_id, random_bytes

from .payload import encode_text
from .sealed_file import SealedFile
from .staging import Ask

if TYPE_CHECKING:
    from .room import Room

logger = logging.getLogger(__name__)

# Bytes that are there, and bytes of the whole.
Progress = Callable[[int, int], None]
STORE, CHUNKS = "uploads", "upload chunks"
CHUNKS_AT_ONCE = 16
CONNECT_SECONDS = 3600.0
# Here the file is asked after again, and goes on from where it stands. Not so after Limit: the device has its fill
# stored there, which whoever sends it is told.
RESUMED = (ConnectionLost, Unreachable, TooFast, Unavailable, Internal, OutOfOrder)


@dataclass(eq=False, slots=True, repr=False)
class Upload:
    """A file that is sealed and not shown yet."""

    room_id: bytes
    attachment: Attachment
    text: str
    order: int
    progress: Progress | None = None
    # The id of the message that shows it, once that is queued.
    queued: "asyncio.Future[bytes] | None" = None

    @property
    def count(self) -> int:
        """Its chunks."""
        return chunk_count(self.attachment.size)

    def encode(self) -> bytes:
        """The upload as the store keeps it."""
        shown = {"attachment": self.attachment.to_members(), "text": self.text}
        return encode_cbor({"room": self.room_id, "order": self.order, **shown})

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The upload in a row of the store."""
        row: dict[str, Any] = parse_cbor(data)
        return cls(row["room"], Attachment.from_members(row["attachment"]), row["text"], row["order"])

    def tell(self, have: int) -> None:
        """Say how far it came."""
        if self.progress is not None:
            size = self.attachment.size
            self.progress(size if have == self.count else min(size, have * ATTACHMENT_CHUNK_BYTES), size)


class Uploads:
    """One after the other, in the order they were given."""

    def __init__(
        self,
        store: Store,
        ask: Ask,
        usable: Callable[[float], Awaitable[Connection]],
        room: Callable[[bytes], "Room | None"],
    ) -> None:
        self._store, self._ask, self._usable, self._room = store, ask, usable, room
        rows = (Upload.parse(value) for _, value in store.items(STORE))
        self._uploads = deque(sorted(rows, key=lambda upload: upload.order))
        self._sent: dict[bytes, asyncio.Future[int]] = {}
        self._wake = asyncio.Event()
        self._forget_halves()
        if self._uploads:
            self._wake.set()

    async def add(
        self,
        room_id: bytes,
        plaintext: Iterable[bytes],
        size: int,
        name: str,
        mime: str,
        text: str,
        progress: Progress | None,
    ) -> Upload:
        """Seal a file onto the disk, under a key of its own, and have it brought.

        Raises: usage (other than `size` bytes, a name or type that none may have); too_large; not_member.
        """
        self._joined(room_id)
        text = text.lstrip("\ufeff")
        encode_text(text, 0)
        file_id, key, digest = random_bytes(16), AttachmentKey.generate(), Sha256()
        sealed = SealedFile(self._store, CHUNKS, file_id, chunk_count(size))
        try:
            chunks: list[FileChunk] = []
            for chunk in seal_attachment(plaintext, file_id, key, size, digest):
                chunks.append(chunk)
                if chunk.is_last or len(chunks) == CHUNKS_AT_ONCE:
                    sealed.put(chunks)
                    chunks.clear()
                    await asyncio.sleep(0)
            attachment = Attachment(file_id, size, key, digest.digest(), mime, name)
            upload = Upload(room_id, attachment, text, self._next_order(), progress)
            upload.queued = asyncio.get_running_loop().create_future()
            self._store.put(STORE, file_id, upload.encode())
        except BaseException:
            sealed.erase()
            raise
        self._uploads.append(upload)
        self._wake.set()
        return upload

    async def run(self) -> None:
        """Bring what waits, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._uploads:
                await self._bring(self._uploads[0])
                self._uploads.popleft()

    # What the server says

    def acknowledged(self, ack: Ack) -> None:
        """A chunk is stored."""
        future = self._sent.pop(ack.message_id, None)
        if future is not None and not future.done():
            future.set_result(ack.seq)

    def refused(self, body: ErrorBody) -> None:
        """A chunk is not."""
        future = self._sent.pop(body.message_id or b"", None)
        if future is not None and not future.done():
            _fail(future, error_for(body.number, plain_text(body.text)))

    def switched(self) -> None:
        """What was not answered on the connection before is asked after on the next one."""
        self._let_down(ConnectionLost("another connection carries the file on"))

    def fail(self, error: ClawChatError) -> None:
        """There will be no connection any more; the files stay on the disk."""
        self._let_down(error)
        for upload in self._uploads:
            if upload.queued is not None and not upload.queued.done():
                _fail(upload.queued, error)

    # Internal

    async def _bring(self, upload: Upload) -> None:
        """Until its message is queued, or it is refused for good."""
        while True:
            try:
                await self._carry(upload)
                self._show(upload)
            except RESUMED as error:
                await asyncio.sleep(pause_after(error) if isinstance(error, PeerError) else 0)
                continue
            except ClawChatError as error:
                logger.warning("a file was not taken: %s", error.code)
                self._erase(upload)
                if upload.queued is not None and not upload.queued.done():
                    _fail(upload.queued, error)
            return

    async def _carry(self, upload: Upload) -> None:
        """Every chunk that the server does not have yet. Raises: what it answers; connection_lost."""
        attachment = upload.attachment
        place = {"file": attachment.id, "room": upload.room_id}
        have: object = (await self._ask("file.create", **place, size=sealed_size(attachment.size))).get("have")
        if not isinstance(have, int):
            raise Malformed("answer to file.create")
        upload.tell(have)
        connection = await self._usable(CONNECT_SECONDS)
        waiting: deque[asyncio.Future[int]] = deque()
        for chunk in self._sealed(upload).chunks(have):
            if len(waiting) == FILE_CHUNKS_IN_FLIGHT:
                upload.tell(await waiting.popleft())
            waiting.append(await self._send(connection, chunk))
        while waiting:
            upload.tell(await waiting.popleft())

    async def _send(self, connection: Connection, chunk: FileChunk) -> "asyncio.Future[int]":
        message_id = new_message_id(time.time_ns() // 1_000_000)
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._sent[message_id] = future
        try:
            await connection.send(MessageType.FILE, chunk.encode(), message_id)
        except ClawChatError:
            self._sent.pop(message_id, None)
            raise
        return future

    def _show(self, upload: Upload) -> None:
        """The message that shows it takes the place of the upload, in one transaction."""
        room = self._joined(upload.room_id)
        with self._store.transaction():
            message_id = room.post(upload.text, (upload.attachment,))
            self._erase(upload)
        if upload.queued is not None and not upload.queued.done():
            upload.queued.set_result(message_id)

    def _joined(self, room_id: bytes) -> "Room":
        room = self._room(room_id)
        if room is None or not room.is_joined:
            raise NotMember("this device is not in the room")
        return room

    def _next_order(self) -> int:
        now_ms = time.time_ns() // 1_000_000
        return max(now_ms, self._uploads[-1].order + 1) if self._uploads else now_ms

    def _sealed(self, upload: Upload) -> SealedFile:
        return SealedFile(self._store, CHUNKS, upload.attachment.id, upload.count)

    def _erase(self, upload: Upload) -> None:
        with self._store.transaction():
            self._sealed(upload).erase()
            self._store.delete(STORE, upload.attachment.id)

    def _forget_halves(self) -> None:
        """What was being sealed when the program ended is begun anew by whoever still wants it, under another key."""
        whole = {upload.attachment.id for upload in self._uploads}
        halves = [key for key in self._store.keys(CHUNKS) if key[:16] not in whole]
        with self._store.transaction() if halves else contextlib.nullcontext():
            for key in halves:
                self._store.delete(CHUNKS, key)

    def _let_down(self, error: ClawChatError) -> None:
        sent, self._sent = self._sent, {}
        for future in sent.values():
            if not future.done():
                _fail(future, error)


@contextlib.contextmanager
def source_of(source: Path | bytes | BinaryIO) -> Iterator[tuple[Iterable[bytes], int]]:
    """What there is to seal, in pieces, and how many bytes it has; a stream is read at once, and into memory.

    Raises: OSError.
    """
    if isinstance(source, Path):
        with source.open("rb") as file:
            yield iter(partial(file.read, ATTACHMENT_CHUNK_BYTES), b""), os.fstat(file.fileno()).st_size
    else:
        data = source if isinstance(source, bytes) else source.read()
        yield [data], len(data)


def _fail(future: "asyncio.Future[Any]", error: ClawChatError) -> None:
    future.set_exception(error)
    # Looked at, or asyncio would complain of an error that nobody saw.
    future.exception()
