"""The chat ports' consumer: one connection from its upgrade to its end."""

import logging
from asyncio import sleep as pause

from channels.consumer import AsyncConsumer, get_handler_name
from channels.exceptions import StopConsumer

from chat.handlers import handle
from chat.hub import get_hub
from chat.live import LiveSession
from chat.origin import begin
from chat.reception import Reception
from clawchat.protocol.errors import Internal, Malformed, PeerError, Unauthentic, UnknownType
from clawchat.protocol.frame import MessageType

logger = logging.getLogger(__name__)


class ChatConsumer(AsyncConsumer):
    """Takes the bytes of one connection; what goes out goes through the link, never through a channel."""

    async def __call__(self, scope, receive, send):
        """Serve one connection. There is no channel of its own: the hub alone listens to the channel layer."""
        begin("connection")
        self.scope, self.base_send = scope, send
        self.hub, self.link = get_hub(), scope["clawchat"]
        self.reception = Reception(self.hub, self.link)
        self.session: LiveSession | None = None
        try:
            while True:
                await self.dispatch(await receive())
        except StopConsumer:
            pass
        finally:
            self.leave()

    async def dispatch(self, message):
        """Call the handler of an event, without the trip to another thread that the parent takes each time."""
        await getattr(self, get_handler_name(message))(message)

    async def websocket_connect(self, message):
        """Open; whoever came this far knew the path."""
        self.hub.counts.connections += 1
        await self.send({"type": "websocket.accept"})

    async def websocket_receive(self, message):
        """A binary message: part of the handshake, or a frame."""
        data = message.get("bytes")
        if data is None:
            self.refuse_text()
        elif self.session is None:
            self.session = await self.reception.receive(data)
        elif self.session.is_open:
            self.receive_frame(data)
            if seconds := self.session.pace.take_pause():
                # It does not wait as it is told: until then its socket is not read either.
                await pause(seconds)

    async def websocket_disconnect(self, message):
        """The connection is over."""
        raise StopConsumer

    def receive_frame(self, data: bytes) -> None:
        """Open a frame and hand it to the handler of its type; what does not open ends the session."""
        session = self.session
        try:
            frame = session.open_frame(data, self.hub.clock())
            if session.arrival is None and frame.type != MessageType.CLOSE_NOTIFY:
                raise Unauthentic("an enrolment is only closed")
            handle(self.hub, session, frame)
        except UnknownType as error:
            session.send_error(error)
            session.close(error.number, error.code)
        except PeerError as error:
            session.close_for(error)
        except Exception:
            logger.exception("a frame could not be handled")
            session.close_for(Internal())
        if not session.is_open:
            self.hub.remove(session)

    def refuse_text(self) -> None:
        """The protocol has no text messages."""
        if self.session is not None:
            self.session.close_for(Malformed("text message"))
        else:
            self.link.abort()

    def leave(self) -> None:
        """Give back whatever this connection held."""
        self.reception.leave()
        if self.session is not None:
            self.session.left("connection lost")
            self.hub.remove(self.session)
