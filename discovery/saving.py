"""Work of a Django storage in a process of its own, `python -m discovery.saving`: what hangs can be ended.

Few storages have time limits: a thread that waits for an FTP server that fell silent waits for ever, and nobody can end
it. A process ends when it is told to, whatever it waits for; should whoever began it be gone, it ends by itself. To
start one with the library for S3 takes longer than the save: that one has time limits, and a thread, until one hangs.
"""

import base64
import contextlib
import json
import math
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass, field
from typing import Any

from django.conf import settings

from .storages import S3, Unusable, make_storage, overwrite

# After it was told to end. Only what waits for a disk that is gone takes longer.
ENDING_SECONDS = 2.0
# Only what looks like such a word is repeated: the answer is a stranger's.
_CODE = re.compile(r"[A-Za-z0-9.]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done: the object is saved, or without `data` deleted.

    Units: `seconds` that it may take in all, the start of the process included.
    """

    backend: str
    options: dict[str, Any] = field(repr=False)
    name: str
    seconds: float
    data: bytes | None = field(default=None, repr=False)

    def encode(self) -> bytes:
        """As the process reads it; never an argument, which other users of the machine could see."""
        data = None if self.data is None else base64.b64encode(self.data).decode()
        return json.dumps({**asdict(self), "data": data}).encode()

    @classmethod
    def parse(cls, text: bytes) -> "Work":
        """What was encoded."""
        members = json.loads(text)
        data = members.pop("data")
        return cls(**members, data=None if data is None else base64.b64decode(data))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went. All empty: it is done. The error's class and code as the storage has them, or a sentence of ours."""

    error: str = ""
    code: str = ""
    unusable: str = ""


class Stuck(Exception):
    """An earlier process was told to end and has not: another one would hang beside it."""


# Processes that did not end, by whose work they do.
_stuck: dict[int, "subprocess.Popen[bytes]"] = {}
# The last thread that took too long, in the same way: as long as it hangs, there is no second one.
_hanging: dict[int, threading.Thread] = {}


def run(key: int, work: Work) -> Outcome:
    """Do the work where nobody has to wait for it longer than it may take, and return how it went; `key` tells whose it
    is.

    Raises: TimeoutError when it took longer, and was given up; Stuck.
    """
    hangs = key in _hanging and _hanging[key].is_alive()
    return _run_here(key, work) if work.backend == S3 and not hangs else _run_apart(key, work)


def _run_here(key: int, work: Work) -> Outcome:
    outcome: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
    thread = threading.Thread(target=lambda: outcome.put(_do(work)), daemon=True, name="storage")
    thread.start()
    try:
        return outcome.get(timeout=work.seconds)
    except queue.Empty:
        _hanging[key] = thread
        raise TimeoutError from None


def _run_apart(key: int, work: Work) -> Outcome:
    if key in _stuck and _stuck[key].poll() is None:
        raise Stuck
    process = subprocess.Popen(
        [sys.executable, "-m", __name__],
        cwd=settings.BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # A group of its own, so that what a storage has begun ends with it, and Ctrl-C is left to us.
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(work.encode(), timeout=work.seconds)
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    finally:
        _end(key, process)
    try:
        return Outcome(**json.loads(said))
    except (ValueError, TypeError):
        return Outcome(error="it ended without a word")


def _end(key: int, process: "subprocess.Popen[bytes]") -> None:
    _stuck.pop(key, None)
    for pipe in filter(None, (process.stdin, process.stdout)):
        pipe.close()
    if process.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    try:
        process.wait(ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        _stuck[key] = process


def what_went_wrong(error: Exception) -> Outcome:
    """In two words, without what the storage says by itself: that may hold keys and signed addresses."""
    if isinstance(error, Unusable):
        return Outcome(unusable=str(error))
    answer = getattr(error, "response", None)
    code = answer.get("Error", {}).get("Code", "") if isinstance(answer, dict) else ""
    known = isinstance(code, str) and _CODE.fullmatch(code)
    return Outcome(type(error).__name__, code if known else "")


def main() -> None:
    """Read the work, do it, and say how it went."""
    work = Work.parse(sys.stdin.buffer.read())
    # Nobody may be there any more to end us.
    signal.alarm(math.ceil(work.seconds))
    settings.configure()
    # A library that prints says nothing to whoever waits for the outcome.
    with contextlib.redirect_stdout(sys.stderr):
        outcome = _do(work)
    sys.stdout.write(json.dumps(asdict(outcome)))


def _do(work: Work) -> Outcome:
    try:
        storage = make_storage(work.backend, work.options, work.seconds)
        if work.data is None:
            storage.delete(work.name)
        else:
            overwrite(storage, work.name, work.data)
    except Exception as error:
        return what_went_wrong(error)
    return Outcome()


if __name__ == "__main__":
    main()
