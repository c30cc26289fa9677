"""0x08: somebody is there."""

from chat.hub import Hub
from chat.live import LiveSession
from clawchat.protocol.frame import Frame


def note_pong(hub: Hub, session: LiveSession, frame: Frame) -> None:
    """Nothing more to do: any frame that opens has ended the silence."""
