"""0x04: new keys for this session."""

from chat.hub import Hub
from chat.live import LiveSession
from clawchat.protocol.frame import Frame


def take_rekey(hub: Hub, session: LiveSession, frame: Frame) -> None:
    """Answer an INIT, or take a DONE; each costs well under a millisecond, so it is done here and now.

    Raises: what `ServerRekey.receive` raises; the session is closed for it.
    Spec: 3.6
    """
    session.take_rekey(frame.payload, hub.clock())
