"""Which handler takes which message type."""

from chat.handlers.chat import store_message
from chat.handlers.close_notify import take_leave
from chat.handlers.error import note_error
from chat.handlers.file import store_chunk
from chat.handlers.key_rotation import take_rekey
from chat.handlers.ping import send_pong
from chat.handlers.pong import note_pong
from chat.handlers.presence import pass_on_signal
from chat.handlers.request import take_exchange
from chat.hub import Hub
from chat.live import LiveSession
from clawchat.protocol.errors import UnknownType
from clawchat.protocol.frame import Frame, MessageType

# What is not here is not taken from a client: the others are the server's to send, or not built yet.
HANDLERS = {
    MessageType.CHAT: store_message,
    MessageType.FILE: store_chunk,
    MessageType.PRESENCE: pass_on_signal,
    MessageType.KEY_ROTATION: take_rekey,
    MessageType.ERROR: note_error,
    MessageType.PING: send_pong,
    MessageType.PONG: note_pong,
    MessageType.CLOSE_NOTIFY: take_leave,
    MessageType.REQUEST: take_exchange,
}

# Cheap each, and not counted by their handlers: they come at the pace of requests, or somebody could keep the server
# busy, or fill its log, with nothing else. What is beyond is passed over.
PASSED_OVER = {MessageType.PRESENCE, MessageType.ERROR, MessageType.PING, MessageType.PONG}


def handle(hub: Hub, session: LiveSession, frame: Frame) -> None:
    """Hand an opened frame to the handler of its type.

    Raises: unknown_type, and what the handler raises: the session is closed for it.
    """
    handler = HANDLERS.get(frame.type)
    if handler is None:
        raise UnknownType(f"message type {frame.type:#04x}")
    if frame.type in PASSED_OVER:
        wait = hub.rates.take_request(session.device_pk, session.address, len(frame.payload), hub.clock())
        if wait:
            session.pace.refused(wait, hub.clock())
            return
    handler(hub, session, frame)
