"""One handler for each message type that a client may send."""

from .dispatch import handle

__all__ = ["handle"]
