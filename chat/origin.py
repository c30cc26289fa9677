"""Whence a line of the log comes: the connection or the request that the code was at work for."""

from contextvars import ContextVar

from clawchat.protocol.primitives import random_bytes

ID_BYTES = 4

# What it is, and its id; None for what is done for nobody in particular.
origin: ContextVar[tuple[str, str] | None] = ContextVar("clawchat_origin", default=None)


def begin(kind: str) -> str:
    """The id, 8 hex digits, of a connection or a request that begins here; it opens nothing and may be told."""
    name = random_bytes(ID_BYTES).hex()
    origin.set((kind, name))
    return name
