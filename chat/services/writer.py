"""The writer: one thread per server process that stores everything that waits in one transaction."""

import logging
import threading
from collections import deque
from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.utils.module_loading import import_string

from chat.services.delivery import ANY_SIZE, Append, Outcome, Place, StoredRow, store
from clawchat.protocol.errors import Internal, Unavailable

logger = logging.getLogger(__name__)

BATCH = 256

# One of the works handed in, what its caller wants done with the outcome, and the outcome.
Finished = tuple[Append, Callable[[Outcome], None], Outcome]


class Writer:
    """Stores appends and commits in the order they are handed in.

    `deliver` is called in the writer's thread with the outcomes of a whole batch, after its commit: one hop to the
    event loop for up to 256 messages.
    """

    def __init__(self, deliver: Callable[[list[Finished]], None], most_stored: int = ANY_SIZE) -> None:
        self._deliver = deliver
        # How many bytes of the log one device may have; may be changed at any time.
        self.most_stored = most_stored
        self._waiting: deque[tuple[Append, Callable[[Outcome], None]]] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._after_commit = self._load_hook()

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="clawchat-writer", daemon=True)
        self._thread.start()

    @property
    def lives(self) -> bool:
        """Whether its thread is at work."""
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        """Store what waits, and end the thread."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()

    def submit(self, work: Append, done: Callable[[Outcome], None]) -> None:
        """Hand in one work; `done` travels with its outcome to `deliver`."""
        with self._wake:
            self._waiting.append((work, done))
            self._wake.notify()

    def _run(self) -> None:
        try:
            while batch := self._next_batch():
                self._write(batch)
        finally:
            connection.close()

    def _next_batch(self) -> list[tuple[Append, Callable[[Outcome], None]]]:
        with self._wake:
            self._wake.wait_for(lambda: self._waiting or self._stopping)
            return [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]

    def _write(self, batch: list[tuple[Append, Callable[[Outcome], None]]]) -> None:
        outcomes = self._store([work for work, _ in batch])
        self._deliver([(work, done, outcome) for (work, done), outcome in zip(batch, outcomes, strict=True)])

    def _store(self, works: list[Append]) -> list[Outcome]:
        try:
            outcomes = _store_anew(works, self.most_stored)
            self._tell(outcomes)
        except (DatabaseError, InterfaceError) as error:
            # Away or full. Nothing of the batch is stored; whoever sent it keeps it and sends it again.
            logger.warning("%d messages not stored: %s", len(works), type(error).__name__)
            connection.close()
            return [Unavailable("not stored now")] * len(works)
        except Exception:
            # A bug must not end the one thread that writes.
            logger.exception("%d messages not stored", len(works))
            connection.close()
            return [Internal("not stored")] * len(works)
        return outcomes

    def _tell(self, outcomes: list[Outcome]) -> None:
        if self._after_commit is not None:
            self._after_commit([outcome.row for outcome in outcomes if isinstance(outcome, Place) and outcome.row])

    @staticmethod
    def _load_hook() -> Callable[[list[StoredRow]], None] | None:
        path = settings.CLAWCHAT_AFTER_COMMIT
        return import_string(path) if path else None


def _store_anew(works: list[Append], most_stored: int) -> list[Outcome]:
    """`store`, once more when the connection had died while nobody looked."""
    try:
        return store(works, most_stored=most_stored)
    except (DatabaseError, InterfaceError):
        if connection.is_usable():
            raise
        connection.close()
        return store(works, most_stored=most_stored)
