"""0x07: is anybody there?"""

from chat.hub import Hub
from chat.live import LiveSession
from clawchat.protocol.errors import TooLarge
from clawchat.protocol.frame import Frame, MessageType
from clawchat.protocol.limits import PING_MAX_BYTES


def send_pong(hub: Hub, session: LiveSession, frame: Frame) -> None:
    """Echo the bytes; a peer that reads nothing gets no pongs heaped up."""
    if len(frame.payload) > PING_MAX_BYTES:
        raise TooLarge(f"ping of {len(frame.payload)} bytes, at most {PING_MAX_BYTES}")
    if session.writable:
        session.send(MessageType.PONG, frame.payload)
