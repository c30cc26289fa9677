"""Looks into a running server's database from outside, on SQLite or PostgreSQL: leases, the log, connections."""

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

BUSY_SECONDS = 10


@dataclass(frozen=True)
class Lease:
    """A port as its row has it."""

    pk: int
    node: int
    kind: str
    state: str
    port: int


class Rows:
    """Reads rows, and never writes one. `database_url` is None where SQLite in the data directory is meant."""

    def __init__(self, data_dir: Path, database_url: str | None = None) -> None:
        self._data_dir, self._url = data_dir, database_url

    def ask(self, question: str) -> list[tuple[Any, ...]]:
        """All rows of a SELECT."""
        with self._connected() as database:
            return list(database.execute(question).fetchall())

    def leases(self) -> list[Lease]:
        """All leases, by their number."""
        rows = self.ask("SELECT id, node_id, kind, state, port FROM rotation_portlease ORDER BY id")
        return [Lease(*row) for row in rows]

    def logs(self) -> dict[bytes, list[tuple[int, bytes]]]:
        """(seq, message id) of every application message of every room, in the order of the log."""
        logs: dict[bytes, list[tuple[int, bytes]]] = {}
        names = {pk: bytes(room) for pk, room in self.ask("SELECT id, room_id FROM chat_room")}
        for room, seq, message_id in self.ask(
            "SELECT room_id, seq, message_id FROM chat_envelope WHERE kind = 1 ORDER BY room_id, seq"
        ):
            logs.setdefault(names[room], []).append((seq, bytes(message_id)))
        return logs

    def count(self, table: str, where: str = "1 = 1") -> int:
        """How many rows a table has."""
        return self.ask(f"SELECT count(*) FROM {table} WHERE {where}")[0][0]

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Any]:
        if self._url is not None:
            with psycopg.connect(self._url.replace("postgres://", "postgresql://")) as database:
                yield database
            return
        path = self._data_dir / "clawchat.sqlite3"
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=BUSY_SECONDS)
        try:
            yield database
        finally:
            database.close()
