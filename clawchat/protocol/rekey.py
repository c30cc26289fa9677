"""New keys inside a session: fresh X25519, and ML-KEM in a session of its suite, signed by both ends; frames go on.

    client                                server
                               <-REQUEST-  ServerRekey.request()       "please", may be left out
    ClientRekey.init()           -INIT->   .receive()
    .receive()                  <-RESP-                                server's last frame of the epoch
                                 -DONE->   .receive()                  client's last frame of the epoch

What these machines return is sealed at once as the next frame of type KEY_ROTATION; the session switches its keys by
itself. Times are seconds of any steady clock. After any error the connection is closed.
Spec: 3.6
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from clawchat.protocol.encoding import Reader, u8, u32, v16
from clawchat.protocol.errors import Malformed, OutOfOrder, TooFast, Unauthentic, UsageError
from clawchat.protocol.key_schedule import PREFIXES
from clawchat.protocol.keys import (
    DecapsulationKey,
    DevicePublic,
    EncapsulationKey,
    ExchangePublic,
    ExchangeSecret,
    IdentityPublic,
)
from clawchat.protocol.limits import REKEY_ANSWER_SECONDS, REKEY_INTERVAL_SECONDS
from clawchat.protocol.primitives import constant_time_equal, sha256
from clawchat.protocol.session import Role, Session
from clawchat.protocol.suites import SUITE_X25519_MLKEM768, check_mlkem_ciphertext, check_mlkem_key

_FINISHED_BYTES = 32
_SIGNATURE_BYTES = 64
# A client waits this much longer than it must: two clocks do not run alike.
_MARGIN_SECONDS = 1


class RekeyKind(IntEnum):
    """The first byte of a payload of type KEY_ROTATION."""

    REQUEST = 0
    INIT = 1
    RESPONSE = 2
    DONE = 3


@dataclass(frozen=True, slots=True)
class RekeyRequest:
    """00: the server asks the client to begin."""

    def encode(self) -> bytes:
        """One byte."""
        return u8(RekeyKind.REQUEST)


@dataclass(frozen=True, slots=True)
class RekeyInit:
    """01: the client begins."""

    epoch: int
    exchange: ExchangePublic
    # None in suite 1.
    encapsulation: EncapsulationKey | None
    signature: bytes = b""

    def encode(self) -> bytes:
        """The payload; without the signature what it covers.

        +----+-------+-----------+------------+--------------+
        | 01 | epoch | X25519 32 | v16 ML-KEM | signature 64 |
        +----+-------+-----------+------------+--------------+

        offset  bytes  meaning
        0       1      kind, 1
        1       4      number of the epoch that is to begin
        5       32     X25519 public value
        37      2+1184 v16: ML-KEM-768 encapsulation key, empty in suite 1
        1223    64     signature by the device (in suite 1 at 39)
        """
        mlkem = bytes(self.encapsulation) if self.encapsulation is not None else b""
        keys = bytes(self.exchange) + v16(mlkem)
        return u8(RekeyKind.INIT) + u32(self.epoch) + keys + self.signature

    def signed(self, session_id: bytes) -> bytes:
        """What the device signs."""
        unsigned = RekeyInit(self.epoch, self.exchange, self.encapsulation).encode()
        return PREFIXES["rekey client"] + session_id + sha256(unsigned)


@dataclass(frozen=True, slots=True)
class RekeyResponse:
    """02: the server's half; its last frame of the old epoch."""

    epoch: int
    exchange: ExchangePublic
    ciphertext: bytes
    signature: bytes = b""

    def encode(self) -> bytes:
        """The payload; without the signature what it covers, after INIT.

        +----+-------+-----------+------------+--------------+
        | 02 | epoch | X25519 32 | v16 ML-KEM | signature 64 |
        +----+-------+-----------+------------+--------------+

        offset  bytes  meaning
        0       1      kind, 2
        1       4      number of the epoch that begins
        5       32     X25519 public value
        37      2+1088 v16: ML-KEM-768 ciphertext, empty in suite 1
        1127    64     signature by the server (in suite 1 at 39)
        """
        return u8(RekeyKind.RESPONSE) + u32(self.epoch) + bytes(self.exchange) + v16(self.ciphertext) + self.signature

    def signed(self, session_id: bytes, init: bytes) -> bytes:
        """What the server signs; init is the payload it answers."""
        unsigned = RekeyResponse(self.epoch, self.exchange, self.ciphertext).encode()
        return PREFIXES["rekey server"] + session_id + sha256(init, unsigned)


@dataclass(frozen=True, slots=True)
class RekeyDone:
    """03: the client has the new keys; its last frame of the old epoch."""

    finished: bytes

    def encode(self) -> bytes:
        """Kind and finished value."""
        return u8(RekeyKind.DONE) + self.finished


def parse_rekey(
    payload: bytes, suite: int = SUITE_X25519_MLKEM768
) -> RekeyRequest | RekeyInit | RekeyResponse | RekeyDone:
    """What a payload of type KEY_ROTATION says in a session of this suite; nothing of it is verified yet.

    Raises: malformed.
    Spec: 3.6
    """
    reader = Reader(payload)
    kind = reader.u8()
    message: RekeyRequest | RekeyInit | RekeyResponse | RekeyDone
    if kind == RekeyKind.REQUEST:
        message = RekeyRequest()
    elif kind == RekeyKind.INIT:
        epoch, exchange = reader.u32(), ExchangePublic(reader.take(32))
        mlkem = reader.v16()
        check_mlkem_key(suite, mlkem)
        encapsulation = EncapsulationKey(mlkem) if mlkem else None
        message = RekeyInit(epoch, exchange, encapsulation, reader.take(_SIGNATURE_BYTES))
    elif kind == RekeyKind.RESPONSE:
        epoch, exchange, ciphertext = reader.u32(), ExchangePublic(reader.take(32)), reader.v16()
        check_mlkem_ciphertext(suite, ciphertext)
        message = RekeyResponse(epoch, exchange, ciphertext, reader.take(_SIGNATURE_BYTES))
    elif kind == RekeyKind.DONE:
        message = RekeyDone(reader.take(_FINISHED_BYTES))
    else:
        raise Malformed(f"rekey message {kind}")
    reader.end()
    return message


@dataclass(frozen=True, slots=True, repr=False)
class _Begun:
    """What INIT leaves behind, until RESP is believed."""

    payload: bytes
    exchange: ExchangeSecret
    decapsulation: DecapsulationKey | None
    sent_at: float


class _Rekey:
    """What both machines have: the session and when its newest epoch began."""

    def __init__(self, session: Session, role: Role, now: float) -> None:
        if session.role is not role:
            raise UsageError(f"a session of the {session.role.value}")
        self._session = session
        self._began_at = now

    def _is_soon(self, now: float, margin: float = 0) -> bool:
        return now - self._began_at < REKEY_INTERVAL_SECONDS + margin

    def _is_worn(self, now: float) -> bool:
        return self._session.soft_limit_reached(now - self._began_at)

    def _is_over(self, now: float, waiting_since: float | None) -> bool:
        unanswered = waiting_since is not None and now - waiting_since >= REKEY_ANSWER_SECONDS
        return unanswered or self._session.hard_limit_reached(now - self._began_at)


class ClientRekey(_Rekey):
    """The client's half of every rekey of one session; `sign` signs with the device's key, wherever that is kept."""

    def __init__(
        self, session: Session, server_public: IdentityPublic, sign: Callable[[bytes], bytes], now: float
    ) -> None:
        super().__init__(session, Role.CLIENT, now)
        self._server_public = server_public
        self._sign = sign
        self._asked = False
        self._begun: _Begun | None = None

    def is_due(self, now: float) -> bool:
        """Whether to send INIT now: a soft limit is reached or the server has asked, and it is not too soon.

        Spec: 3.6
        """
        if self._begun is not None or self._is_done_waiting or self._is_soon(now, _MARGIN_SECONDS):
            return False
        return self._asked or self._is_worn(now)

    def is_overdue(self, now: float) -> bool:
        """Whether to close: a hard limit is reached, or RESP is missing.

        Spec: 3.6
        """
        return self._is_over(now, None if self._begun is None else self._begun.sent_at)

    def init(self, now: float) -> bytes:
        """INIT. Frames go on in both directions until RESP comes.

        Raises: usage (RESP is awaited, or the server would take this for too soon).
        Spec: 3.6
        """
        if self._is_soon(now):
            raise UsageError(f"an epoch lasts at least {REKEY_INTERVAL_SECONDS} s")
        is_hybrid = self._session.suite == SUITE_X25519_MLKEM768
        return self._init(now, ExchangeSecret.generate(), DecapsulationKey.generate() if is_hybrid else None)

    def receive(self, payload: bytes, now: float) -> bytes | None:
        """DONE for a RESP, None for a REQUEST. From here on the session receives in the new epoch.

        Raises: malformed; out_of_order (not asked for, another epoch, a message for servers); unauthentic.
        Spec: 3.6
        """
        message = parse_rekey(payload, self._session.suite)
        if isinstance(message, RekeyRequest):
            # While an INIT is under way it has its answer already.
            self._asked = self._begun is None
            return None
        if not isinstance(message, RekeyResponse) or self._begun is None:
            raise OutOfOrder("a rekey message that nothing asked for")
        return self._finish(self._begun, message, payload, now)

    def end(self) -> None:
        """The session has ended: what INIT left behind goes now, for RESP will not come.

        Spec: 3.4
        """
        self._begun = None

    @property
    def _is_done_waiting(self) -> bool:
        """Whether DONE of the last rekey is still to be sealed: behind a slow line other frames may go before it."""
        return self._session.sending_epoch < self._session.receiving_epoch

    def _init(self, now: float, exchange: ExchangeSecret, decapsulation: DecapsulationKey | None) -> bytes:
        if self._begun is not None or self._is_done_waiting:
            raise UsageError("one rekey after the other")
        encapsulation = decapsulation.public if decapsulation is not None else None
        init = RekeyInit(self._session.epoch + 1, exchange.public, encapsulation)
        payload = init.encode() + self._sign(init.signed(self._session.session_id))
        self._begun = _Begun(payload, exchange, decapsulation, now)
        return payload

    def _finish(self, begun: _Begun, response: RekeyResponse, payload: bytes, now: float) -> bytes:
        session = self._session
        if response.epoch != session.epoch + 1:
            raise OutOfOrder(f"RESP for epoch {response.epoch}")
        self._server_public.verify(response.signature, response.signed(session.session_id, begun.payload))
        shared = begun.decapsulation.decapsulate(response.ciphertext) if begun.decapsulation is not None else b""
        shared += begun.exchange.exchange(response.exchange)
        th_r = sha256(begun.payload, payload)
        finished = session.prepare_epoch(shared, th_r, response.exchange, begun.exchange.public)
        session.switch_receiving()
        # The ephemeral secrets go with this: nothing later needs them.
        self._begun, self._asked, self._began_at = None, False, now
        return RekeyDone(finished).encode()


class ServerRekey(_Rekey):
    """The server's half of every rekey of one session; `sign` signs with the identity of its handshake."""

    def __init__(
        self, session: Session, device_public: DevicePublic, sign: Callable[[bytes], bytes], now: float
    ) -> None:
        super().__init__(session, Role.SERVER, now)
        self._device_public = device_public
        self._sign = sign
        self._asked_for = 0
        # What DONE must carry, and since when it is awaited.
        self._finished: bytes | None = None
        self._answered_at: float | None = None

    def is_due(self, now: float) -> bool:
        """Whether to send REQUEST now: a soft limit is reached, and the client was not asked in this epoch.

        Spec: 3.6
        """
        asked = self._asked_for > self._session.sending_epoch
        return not (asked or self._is_soon(now) or self._finished is not None) and self._is_worn(now)

    def is_overdue(self, now: float) -> bool:
        """Whether to close: a hard limit is reached, or DONE is missing.

        Spec: 3.6
        """
        return self._is_over(now, self._answered_at)

    def request(self) -> bytes | None:
        """REQUEST; None while a rekey is under way.

        Spec: 3.6
        """
        if self._finished is not None:
            return None
        self._asked_for = self._session.sending_epoch + 1
        return RekeyRequest().encode()

    def receive(self, payload: bytes, now: float) -> bytes | None:
        """RESP for an INIT; None for a DONE, after which the session receives in the new epoch.

        Raises: malformed; out_of_order (a second INIT, a DONE without one, another epoch, a message for clients);
        too_fast (the epoch began less than 10 s ago); unauthentic.
        Spec: 3.6
        """
        return self._receive(payload, now, ExchangeSecret.generate(), EncapsulationKey.encapsulate)

    def _receive(
        self,
        payload: bytes,
        now: float,
        exchange: ExchangeSecret,
        encapsulate: Callable[[EncapsulationKey], tuple[bytes, bytes]],
    ) -> bytes | None:
        message = parse_rekey(payload, self._session.suite)
        if isinstance(message, RekeyInit) and self._finished is None:
            return self._answer(message, payload, now, exchange, encapsulate)
        if isinstance(message, RekeyDone) and self._finished is not None:
            self._take_done(message, self._finished)
            return None
        raise OutOfOrder("a rekey message that is not due")

    def _answer(
        self,
        init: RekeyInit,
        payload: bytes,
        now: float,
        exchange: ExchangeSecret,
        encapsulate: Callable[[EncapsulationKey], tuple[bytes, bytes]],
    ) -> bytes:
        session = self._session
        self._check(init, now)
        shared, ciphertext = encapsulate(init.encapsulation) if init.encapsulation is not None else (b"", b"")
        shared += exchange.exchange(init.exchange)
        response = RekeyResponse(init.epoch, exchange.public, ciphertext)
        answer = response.encode() + self._sign(response.signed(session.session_id, payload))
        self._finished = session.prepare_epoch(shared, sha256(payload, answer), exchange.public, init.exchange)
        self._began_at = self._answered_at = now
        return answer

    def _check(self, init: RekeyInit, now: float) -> None:
        """Nothing, when this INIT may begin; before any costly work."""
        if self._is_soon(now):
            raise TooFast(f"an epoch lasts at least {REKEY_INTERVAL_SECONDS} s")
        if init.epoch != self._session.epoch + 1:
            raise OutOfOrder(f"INIT for epoch {init.epoch}")
        self._device_public.verify(init.signature, init.signed(self._session.session_id))

    def _take_done(self, done: RekeyDone, finished: bytes) -> None:
        if not constant_time_equal(finished, done.finished):
            raise Unauthentic("finished value")
        self._session.switch_receiving()
        self._finished = self._answered_at = None
