"""0x07: is anybody there?"""

from chat.hub import Hub
from chat.live import LiveSession
from clawchat.protocol.bodies import parse_ping
from clawchat.protocol.frame import Frame, MessageType


def send_pong(hub: Hub, session: LiveSession, frame: Frame) -> None:
    """Echo the bytes; a peer that reads nothing gets no pongs heaped up."""
    echo = parse_ping(frame.payload)
    if session.writable:
        session.send(MessageType.PONG, echo)
