"""0x12: a client asks for an operation, or answers a notice."""

import logging

from chat.hub import Hub
from chat.live import LiveSession
from chat.operations import OPERATIONS
from clawchat.protocol.bodies import Failure, Request, Response, parse_exchange
from clawchat.protocol.errors import Internal, Malformed, NotMember, PeerError, TooFast
from clawchat.protocol.frame import Frame, MessageType
from clawchat.protocol.operations import check_request

logger = logging.getLogger(__name__)

IN_LINE = 32
# The one operation of a device that has no account yet.
FIRST_OPERATION = "account.set"


def take_exchange(hub: Hub, session: LiveSession, frame: Frame) -> None:
    """Put a request in line; requests of one session are answered one after the other, in the order they came."""
    try:
        exchange = parse_exchange(frame.payload)
    except Malformed as error:
        session.send_error(error, frame.message_id)
        return
    if not isinstance(exchange, Request):
        # The answer to a notice. The client fetches what it wants by requests of its own.
        return
    if len(session.requests) >= IN_LINE or not hub.request_rates.take(session.device_pk, hub.clock()):
        _refuse(session, exchange, TooFast("too many requests at once"))
        return
    session.requests.append(exchange)
    if not session.answering:
        session.answering = True
        hub.spawn(_answer_all(hub, session))


async def _answer_all(hub: Hub, session: LiveSession) -> None:
    try:
        while session.requests:
            request = session.requests[0]
            await session.until_writable()
            await _answer(hub, session, request)
            if session.requests and session.requests[0] is request:
                session.requests.popleft()
    finally:
        session.answering = False


async def _answer(hub: Hub, session: LiveSession, request: Request) -> None:
    try:
        operation = check_request(request.body)
        if not session.has_account and operation != FIRST_OPERATION:
            raise NotMember("no account yet")
        answer = await OPERATIONS[operation](hub, session, request.body)
        session.send(MessageType.REQUEST, Response(request.id, answer).encode())
    except PeerError as error:
        _refuse(session, request, error)
    except Exception:
        logger.exception("an operation failed")
        _refuse(session, request, Internal("a fault of this server"))


def _refuse(session: LiveSession, request: Request, error: PeerError) -> None:
    body = {"code": error.number or Internal.number, "text": error.text, **error.details}
    session.send(MessageType.REQUEST, Failure(request.id, body).encode())
