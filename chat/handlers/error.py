"""0x06: the client could not do something with what we sent."""

import logging

from chat.hub import Hub
from chat.live import LiveSession
from clawchat.protocol.bodies import ErrorBody
from clawchat.protocol.frame import Frame

logger = logging.getLogger(__name__)


def note_error(hub: Hub, session: LiveSession, frame: Frame) -> None:
    """Write down its number; its text is the client's and goes into no log.

    Raises: malformed.
    """
    body = ErrorBody.parse(frame.payload)
    logger.info("a client reports error %d", body.number)
