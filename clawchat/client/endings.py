"""Why a connection ended: what was said inside the session, never a close code that anybody on the way may write.

Spec: 3.3, 3.7
"""

from clawchat.protocol.bodies import CloseNotify
from clawchat.protocol.errors import CLOSE_CODE_BASE, ClawChatError, Rediscover, Unauthentic, Unavailable, error_for

from .errors import ConnectionLost, plain_text

# What a server sends before AUTH_OK, whatever was wrong.
REFUSED = 1008
# And the two exceptions: a tripwire, and a server whose database is away.
_BEFORE_AUTH_OK: dict[int, type[Rediscover | Unavailable]] = {
    CLOSE_CODE_BASE + kind.number: kind for kind in (Rediscover, Unavailable)
}


def refused_with(close_code: int | None) -> ClawChatError:
    """What the end of a connection means on which nobody has proven anything yet.

    Raises nothing; the answer is unauthentic, rediscover, unavailable or connection_lost.
    Spec: 3.3, 3.7
    """
    if close_code == REFUSED:
        return Unauthentic("the server refused this device")
    kind = _BEFORE_AUTH_OK.get(close_code or 0)
    return kind("") if kind is not None else ConnectionLost("the connection was cut off")


def ended_with(goodbye: CloseNotify | None) -> ClawChatError:
    """What the end of a session means: without a goodbye it was cut off, whatever the close code says.

    Spec: 3.7
    """
    if goodbye is None:
        return ConnectionLost("the connection was cut off")
    if goodbye.number:
        return error_for(goodbye.number, plain_text(goodbye.text))
    return ConnectionLost("the server closed the connection")
