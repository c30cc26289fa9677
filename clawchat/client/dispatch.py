"""Hands what comes over the line to whom it is for."""

from collections.abc import Callable

from clawchat.protocol.bodies import Ack, ChatDelivery, ErrorBody, Failure, Request, Response, parse_exchange
from clawchat.protocol.errors import Malformed, PeerError, UnknownType
from clawchat.protocol.frame import Frame, MessageType
from clawchat.protocol.operations import check_notice

from .connection import Connection
from .device import Device
from .discovery import Finder
from .events import Notice
from .inbox import Inbox
from .layer import BODIES, Layer
from .renewals import Renewals
from .sender import Sender


class Dispatch:
    """Whom a line serves: it makes a new connection ready, and finds every frame its receiver.

    `moved` is told when the server has a newer connection file.
    """

    def __init__(
        self,
        device: Device,
        finder: Finder,
        renewals: Renewals,
        inbox: Inbox,
        sender: Sender,
        layer: Layer,
        moved: Callable[[], None],
    ) -> None:
        self._device = device
        self._finder = finder
        self._renewals = renewals
        self._inbox = inbox
        self._sender = sender
        self._layer = layer
        self._moved = moved

    async def prepare(self, connection: Connection) -> None:
        """Make sure of the account, then resume every room."""
        self._renewals.learn_at_once(connection.handshake.finished_tlvs)
        if not self._device.has_account:
            identity, root_blob = self._device.identity, self._device.root_blob
            await connection.ask({"op": "account.set", "identity": identity, "root_blob": root_blob})
            await connection.ask({"op": "name.set", "name": self._device.name})
            self._device.account_made()
        await self._layer.prepare(connection)
        await self._inbox.resume(connection)

    async def take(self, connection: Connection, frame: Frame) -> None:
        """Act on a frame.

        Raises: unknown_type and what is wrong with its body; the connection is closed then.
        """
        if frame.type == MessageType.CHAT:
            row = ChatDelivery.parse(frame.payload)
            self._inbox.deliver(connection, row)
            self._layer.hear(connection, row)
        elif frame.type == MessageType.ACK:
            ack = Ack.parse(frame.payload)
            connection.answered(ack.message_id)
            self._sender.acknowledged(ack)
            self._layer.hear(connection, ack)
        elif frame.type == MessageType.ERROR:
            body = ErrorBody.parse(frame.payload)
            connection.answered(body.message_id or b"")
            self._sender.refused(body)
            self._layer.hear(connection, body)
        elif frame.type == MessageType.REQUEST:
            await self._answer(connection, frame.payload)
        elif frame.type == MessageType.PORT_ROTATION:
            self._port_rotation(frame.payload)
        elif frame.type in BODIES:
            self._layer.hear(connection, BODIES[frame.type].parse(frame.payload))
        else:
            raise UnknownType(f"message type {frame.type:#04x} from a server")

    def switched(self) -> None:
        """Send again what the connection before has not answered."""
        self._sender.switched()
        self._layer.switched()

    async def _answer(self, connection: Connection, payload: bytes) -> None:
        request = parse_exchange(payload)
        assert isinstance(request, Request)
        answer: Response | Failure
        try:
            op = check_notice(request.body)
            is_known = self._renewals.learn(op, request.body)
            if not is_known and not self._layer.hear(connection, (op, request.body)):
                self._inbox.put(Notice(op, request.body))
            answer = Response(request.id, {})
        except Malformed as error:
            answer = Failure(request.id, {"code": error.number, "text": error.text})
        await connection.send(MessageType.REQUEST, answer.encode())

    def _port_rotation(self, payload: bytes) -> None:
        """Believe a new connection file, or let it pass: a server that sends a bad one is still our server."""
        known = self._finder.known
        try:
            found = self._finder.take(payload)
        except PeerError as error:
            self._finder.complain(error)
            return
        if known is None or found.serial > known.serial:
            self._moved()
