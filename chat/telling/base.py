"""What goes wrong with a channel, and an end to waiting for it."""

import queue
import threading
from collections.abc import Callable


class CannotTell(Exception):
    """A message did not get through; the text says why, without addresses and passwords."""


class Deadline:
    """Runs a call on a thread of its own and waits for it so many seconds; then `give_up` ends what it waits for."""

    def __init__(self, seconds: float, give_up: Callable[[], object]) -> None:
        self._seconds, self._give_up = seconds, give_up

    def run(self, call: Callable[[], object]) -> None:
        """Do it.

        Raises: TimeoutError, and what the call raises.
        """
        outcome: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
        threading.Thread(target=_leave_outcome, args=(call, outcome), daemon=True, name="alerts").start()
        try:
            error = outcome.get(timeout=self._seconds)
        except queue.Empty:
            self._give_up()
            raise TimeoutError from None
        if error is not None:
            raise error


def _leave_outcome(call: Callable[[], object], outcome: "queue.SimpleQueue[Exception | None]") -> None:
    try:
        call()
    except Exception as error:
        outcome.put(error)
    else:
        outcome.put(None)
