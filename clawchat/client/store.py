"""What a client must remember: SQLite rows, each sealed by a key in a file beside the database."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clawchat.protocol.errors import UsageError
from clawchat.protocol.key_schedule import expand_label
from clawchat.protocol.primitives import AeadKey, aead_key, aead_open, aead_seal, random_bytes

DATABASE_NAME = "client.sqlite3"
KEY_NAME = "client.key"
KEY_BYTES = 32
IV_BYTES = 12

SCHEMA = (
    """
CREATE TABLE IF NOT EXISTS rows (
    store TEXT NOT NULL,
    key BLOB NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (store, key)
) WITHOUT ROWID
""",
    "CREATE TABLE IF NOT EXISTS writer (number INTEGER NOT NULL)",
    "INSERT INTO writer SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM writer)",
)


class Store:
    """Named stores of sealed rows. A put is on the disk when it returns.

    Row: `iv[12] || AES-256-GCM(XL(storage key, "store", store name), aad = store name || 0 || row key)`, so a row
    cannot be read, changed or moved to another place. Row keys stand in clear. Whoever may read the key file may read
    the rows: the file system's permissions (0600) are the protection. What is erased is overwritten in the file.

    The lock keeps other programs away. It is not trusted alone: each transaction that writes compares and raises a
    writer number, so whoever wrote from an older copy of the rows is refused.
    Spec: 4.6, 5
    """

    def __init__(self, database: sqlite3.Connection, storage_key: bytes, lock: int | None = None) -> None:
        self._database = database
        self._storage_key = storage_key
        self._lock = lock
        self._keys: dict[str, AeadKey] = {}
        self._writing = False
        database.execute("PRAGMA secure_delete=ON")
        database.execute("BEGIN IMMEDIATE")
        for statement in SCHEMA:
            database.execute(statement)
        database.execute("COMMIT")
        self._number = self._writer_number()

    @classmethod
    def open(cls, folder: Path) -> "Store":
        """The store in this folder, made on first use; it belongs to one process at a time.

        Raises: usage (another process has it open).
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / KEY_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise UsageError(f"another program is using the device in {folder}") from None
        database = sqlite3.connect(folder / DATABASE_NAME, isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        (folder / DATABASE_NAME).chmod(0o600)
        return cls(database, _storage_key(lock), lock)

    @classmethod
    def in_memory(cls) -> "Store":
        """A store that ends with the process, for load tests and experiments."""
        return cls(sqlite3.connect(":memory:", isolation_level=None), random_bytes(KEY_BYTES))

    def close(self) -> None:
        """Let another process have it."""
        self._database.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All puts and deletes within are stored together or not at all; transactions nest into one.

        Raises: usage (another program has written meanwhile; open the store anew).
        """
        if self._writing:
            yield
            return
        self._database.execute("BEGIN IMMEDIATE")
        self._writing = True
        try:
            if self._writer_number() != self._number:
                raise UsageError("another program has written to the device's state")
            self._database.execute("UPDATE writer SET number = number + 1")
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        else:
            self._database.execute("COMMIT")
            self._number += 1
        finally:
            self._writing = False

    def get(self, store: str, key: bytes) -> bytes | None:
        """The value of a row, None when there is none.

        Raises: unauthentic (the row was changed or sealed by another key).
        """
        found = self._database.execute("SELECT sealed FROM rows WHERE store = ? AND key = ?", (store, key)).fetchone()
        return None if found is None else self._open(store, key, found[0])

    def put(self, store: str, key: bytes, value: bytes) -> None:
        """Write a row in place of whatever it held."""
        iv = random_bytes(IV_BYTES)
        sealed = iv + aead_seal(self._key(store), iv, value, _associated_data(store, key))
        with self.transaction():
            self._database.execute("INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", (store, key, sealed))

    def delete(self, store: str, key: bytes) -> None:
        """Erase a row, if there is one."""
        with self.transaction():
            self._database.execute("DELETE FROM rows WHERE store = ? AND key = ?", (store, key))

    def items(self, store: str, first: bytes = b"", last: bytes | None = None) -> list[tuple[bytes, bytes]]:
        """The rows of a store by ascending key, all of them or those from the key `first` to the key `last`."""
        found = self._database.execute(
            "SELECT key, sealed FROM rows WHERE store = ? AND key >= ? AND (? IS NULL OR key <= ?) ORDER BY key",
            (store, first, last, last),
        )
        return [(key, self._open(store, key, sealed)) for key, sealed in found.fetchall()]

    def keys(self, store: str) -> list[bytes]:
        """The keys of a store's rows, ascending; nothing is opened."""
        found = self._database.execute("SELECT key FROM rows WHERE store = ? ORDER BY key", (store,))
        return [key for (key,) in found.fetchall()]

    def forget_former(self) -> None:
        """Overwrite what the write-ahead log still has of rows that were changed or erased."""
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _writer_number(self) -> int:
        number: int = self._database.execute("SELECT number FROM writer").fetchone()[0]
        return number

    def _open(self, store: str, key: bytes, sealed: bytes) -> bytes:
        return aead_open(self._key(store), sealed[:IV_BYTES], sealed[IV_BYTES:], _associated_data(store, key))

    def _key(self, store: str) -> AeadKey:
        if store not in self._keys:
            self._keys[store] = aead_key(expand_label(self._storage_key, "store", store.encode()))
        return self._keys[store]


def _associated_data(store: str, key: bytes) -> bytes:
    return store.encode() + b"\0" + key


def _storage_key(descriptor: int) -> bytes:
    key = os.pread(descriptor, KEY_BYTES, 0)
    if len(key) != KEY_BYTES:
        # First use, or a power cut while it was written: then no row can have been sealed by it yet.
        key = random_bytes(KEY_BYTES)
        os.pwrite(descriptor, key, 0)
        os.fsync(descriptor)
    return key
