"""Whose turn it is: after a refusal, the message that has to come again comes before any newer one. Pure.

Messages are sent without waiting for answers, so behind a refused one others are on their way already; taking them
would put them before it in the room's log for good.
Spec: 3.13
"""

# How much later than it was told to a client may come again before its other messages are taken without it.
PATIENCE_SECONDS = 5.0


class Turn:
    """The one message of a session that is waited for, if any. Units: seconds of one steady clock."""

    __slots__ = ("_from", "_message_id")

    def __init__(self) -> None:
        self._message_id: bytes | None = None
        self._from = 0.0

    def refused(self, message_id: bytes, wait: float, now: float) -> None:
        """This message may come again after `wait`; the first one that was refused is the one that is waited for."""
        if self._message_id is None:
            self._message_id, self._from = message_id, now + wait

    def wait_for(self, message_id: bytes, now: float) -> float:
        """How long this message has to wait for another one; 0 when it is its turn."""
        if self._message_id is None:
            return 0.0
        if message_id == self._message_id or now >= self._from + PATIENCE_SECONDS:
            self._message_id = None
            return 0.0
        return max(self._from - now, 1.0)
