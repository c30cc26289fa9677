"""What the server refuses for the moment: it passes by itself, and the same is sent or asked again.

Spec: 3.13
"""

from clawchat.protocol.errors import Internal, Limit, PeerError, TooFast, Unavailable
from clawchat.protocol.retry import retry_seconds

# Of a message or commit in a room: the same bytes are sent again.
PASSING = (TooFast, Limit, Unavailable, Internal)
# The pause when the server does not say how long, and the longest that it may say.
PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 300.0


def pause_after(error: PeerError) -> float:
    """Seconds to wait after a refusal for the moment: what its text begins with, within bounds.

    Spec: 3.13
    """
    return min(max(PAUSE_SECONDS, retry_seconds(error.text)), LONGEST_PAUSE_SECONDS)
