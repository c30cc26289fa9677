"""0x02: a chunk of a file."""

import logging
from collections.abc import Sequence

from chat.hub import Hub
from chat.live import LiveSession
from chat.services import files
from chat.services.files import Stored
from clawchat.protocol.bodies import Ack, FileChunk
from clawchat.protocol.errors import Internal, NotMember, PeerError
from clawchat.protocol.frame import Frame, MessageType
from clawchat.protocol.limits import FILE_CHUNKS_IN_FLIGHT

logger = logging.getLogger(__name__)

# Answers to what is under way take less.
IN_FLIGHT_SECONDS = 1.0


def store_chunk(hub: Hub, session: LiveSession, frame: Frame) -> None:
    """Put the chunk in line; it is acknowledged after the commit, or answered with an error and the frame's id.

    Spec: 3.18
    """
    try:
        chunk = _parse(hub, session, frame)
    except PeerError as error:
        session.send_error(error, frame.message_id)
        return
    session.chunks.append((frame.message_id, chunk))
    session.chunks_in_flight += 1
    if session.chunks_in_flight == 1:
        hub.spawn(_store_all(hub, session))


def _parse(hub: Hub, session: LiveSession, frame: Frame) -> FileChunk:
    if session.chunks_in_flight >= FILE_CHUNKS_IN_FLIGHT:
        raise session.too_fast(IN_FLIGHT_SECONDS, f"{FILE_CHUNKS_IN_FLIGHT} chunks are not answered yet")
    if wait := hub.rates.take_message(session.device_pk, session.address, len(frame.payload), hub.clock()):
        raise session.too_fast(wait, "too much at once")
    if not session.has_account:
        raise NotMember("no account yet")
    return FileChunk.parse(frame.payload)


async def _store_all(hub: Hub, session: LiveSession) -> None:
    """One after the other in the order they came, and together what came while others were stored."""
    while session.chunks:
        batch = tuple(session.chunks)
        session.chunks.clear()
        outcomes = await _store(hub, session, [chunk for _, chunk in batch])
        for (message_id, _), outcome in zip(batch, outcomes, strict=True):
            session.chunks_in_flight -= 1
            if isinstance(outcome, PeerError):
                session.send_error(outcome, message_id)
            else:
                session.send(MessageType.ACK, Ack(message_id, outcome.room_id, outcome.have).encode())


async def _store(hub: Hub, session: LiveSession, chunks: Sequence[FileChunk]) -> Sequence[Stored | PeerError]:
    try:
        return await hub.database.run(files.store_chunks, session.device_pk, chunks)
    except PeerError as error:
        return [error] * len(chunks)
    except Exception:
        logger.exception("chunks of a file were not stored")
        return [Internal("not stored")] * len(chunks)
