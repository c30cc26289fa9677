"""The reception: from a stranger's first message to a live session.

Spec: 3.2, 3.3
"""

import logging
import time
from typing import TYPE_CHECKING

from django.conf import settings

from chat.live import Link, LiveSession
from chat.services.connections import Arrival, arrive
from chat.services.credentials import Credential, find_credential
from chat.services.devices import Seat, enrol
from chat.services.policy import key_limits
from clawchat.protocol.credential import device_id
from clawchat.protocol.errors import Internal, Limit, PeerError, Rediscover, Unavailable, close_code
from clawchat.protocol.handshake import ClientAuth, Gate, ServerHandshake, ServerParameters, find_gate, gate_value
from clawchat.protocol.key_schedule import device_credentials
from clawchat.protocol.keys import DevicePublic
from clawchat.protocol.limits import FRAME_CEILING_BYTES
from clawchat.protocol.primitives import random_bytes
from clawchat.protocol.rekey import ServerRekey

if TYPE_CHECKING:
    from chat.admission import Ticket
    from chat.hub import Hub

logger = logging.getLogger(__name__)

# Before AUTH_OK every failure looks the same. Spec: 3.3
FAILED_CLOSE = 1008
# In AUTH_OK: kid and discovery secret, and the statement of who follows. Spec: 3.11
DISCOVERY_SECRET_TLV, SUCCESSOR_TLV = 16, 17


class Reception:
    """One connection until it is authenticated."""

    def __init__(self, hub: "Hub", link: Link) -> None:
        self._hub, self._link = hub, link
        self._gate: Gate | None = None
        self._handshake: ServerHandshake | None = None
        self._ticket: Ticket | None = None
        # Once the caller was let in or turned away, nothing of his is looked at here.
        self._over = False
        # The id in hex of the device that the caller says it is; empty until it said so.
        self._claimed = ""
        # Set when the device is shut out while it arrives.
        self._refused = 0

    async def receive(self, record: bytes) -> LiveSession | None:
        """The session, once the caller has proved who it is; None while that is going on, or over."""
        if self._over:
            return None
        if self._handshake is None:
            self._receive_hello(record)
            return None
        self._over = True
        return await self._receive_auth(record)

    def leave(self) -> None:
        """The caller is gone, or in."""
        self._hub.arriving.pop(self, None)
        if self._ticket is not None:
            self._ticket.give_back(False, self._hub.clock())

    def refuse(self, number: int) -> None:
        """Shut the arriving device out, with a code of 3.11."""
        self._refused = number

    def _receive_hello(self, record: bytes) -> None:
        self._link.judged()
        gate = find_gate(record, self._hub.gates)
        if gate is None:
            self._turn_away("gate")
            return
        self._ticket = self._hub.admission.enter(self._link.address, gate_value(record), self._hub.clock())
        if self._ticket is None:
            self._turn_away("admission")
        elif self._link.tripwire:
            self._over = True
            self._link.close(close_code(Rediscover.number))
        else:
            self._begin(gate, record)

    def _begin(self, gate: Gate, record: bytes) -> None:
        soft, hard = key_limits(self._hub.policy)
        # Frames may have the full size, so that one that is too large for a room can be answered, not only cut off.
        parameters = ServerParameters(FRAME_CEILING_BYTES, soft, hard)
        server_id, pq_required = self._hub.keys.server_id, settings.CLAWCHAT_PQ_REQUIRED
        handshake = ServerHandshake(gate, server_id, parameters, pq_required)
        try:
            answer = handshake.receive_hello(record, _now_ms())
        except PeerError as error:
            self._fail(error)
        except Exception:
            # A bug looks like any other failure from outside.
            logger.exception("a handshake failed")
            self._fail(Internal())
        else:
            self._gate, self._handshake = gate, handshake
            self._link.send(answer)

    def _turn_away(self, where: str) -> None:
        """Not a byte: the caller learns nothing, not even that somebody is here."""
        self._over = True
        self._hub.strangers.count(self._link.address, where, self._link.port, self._link.tripwire)
        self._link.abort()

    async def _receive_auth(self, record: bytes) -> LiveSession | None:
        try:
            auth = self._handshake.receive_client_auth(record)
            self._claimed = device_id(auth.device_public).hex()
            credential = await self._hub.database.run(find_credential, auth.psk_id)
            self._handshake.verify(credential.psk, credential.device_public)
            arrival = await self._arrive(auth, credential)
        except PeerError as error:
            self._fail(error)
            return None
        except Exception:
            # A bug looks like any other failure from outside.
            logger.exception("a handshake failed")
            self._fail(Internal())
            return None
        finally:
            self._hub.arriving.pop(self, None)
        return self._finish(auth.device_public, arrival)

    async def _arrive(self, auth: ClientAuth, credential: Credential) -> Arrival | Limit | None:
        """The device's arrival; None when it has only enrolled."""
        self._hub.arriving[self] = device_id(auth.device_public)
        ahead = auth.client_time_ms / 1000 - time.time()
        came_by, suite = bytes(self._gate.server_public), self._handshake.suite
        seat = Seat.of(self._link.address, self._link.port, self._hub.process, auth.client_name, ahead, came_by, suite)
        if credential.device_pk is not None:
            return await self._hub.database.run(arrive, credential.device_pk, auth.psk_id, seat)
        psk_id, psk = device_credentials(self._handshake.exporter, auth.device_public)
        await self._hub.database.run(enrol, credential.invite_pk, auth.device_public, psk_id, psk, seat)
        return None

    def _finish(self, device_public: DevicePublic, arrival: Arrival | Limit | None) -> LiveSession | None:
        now = self._hub.clock()
        self._ticket.give_back(True, now)
        self._hub.counts.handshakes += 1
        frame, keys = self._handshake.finish(self._news_for(arrival), random_bytes(16), _now_ms())
        self._handshake = None
        # The limits for strangers go before AUTH_OK does: what the client sends next may be large.
        self._link.authenticated()
        self._link.send(frame)
        refused = isinstance(arrival, Limit)
        # Signed by the identity that the client came for, which in an overlap may be the former one.
        rekey = ServerRekey(keys, device_public, self._gate.identity.sign, now)
        came_by = self._gate.server_public
        session = LiveSession(self._link, keys, rekey, None if refused else arrival, now, came_by)
        if refused:
            self._hub.counts.refuse(arrival.code)
            session.send_error(arrival)
            session.close(arrival.number, arrival.text)
            return None
        self._hub.add(session)
        is_over = came_by not in {gate.server_public for gate in self._hub.gates}
        if self._refused or self._link.tripwire or is_over:
            # The port has become a tripwire, or the handover was over, while the caller proved who he is.
            session.close(self._refused or Rediscover.number)
        return session

    def _news_for(self, arrival: Arrival | Limit | None) -> dict[int, bytes]:
        """What AUTH_OK tells a device: who follows the identity that it came by, and the discovery secret, when it was
        renewed while the device proved who it is.

        One that was shut out meanwhile must not learn the secret, nor one that came by an invite: that may be cancelled
        by now, and if it is not, the secret is wrapped for it.
        Spec: 3.2, 3.10, 3.11
        """
        if self._refused:
            return {}
        keys = self._hub.keys
        told = {}
        if isinstance(arrival, Arrival) and self._gate.gate_key not in {gate.gate_key for gate in self._hub.gates}:
            told[DISCOVERY_SECRET_TLV] = keys.kid + bytes(keys.discovery_secret)
        if keys.hands_over(self._gate.server_public):
            told[SUCCESSOR_TLV] = keys.statement
        return told

    def _fail(self, error: PeerError) -> None:
        self._over, self._handshake = True, None
        logger.info("handshake refused: %s", error.code)
        self._hub.counts.refuse("handshake")
        self._hub.attempts.count(self._link.address.partition("%")[0], self._claimed, error.code)
        # That our database is away says nothing about the caller, who should not think that he was refused.
        is_ours = error.number == Unavailable.number
        self._link.close(close_code(Unavailable.number) if is_ours else FAILED_CLOSE)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
