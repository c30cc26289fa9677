"""0x12: a client asks for an operation, or answers a notice."""

import logging

from chat.hub import Hub
from chat.live import Asked, LiveSession
from chat.operations import OPERATIONS
from clawchat.protocol.bodies import Failure, Request, Response, parse_exchange
from clawchat.protocol.errors import Internal, Malformed, NotMember, PeerError, TooLarge
from clawchat.protocol.frame import Frame, MessageType
from clawchat.protocol.limits import REQUEST_MAX_BYTES, REQUEST_MAX_ITEMS
from clawchat.protocol.operations import check_request

logger = logging.getLogger(__name__)

IN_LINE = 32
# Answers to what is in line take less.
IN_LINE_SECONDS = 1.0
# Kinds of 3.11: response and failure.
ANSWERS = (b"\1", b"\2")
# The one operation of a device that has no account yet.
FIRST_OPERATION = "account.set"
# The one that is answered by means of the keys it came under.
RENEWAL = "psk_renew"


def take_exchange(hub: Hub, session: LiveSession, frame: Frame) -> None:
    """Put a request in line; requests of one session are answered one after the other, in the order they came."""
    if frame.payload[:1] in ANSWERS:
        # To a notice. The client fetches what it wants by requests of its own.
        if wait := hub.rates.take_request(session.device_pk, session.address, len(frame.payload), hub.clock()):
            session.pace.refused(wait, hub.clock())
        return
    session.counts.requests += 1
    number = int.from_bytes(frame.payload[1:5], "big")
    # The map is read last and within limits: whoever reads one holds up everybody.
    if len(session.requests) >= IN_LINE:
        _refuse(session, number, session.too_fast(IN_LINE_SECONDS, f"{IN_LINE} requests are not answered yet"))
        return
    if wait := hub.rates.take_request(session.device_pk, session.address, len(frame.payload), hub.clock()):
        _refuse(session, number, session.too_fast(wait, "too many requests at once"))
        return
    if len(frame.payload) > REQUEST_MAX_BYTES:
        _refuse(session, number, TooLarge(f"{len(frame.payload)} bytes, at most {REQUEST_MAX_BYTES}"))
        return
    try:
        request = parse_exchange(frame.payload, REQUEST_MAX_ITEMS)
    except Malformed as error:
        session.send_error(error, frame.message_id)
        return
    # A rekey may come before its turn does.
    asked = Asked(request, session.exporter if request.body.get("op") == RENEWAL else b"")
    session.requests.append(asked)
    if session.answering is None:
        session.answering = asked
        hub.spawn(_answer_all(hub, session))


async def _answer_all(hub: Hub, session: LiveSession) -> None:
    try:
        while session.requests:
            session.answering = asked = session.requests[0]
            await session.until_writable()
            await _answer(hub, session, asked.request)
            if session.requests and session.requests[0] is asked:
                session.requests.popleft()
    finally:
        session.answering = None


async def _answer(hub: Hub, session: LiveSession, request: Request) -> None:
    try:
        operation = check_request(request.body)
        if not session.has_account and operation != FIRST_OPERATION:
            raise NotMember("no account yet")
        answer = await OPERATIONS[operation](hub, session, request.body)
        session.send(MessageType.REQUEST, Response(request.id, answer).encode())
    except PeerError as error:
        _refuse(session, request.id, error)
    except Exception:
        logger.exception("an operation failed")
        _refuse(session, request.id, Internal("a fault of this server"))


def _refuse(session: LiveSession, number: int, error: PeerError) -> None:
    session.count_refused(error)
    body = {"code": error.number or Internal.number, "text": error.text, **error.details}
    session.send(MessageType.REQUEST, Failure(number, body).encode())
