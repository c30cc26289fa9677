"""0x01: a message for a room's log."""

import functools

from chat.hub import Hub
from chat.live import LiveSession
from chat.services.delivery import Append, Outcome
from chat.services.messages import check_header
from clawchat.protocol.bodies import Ack, ChatSend
from clawchat.protocol.errors import NotMember, PeerError, TooLarge
from clawchat.protocol.frame import Frame, MessageType
from clawchat.protocol.message_header import ContentType

IN_FLIGHT = 64
# Answers to what is under way take less.
IN_FLIGHT_SECONDS = 1.0
KINDS = {ContentType.APPLICATION, ContentType.PROPOSAL}


def store_message(hub: Hub, session: LiveSession, frame: Frame) -> None:
    """Hand the message to the writer; it is acknowledged after the commit, or answered with an error and its id."""
    session.counts.messages += 1
    try:
        work = _parse(hub, session, frame)
    except PeerError as error:
        session.send_error(error, frame.message_id)
        return
    session.messages_in_flight += 1
    hub.submit(work, functools.partial(_answer, hub, session, frame.message_id, session.heard_at))


def _parse(hub: Hub, session: LiveSession, frame: Frame) -> Append:
    if session.messages_in_flight >= IN_FLIGHT:
        session.turn.refused(frame.message_id, IN_FLIGHT_SECONDS, hub.clock())
        raise session.too_fast(IN_FLIGHT_SECONDS, f"{IN_FLIGHT} messages are not answered yet")
    size, now = len(frame.payload), hub.clock()
    if wait := session.turn.wait_for(frame.message_id, now):
        raise session.too_fast(wait, "an earlier message has to come again first")
    if wait := hub.rates.take_message(session.device_pk, session.address, size, now):
        session.turn.refused(frame.message_id, wait, now)
        raise session.too_fast(wait, "too many messages at once")
    if not session.has_account:
        raise NotMember("no account yet")
    body = ChatSend.parse(frame.payload)
    if len(body.message) > hub.policy.max_message_bytes:
        raise TooLarge(f"a message of {len(body.message)} bytes, at most {hub.policy.max_message_bytes}")
    header, _ = check_header(body.message, body.room_id, frame.message_id, KINDS)
    return Append(
        session.device_pk,
        session.device_id,
        body.room_id,
        frame.message_id,
        int(header.content_type),
        header.epoch,
        body.message,
    )


def _answer(hub: Hub, session: LiveSession, message_id: bytes, came_at: float, outcome: Outcome) -> None:
    session.messages_in_flight -= 1
    if isinstance(outcome, PeerError):
        session.send_error(outcome, message_id)
    else:
        session.send(MessageType.ACK, Ack(message_id, outcome.room_id, outcome.seq).encode())
        hub.counts.delays.add(hub.clock() - came_at)
