"""What the emulator may do wrong, and where."""

import threading
from dataclasses import dataclass

KINDS = {
    "code": "answers the command with this error number",
    "batch_code": "answers the whole request with this error number",
    "http": "answers with this status and no body",
    "html": "answers with a page, as a captive portal does",
    "redirect": "sends the client to this address",
    "slow": "waits so many seconds, then does what was asked",
    "silence": "takes the request and never answers",
    "drop": "closes the connection without an answer and does nothing",
    "lose": "does what was asked and closes the connection before the answer",
    "text": "answers with this text",
    "truncate": "sends half of the file",
    "corrupt": "changes a bit of the file",
    "drip": "sends one byte a second",
    "flood": "sends noise without end",
}


@dataclass
class Fault:
    """One thing that goes wrong `times` times; below zero means always.

    where: the name of a command (`us`, `p`, ...), `upload`, `download`, or `*` for every command.
    """

    where: str
    kind: str
    value: object
    times: int


class Faults:
    """The faults that are still to come, in the order they were given."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, where: str, kind: str, value: object = None, times: int = 1) -> None:
        """Let it happen from now on.

        Raises: ValueError for a kind that does not exist.
        """
        if kind not in KINDS:
            raise ValueError(f"{kind} is none of {', '.join(KINDS)}")
        with self._lock:
            self._faults.append(Fault(where, kind, value, times))

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._faults.clear()

    def take(self, *places: str) -> Fault | None:
        """The next fault at one of these places, counted as used."""
        with self._lock:
            for fault in self._faults:
                if fault.where in places and fault.times != 0:
                    fault.times -= 1
                    return fault
        return None
