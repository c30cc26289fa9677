"""0x11: the client ends on purpose."""

from chat.hub import Hub
from chat.live import NORMAL_CLOSE, LiveSession
from clawchat.protocol.bodies import CloseNotify
from clawchat.protocol.frame import Frame


def take_leave(hub: Hub, session: LiveSession, frame: Frame) -> None:
    """Close as well.

    Raises: malformed.
    """
    CloseNotify.parse(frame.payload)
    session.left("closed by client")
    session.link.close(NORMAL_CLOSE)
