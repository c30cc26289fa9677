"""SIGTERM before the server takes signals itself: it ends the start, and is remembered.

The SystemExit may be raised where it is swallowed, in a finalizer or in a callback whose caller catches everything;
then the server ends as soon as it has begun.
"""

import signal
import sys

_has_come = False


def listen() -> None:
    """End well at SIGTERM from here on."""
    signal.signal(signal.SIGTERM, _end)


def has_come() -> bool:
    """Whether the process was told to end while it started."""
    return _has_come


def _end(*_: object) -> None:
    global _has_come  # noqa: PLW0603  (a handler has nothing else to hand on with)
    _has_come = True
    # A second one would kill what is busy ending.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(0)
