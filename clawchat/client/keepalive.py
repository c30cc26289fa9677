"""Notices when a connection has gone silent. No clock is read here: steady seconds are arguments."""

from enum import Enum

from clawchat.protocol.limits import PING_AFTER_SECONDS, SILENCE_SECONDS

# Of what a server asks for, nothing beyond these counts.
LEAST_IDLE_SECONDS = 10


class Due(Enum):
    """What a silence asks for."""

    NOTHING = "nothing"
    PING = "ping"
    CLOSE = "close"


class Keepalive:
    """How long the other side has been silent, and whether it was asked.

    idle_seconds is what the server says in H2: who is silent so long is given up. Pings go after five twelfths of it.
    Spec: 3.11, 3.13
    """

    def __init__(self, idle_seconds: int, now: float) -> None:
        self.silence_seconds = min(max(idle_seconds, LEAST_IDLE_SECONDS), SILENCE_SECONDS)
        self.ping_seconds = self.silence_seconds * PING_AFTER_SECONDS / SILENCE_SECONDS
        self._heard_at = self._pinged_at = now

    def heard(self, now: float) -> None:
        """A frame came that opened."""
        self._heard_at = now

    def look(self, now: float) -> Due:
        """What is to be done; a ping counts as sent."""
        if now - self._heard_at >= self.silence_seconds:
            return Due.CLOSE
        if now - max(self._heard_at, self._pinged_at) < self.ping_seconds:
            return Due.NOTHING
        self._pinged_at = now
        return Due.PING
