"""The database backend: a thread that is to write waits for the others of its process, not by asking SQLite again.

SQLite lets one write at a time. Who comes meanwhile asks again after pauses of up to a tenth of a second, and whoever
asks at the right moment is first, so at a move of the port, when a hundred clients arrive at once, a message could
wait for seconds. Here the next one begins when the one before has ended. Other processes are met as ever.
"""

import threading

from django.db.backends.sqlite3 import base

# Nobody holds its turn so long. If somebody does, it is SQLite that keeps the two apart, as between processes.
LONGEST_SECONDS = 0.5

_turn = threading.Lock()


class DatabaseWrapper(base.DatabaseWrapper):
    """One connection; its turn is from the beginning of a transaction to its end, whichever it is."""

    _has_turn = False

    def _start_transaction_under_autocommit(self) -> None:
        self._has_turn = _turn.acquire(timeout=LONGEST_SECONDS)
        try:
            super()._start_transaction_under_autocommit()
        except BaseException:
            self._end_turn()
            raise

    def _commit(self) -> None:
        try:
            super()._commit()
        finally:
            self._end_turn()

    def _rollback(self) -> None:
        try:
            super()._rollback()
        finally:
            self._end_turn()

    def _close(self) -> None:
        try:
            super()._close()
        finally:
            self._end_turn()

    def _end_turn(self) -> None:
        if self._has_turn:
            self._has_turn = False
            _turn.release()
