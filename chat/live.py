"""A device's live session: everything that goes out on one connection goes through here."""

import asyncio
import logging
import math
import time
from collections import Counter, deque
from dataclasses import dataclass
from typing import Protocol

from chat.buckets import Bucket
from chat.counting import SessionCounts
from chat.feed import Subscription
from chat.pace import Pace
from chat.rates import counted_address
from chat.retry import retry_text
from chat.services.connections import Arrival, Ending
from chat.services.delivery import StoredRow
from chat.turn import Turn
from clawchat.protocol.bodies import CloseNotify, ErrorBody, FileChunk, Request
from clawchat.protocol.errors import CODES, ClawChatError, Internal, PeerError, RekeyOverdue, TooFast, close_code
from clawchat.protocol.frame import Frame, MessageType
from clawchat.protocol.keys import IdentityPublic
from clawchat.protocol.primitives import random_bytes
from clawchat.protocol.rekey import ServerRekey
from clawchat.protocol.session import Session

logger = logging.getLogger(__name__)

NORMAL_CLOSE = 1000
# A client that has just made new keys may wait 11 s, and a rekey may take 30.
RENEWED_WITHIN_SECONDS = 45.0
# What may wait for a peer that takes nothing more: acknowledgements, errors, notices and an answer. Rows do not wait
# here, they are read from the log once it takes more.
HELD_BACK_BYTES = 4 * 1024 * 1024
SIGNALS_PER_SECOND, SIGNAL_BURST = 1, 5


class Link(Protocol):
    """What the server process gives for a connection, as `scope["clawchat"]`."""

    address: str
    port: int
    writable: bool

    @property
    def tripwire(self) -> bool:
        """Whether the port only waits for scanners by now."""

    def judged(self) -> None:
        """The first message has come and is judged: what happens from here on is not the guard's to count."""

    def authenticated(self) -> None:
        """Lift the limits for strangers."""

    def send(self, data: bytes) -> None:
        """Send one binary message."""

    def close(self, code: int, reason: str = "") -> None:
        """Send a close frame."""

    def abort(self) -> None:
        """Reset the connection."""


@dataclass(frozen=True, slots=True, repr=False)
class Asked:
    """A request in line, and the exporter of the keys that it was sealed under where it matters, otherwise empty."""

    request: Request
    exporter: bytes = b""


class LiveSession:
    """One authenticated connection. Used on the event loop's thread only.

    arrival is None for a session made by an invite: it can only be closed.
    """

    def __init__(
        self,
        link: Link,
        session: Session,
        rekey: ServerRekey,
        arrival: Arrival | None,
        now: float,
        server_public: IdentityPublic,
    ) -> None:
        self.link = link
        # By which identity of this server it came.
        self.server_public = server_public
        self._session = session
        self._rekey = rekey
        # Since when it has new keys that its row does not tell of yet, in seconds since 1970.
        self.keys_since: float | None = None
        # The epoch that was to end, and by when; nobody asked yet.
        self._renewed_by = (-1, math.inf)
        self.arrival = arrival
        # Empty when limits by address are not for it; and whether it heeds what it is told.
        self.address, self.pace, self.turn = counted_address(link.address), Pace(), Turn()
        # Bytes of frames that came and went, over all epochs.
        self.bytes_in, self.bytes_out = session.received_bytes, session.sent_bytes
        # What else it did, and what of it all was added to the process's counts.
        self.counts, self.counted = SessionCounts(), (0, 0, 0, 0, 0)
        # Frames that were answered with an error, in all and, by its code, since they were written down last.
        self.frames_refused = 0
        self._refused: Counter[str] = Counter()
        self.has_account = arrival is not None and arrival.has_account
        self.subscriptions: dict[bytes, Subscription] = {}
        # Messages handed to the writer, and requests in line, that are not answered yet.
        self.messages_in_flight = 0
        self.requests: deque[Asked] = deque()
        self.answering: Asked | None = None
        # Chunks of files that wait to be stored, by their frames' ids, and how many are not answered yet.
        self.chunks: deque[tuple[bytes, FileChunk]] = deque()
        self.chunks_in_flight = 0
        # Signals that are passed on; what is beyond is dropped. Spec: 4.12
        self.signals = Bucket(SIGNALS_PER_SECOND, SIGNAL_BURST, now)
        self.opened_at = self.heard_at = now
        self.pinged_at = now
        # Since when the peer takes nothing more; None while it does.
        self.blocked_since: float | None = None
        self._held_back = 0
        self._notices = 0
        self._drained = asyncio.Event()
        # Why it ended; empty while it lives.
        self.why = ""

    # What it is

    @property
    def device_pk(self) -> int:
        """The row of its device."""
        return self.arrival.device_pk

    @property
    def device_id(self) -> bytes:
        """Its device's id."""
        return self.arrival.device_id

    @property
    def exporter(self) -> bytes:
        """What both ends may derive further secrets from: of the epoch in which the frame that came last was sealed."""
        return self._session.exporter

    @property
    def counted_as(self) -> bytes | None:
        """The device for whom its frames count; None while it only enrols."""
        return self.arrival.device_id if self.arrival is not None else None

    @property
    def is_open(self) -> bool:
        """Whether anything may still be sent."""
        return not self.why

    @property
    def writable(self) -> bool:
        """Whether the transport takes more without holding back too much."""
        return self.is_open and self.link.writable

    @property
    def epoch(self) -> int:
        """How many times its keys were made anew, in both directions."""
        return self._session.epoch

    # What comes and goes

    def open_frame(self, data: bytes, now: float) -> Frame:
        """The frame in a message that came.

        Raises: what `Session.open` raises; the caller closes.
        """
        frame = self._session.open(data)
        self.heard_at = now
        self.bytes_in += len(data)
        return frame

    def send(self, message_type: MessageType, payload: bytes) -> None:
        """Seal and send, at once; nothing once the session has ended."""
        if not self.is_open:
            return
        try:
            # A fresh id each time: the header is clear to a proxy, and a repeated one would tell who talks to whom.
            frame = self._session.seal(message_type, payload, random_bytes(16), time.time_ns() // 1_000_000)
        except PeerError as error:
            self._end(error.code)
            self.link.close(close_code(error.number or Internal.number))
        else:
            self.link.send(frame)
            self.bytes_out += len(frame)
            self._count_held_back(len(frame))

    def send_row(self, row: StoredRow) -> None:
        """Deliver a row of a room's log."""
        self.counts.deliveries += 1
        self.send(MessageType.CHAT, row.body)

    def send_signal(self, payload: bytes) -> None:
        """Pass a signal on."""
        self.send(MessageType.PRESENCE, payload)

    def send_error(self, error: PeerError, message_id: bytes | None = None) -> None:
        """Say what could not be done, and for which message; the session goes on."""
        self.count_refused(error)
        self.send(MessageType.ERROR, ErrorBody(error.number or Internal.number, error.text, message_id).encode())

    def notify(self, notice: str, **members: bytes) -> None:
        """Tell the device that something is to be fetched, or what it has to know."""
        self._notices += 1
        self.send(MessageType.REQUEST, Request(self._notices, {"op": notice, **members}).encode())

    # What is written down of it

    def count_refused(self, error: ClawChatError) -> None:
        """One more frame could not be taken."""
        self.frames_refused += 1
        self._refused[error.code] += 1

    def take_refused(self) -> dict[str, int]:
        """How many frames were refused for which error, by its code, since the last call."""
        refused, self._refused = self._refused, Counter()
        return dict(refused)

    def give_back_refused(self, counts: dict[str, int]) -> None:
        """What could not be written: the next call has it again."""
        self._refused.update(counts)

    def ending(self) -> Ending:
        """What its connection's row says in the end."""
        return Ending(
            self.why,
            self.bytes_in,
            self.bytes_out,
            self.counts.messages + self.counts.requests,
            self.frames_refused,
            self.take_refused(),
        )

    def too_fast(self, wait: float, why: str) -> TooFast:
        """The refusal of the frame that just came, with the seconds after which it may come again.

        Spec: 3.13
        """
        self.pace.refused(wait, self.heard_at)
        return TooFast(retry_text(wait, why))

    # Its keys

    def renew_keys(self, now: float) -> None:
        """Have the client make new keys before long: who does not is closed, and has new ones when it comes again."""
        if self.arrival is not None:
            self._renewed_by = (self.epoch, now + RENEWED_WITHIN_SECONDS)
            self.request_rekey()

    def request_rekey(self) -> None:
        """Ask the client for new keys; not one that only enrolled, nor while a rekey is under way."""
        request = self._rekey.request() if self.arrival is not None else None
        if request is not None:
            self.send(MessageType.KEY_ROTATION, request)

    def take_rekey(self, payload: bytes, now: float) -> None:
        """The client's part of a rekey: from the frame that answers it on, we send under the new keys.

        Raises: what `ServerRekey.receive` raises; the caller closes.
        """
        epoch = self.epoch
        answer = self._rekey.receive(payload, now)
        if answer is not None:
            self.send(MessageType.KEY_ROTATION, answer)
        if self.epoch > epoch:
            self.keys_since = time.time()

    def look_after_keys(self, now: float) -> None:
        """Close when the keys have reached a hard limit or DONE is missing; ask for new ones near a soft limit."""
        asked_at_epoch, until = self._renewed_by
        if self._rekey.is_overdue(now) or (now >= until and self.epoch == asked_at_epoch):
            self.close(RekeyOverdue.number)
        elif self._rekey.is_due(now):
            self.request_rekey()

    # Its pace

    async def until_writable(self) -> None:
        """Wait until the peer takes more, or the session has ended: answers must not heap up for who reads nothing."""
        while self.is_open and not self.link.writable:
            self._drained.clear()
            await self._drained.wait()

    def drained(self) -> None:
        """The transport takes more again: go on with what had to wait."""
        self.blocked_since = None
        self._held_back = 0
        self._drained.set()
        for subscription in tuple(self.subscriptions.values()):
            subscription.read_on()

    # How it ends

    def close(self, number: int = 0, text: str = "") -> None:
        """Say goodbye with a code of 3.11, 0 when nothing is wrong, and close."""
        why = text or (CODES[number].code if number else "closed")
        if self.is_open:
            self.send(MessageType.CLOSE_NOTIFY, CloseNotify(number, why).encode())
        if self.is_open:
            self._end(why)
            self.link.close(close_code(number) if number else NORMAL_CLOSE)

    def close_for(self, error: ClawChatError) -> None:
        """Close because of what the peer did."""
        self.count_refused(error)
        self.close(error.number or Internal.number, error.code)

    def drop(self, why: str) -> None:
        """Reset the connection of a peer that would not read a goodbye."""
        if self.is_open:
            self._end(why)
            self.link.abort()

    def left(self, why: str) -> None:
        """The peer is gone."""
        if self.is_open:
            self._end(why)

    def resume_anew(self) -> None:
        """The session's place in a room exists no more: let the client resume from where the log begins."""
        self.close(0, "resume anew")

    def _count_held_back(self, size: int) -> None:
        """Reset the connection of a peer that asks and asks and reads no answer: it would fill the server's memory."""
        self._held_back = 0 if self.link.writable else self._held_back + size
        if self._held_back > HELD_BACK_BYTES:
            self.drop("reads nothing")

    def _end(self, why: str) -> None:
        self.why = why
        self._session.end()
        self._drained.set()
        self.requests.clear()
        self.chunks.clear()
        for subscription in self.subscriptions.values():
            subscription.end()
        self.subscriptions.clear()
