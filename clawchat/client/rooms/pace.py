"""How long a room's members wait before they do what several of them could do.

Spec: 4.4, 4.6
"""

from dataclasses import dataclass

from clawchat.protocol.primitives import random_below

_STEPS = 1 << 20


@dataclass(frozen=True, slots=True)
class Pace:
    """All in seconds, but `update_messages`; each wait is random between 0 and its number."""

    # Before a commit that takes up a proposal, and before the room's name is repeated to a newcomer.
    help: float = 2.0
    # Before this device resyncs, and how far apart two resyncs of a room are at least; the pauses double.
    resync: float = 30.0
    resync_pause: float = 3600.0
    # How long the keys of the epoch before are kept.
    past: float = 60.0
    # A path of our own is due after so long, after so long offline, or after so many own messages.
    update: float = 7 * 86_400.0
    update_offline: float = 86_400.0
    update_messages: int = 1000
    # How long it is put off then.
    update_wait: float = 600.0

    @staticmethod
    def within(seconds: float) -> float:
        """A random part of this time; who waits how long need not be secret."""
        return seconds * random_below(_STEPS) / _STEPS
