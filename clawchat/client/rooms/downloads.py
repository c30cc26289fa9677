"""Files that others have shown in a room: fetched chunk by chunk, and opened only when all of it is there and good.

What was fetched stays on our disk until the file is whole, so a lost connection or a restart costs nothing.
Spec: 3.18, 4.4
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from clawchat.client.errors import Unreachable
from clawchat.client.refusals import pause_after
from clawchat.client.store import Store
from clawchat.protocol.attachment import Attachment, chunk_count, open_attachment, sealed_size
from clawchat.protocol.bodies import FileChunk
from clawchat.protocol.encoding import encode_cbor, parse_cbor
from clawchat.protocol.errors import Malformed, PeerError, TooFast, Unavailable, UsageError
from clawchat.protocol.limits import ATTACHMENT_CHUNK_BYTES, FILE_READ_CHUNKS

from .saved_name import saved_name
from .sealed_file import SealedFile
from .staging import Ask
from .uploads import Progress

STORE, CHUNKS = "downloads", "download chunks"
# What was fetched in part and not asked for again.
KEPT_SECONDS = 7 * 86_400


class Downloads:
    """One at a time: the server answers one question after the other anyway."""

    def __init__(self, store: Store, ask: Ask) -> None:
        self._store, self._ask = store, ask
        self._turn = asyncio.Lock()
        # Of the file that is being read: its id, the next index, and what came.
        self._reading: tuple[bytes, int] | None = None
        self._came: list[FileChunk] = []
        self._forget_old()

    def hear(self, chunk: FileChunk) -> None:
        """A chunk has come. What nobody asked for, or has come before, is passed over."""
        if self._reading is not None and len(self._came) < FILE_READ_CHUNKS:
            file_id, first = self._reading
            if (chunk.file_id, chunk.index) == (file_id, first + len(self._came)):
                self._came.append(chunk)

    async def fetch(self, room_id: bytes, attachment: Attachment, to: Path, progress: Progress | None) -> Path:
        """The path of the file, which is there when all of it is good and under its name not a moment before.

        Where `to` is a folder, what its sender calls it is the name, but for what does not fit one (`saved_name`).
        Raises: usage (there is something already); as `read`.
        """
        path = to / saved_name(attachment.name) if to.is_dir() else to
        if path.exists():
            raise UsageError(f"there is a {path.name} already")
        async with self._turn:
            sealed = await self._bring(room_id, attachment, progress)
            _write(path, self._open(sealed, attachment))
            self._erase(sealed)
        return path

    async def read(self, room_id: bytes, attachment: Attachment, progress: Progress | None) -> bytes:
        """The file's bytes, however long it takes to fetch them.

        Raises: not_member (it is gone, or of another room); malformed, unauthentic (it is not what was shown).
        """
        async with self._turn:
            sealed = await self._bring(room_id, attachment, progress)
            data = b"".join(self._open(sealed, attachment))
            self._erase(sealed)
        return data

    # Internal

    async def _bring(self, room_id: bytes, attachment: Attachment, progress: Progress | None) -> SealedFile:
        """Every sealed chunk, on our disk."""
        count, size = chunk_count(attachment.size), attachment.size
        sealed, have = SealedFile(self._store, CHUNKS, attachment.id, count), self._have(attachment.id, count)
        while have < count:
            chunks = await self._ask_for(room_id, attachment, have)
            have += len(chunks)
            with self._store.transaction():
                sealed.put(chunks)
                row = {"have": have, "count": count, "time": int(time.time())}
                self._store.put(STORE, attachment.id, encode_cbor(row))
            if progress is not None:
                progress(size if have == count else min(size, have * ATTACHMENT_CHUNK_BYTES), size)
        return sealed

    async def _ask_for(self, room_id: bytes, attachment: Attachment, index: int) -> list[FileChunk]:
        """The next chunks, at least one, as many as the server likes to give."""
        asked = min(FILE_READ_CHUNKS, chunk_count(attachment.size) - index)
        place = {"file": attachment.id, "room": room_id, "index": index, "count": asked}
        self._reading, self._came = (attachment.id, index), []
        try:
            answer = await self._ask("file.read", **place)
        except (TooFast, Unavailable) as error:
            await asyncio.sleep(pause_after(error))
            return []
        except Unreachable:
            return []
        finally:
            self._reading, came = None, self._came
        if answer.get("size") != sealed_size(attachment.size) or not came:
            raise Malformed("the file is not of the size that was shown")
        return came[:asked]

    def _open(self, sealed: SealedFile, attachment: Attachment) -> Iterator[bytes]:
        """The plaintext; what is not good is thrown away, so that the next try fetches it anew."""
        try:
            yield from open_attachment(attachment, sealed.chunks())
        except PeerError:
            self._erase(sealed)
            raise

    def _have(self, file_id: bytes, count: int) -> int:
        value = self._store.get(STORE, file_id)
        row = parse_cbor(value) if value is not None else {"have": 0, "count": count}
        if row["count"] != count:
            # Two messages show one id and mean two files: what came of the other one is of no use for this one.
            self._erase(SealedFile(self._store, CHUNKS, file_id, row["count"]))
            return 0
        have: int = row["have"]
        return have

    def _erase(self, sealed: SealedFile) -> None:
        with self._store.transaction():
            sealed.erase()
            self._store.delete(STORE, sealed.file_id)

    def _forget_old(self) -> None:
        for file_id, value in self._store.items(STORE):
            row = parse_cbor(value)
            if row["time"] < time.time() - KEPT_SECONDS:
                self._erase(SealedFile(self._store, CHUNKS, file_id, row["count"]))


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    """Under another name first: a file that turns out to be none was never there."""
    descriptor, beside = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            raise UsageError(f"there is a {path.name} already")
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise
