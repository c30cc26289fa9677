"""Instants as rows hold them."""

from datetime import UTC, datetime


def instant(seconds: float) -> datetime:
    """This number of seconds since 1970 as rows hold it."""
    return datetime.fromtimestamp(seconds, UTC)
