"""What may stand on a client and hear what it hears."""

import asyncio
from typing import Any

from clawchat.protocol.bodies import Ack, ChatDelivery, ErrorBody, FileChunk, PresenceBody
from clawchat.protocol.errors import ClawChatError
from clawchat.protocol.frame import MessageType

from .connection import Connection

# Rows of every room that was resumed, chunks of files, signals, answers to every message, and notices as their
# operation and its members.
Heard = ChatDelivery | FileChunk | PresenceBody | Ack | ErrorBody | tuple[str, dict[str, Any]]
# Frames that only a layer has a use for, and what each carries.
BODIES: dict[MessageType, type[FileChunk | PresenceBody]] = {
    MessageType.FILE: FileChunk,
    MessageType.PRESENCE: PresenceBody,
}


class Layer:
    """Hears everything, and does nothing with it: what a client has on it when nobody stands there."""

    async def run(self) -> None:
        """Do what goes on by itself, as long as the client is there."""
        await asyncio.Event().wait()

    async def prepare(self, connection: Connection) -> None:
        """Resume on this connection, before it is used, whatever must go on there.

        Raises: connection_lost; what the server refuses; the connection is not used then.
        """

    def hear(self, connection: Connection, body: Heard) -> bool:
        """Something came on this connection, in order. True for a notice that nobody else is to have."""
        return False

    def switched(self) -> None:
        """From now on another connection carries everything."""

    def fail(self, error: ClawChatError) -> None:
        """There will be no connection any more."""
