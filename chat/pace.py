"""The pace of one session that is refused and refused: whoever does not wait as he is told is read more slowly."""

# More than a client can have under way when the first refusal reaches it (3.13: 64 messages and 32 requests).
PATIENCE = 128
FIRST_PAUSE_SECONDS = 1.0
# Far below the silence that ends a session.
LONGEST_PAUSE_SECONDS = 8.0
# After so long without a refusal he is as good as new.
FORGIVEN_SECONDS = 30.0


class Pace:
    """Refusals of one session, and how long it is not to be read because of them.

    Its socket fills up meanwhile, and TCP holds the sender back: a flood costs the server a few frames a second.
    Units: seconds of one steady clock.
    """

    __slots__ = ("_due", "_pause", "_refused", "_refused_at", "_until")

    def __init__(self) -> None:
        self._refused, self._refused_at, self._until = 0, float("-inf"), 0.0
        self._pause, self._due = FIRST_PAUSE_SECONDS, 0.0

    def refused(self, wait: float, now: float) -> None:
        """A frame was refused, with the word to wait so long."""
        if now - self._refused_at >= FORGIVEN_SECONDS:
            self._pause = FIRST_PAUSE_SECONDS
        if now >= self._until:
            self._refused, self._until = 0, now + wait
        self._refused_at = now
        self._refused += 1
        if self._refused > PATIENCE:
            self._refused, self._due = 0, self._pause
            self._pause = min(LONGEST_PAUSE_SECONDS, 2 * self._pause)

    def take_pause(self) -> float:
        """How long to read nothing now; mostly 0. The next call says 0 again."""
        due, self._due = self._due, 0.0
        return due
