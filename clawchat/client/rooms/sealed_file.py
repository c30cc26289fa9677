"""The sealed chunks of files on our own disk, on their way to the server or from it."""

from collections.abc import Iterable, Iterator

from clawchat.client.store import Store
from clawchat.protocol.bodies import FileChunk
from clawchat.protocol.encoding import u32


class SealedFile:
    """The chunks of one file in one of the store's drawers. Key: `file[16] || u32 index`."""

    def __init__(self, store: Store, drawer: str, file_id: bytes, count: int) -> None:
        self._store, self._drawer = store, drawer
        self.file_id, self.count = file_id, count

    def put(self, chunks: Iterable[FileChunk]) -> None:
        """Keep these chunks, together or not at all."""
        with self._store.transaction():
            for chunk in chunks:
                self._store.put(self._drawer, self._key(chunk.index), chunk.data)

    def chunks(self, first: int = 0) -> Iterator[FileChunk]:
        """The chunks from an index on, read one by one."""
        for index in range(first, self.count):
            data = self._store.get(self._drawer, self._key(index))
            if data is None:
                return
            yield FileChunk(self.file_id, index, index == self.count - 1, data)

    def erase(self) -> None:
        """Let go of all of them."""
        with self._store.transaction():
            for index in range(self.count):
                self._store.delete(self._drawer, self._key(index))

    def _key(self, index: int) -> bytes:
        return self.file_id + u32(index)
