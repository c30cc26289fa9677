"""The file of cases: one pool of bytes that all of them are cut from, so that keys that come again are there once."""

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

# Bytes are looked for in the pool by windows of this size.
WINDOW = 24
LINE = 3000


class Pool:
    """Bytes that were said before. A piece of a blob is [offset, length] in the pool, or [offset, 1, times]."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._windows: dict[bytes, int] = {}

    def cut(self, blob: bytes) -> list[list[int]]:
        """The pieces that this blob is made of; what is new goes into the pool."""
        pieces: list[list[int]] = []
        at = new = 0
        while at < len(blob):
            run = _run(blob, at)
            found = self._windows.get(blob[at : at + WINDOW]) if len(blob) - at >= WINDOW else None
            if run < WINDOW and found is None:
                at += 1
                continue
            pieces += self._put(blob[new:at])
            length = run if run >= WINDOW else self._match(blob, at, found or 0)
            pieces.append([self._octet(blob[at]), 1, run] if run >= WINDOW else [found or 0, length])
            at = new = at + length
        return pieces + self._put(blob[new:])

    def lines(self) -> list[str]:
        """The pool as base64."""
        data = bytes(self.data)
        return [base64.b64encode(data[at : at + LINE]).decode() for at in range(0, len(data), LINE)]

    def _put(self, new: bytes) -> list[list[int]]:
        if not new:
            return []
        offset = len(self.data)
        self.data += new
        for at in range(max(0, offset - WINDOW + 1), len(self.data) - WINDOW + 1):
            self._windows.setdefault(bytes(self.data[at : at + WINDOW]), at)
        return [[offset, len(new)]]

    def _match(self, blob: bytes, at: int, offset: int) -> int:
        length = WINDOW
        limit = min(len(blob) - at, len(self.data) - offset)
        while length < limit and blob[at + length] == self.data[offset + length]:
            length += 1
        return length

    def _octet(self, octet: int) -> int:
        found = self.data.find(octet)
        return found if found >= 0 else self._put(bytes([octet]))[0][0]


def _run(blob: bytes, at: int) -> int:
    """How often the octet here comes in a row."""
    if blob[at : at + WINDOW] != blob[at : at + 1] * WINDOW:
        return 1
    return len(blob) - at - len(blob[at:].lstrip(blob[at : at + 1]))


def read_pool(lines: Sequence[str]) -> bytes:
    """The pool of these lines."""
    return b"".join(map(base64.b64decode, lines))


def joined(pool: bytes, pieces: Iterable[Sequence[int]]) -> bytes:
    """The blob of these pieces."""
    return b"".join(pool[piece[0] : piece[0] + piece[1]] * (piece[2] if len(piece) == 3 else 1) for piece in pieces)


def blobs(pool: bytes, parts: Mapping[str, Any]) -> dict[str, bytes | None]:
    """Blobs by name; one that is not there stays None."""
    return {name: None if pieces is None else joined(pool, pieces) for name, pieces in parts.items()}


def names_once(names: Iterable[str]) -> Iterator[str]:
    """The names that come more than once."""
    return (name for name, found in groupby(sorted(names)) if len(list(found)) > 1)
