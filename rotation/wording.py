"""Words that several commands need."""

import getpass
from datetime import datetime


def counted(number: int, noun: str) -> str:
    """`1 port`, `2 ports`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def minute(at: datetime | None) -> str:
    """An instant as operators read it."""
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "an unknown time"


def who_runs_this() -> str:
    """The user of this system, for the audit log; a container may have no name for it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"
