"""The client's half of the handshake: H1 out, H2 in, H3 out, AUTH_OK in, session.

Spec: 3.3
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from clawchat.protocol.encoding import parse_tlvs
from clawchat.protocol.errors import Unauthentic, UsageError
from clawchat.protocol.gate import close_hello
from clawchat.protocol.handshake_messages import (
    CLIENT_AUTH,
    PROTOCOL_VERSION,
    ClientHello,
    ClientProof,
    ServerHello,
    ServerProof,
    encode_record,
)
from clawchat.protocol.key_schedule import EpochKeys, HandshakeKeys, epoch_zero, finished_value, psk_binder
from clawchat.protocol.keys import (
    DecapsulationKey,
    DevicePublic,
    ExchangeSecret,
    GateKey,
    IdentityPublic,
    PreSharedKey,
)
from clawchat.protocol.limits import CLIENT_NAME_MAX_BYTES
from clawchat.protocol.parameters import ServerParameters, encode_client_name
from clawchat.protocol.primitives import aead_key, aead_open, aead_seal, constant_time_equal, random_bytes, sha256
from clawchat.protocol.session import Role, Session
from clawchat.protocol.suites import SUITE_X25519_MLKEM768, SUITES


class _Step(Enum):
    """How far a handshake has come."""

    NEW = 0
    HELLO_SENT = 1
    AUTH_SENT = 2
    DONE = 3


@dataclass(frozen=True, slots=True, repr=False)
class _Hello:
    """What H1 leaves behind, until H2 is believed."""

    record: bytes
    exchange: ExchangeSecret
    # None when no suite with ML-KEM was offered.
    decapsulation: DecapsulationKey | None


@dataclass(frozen=True, slots=True, repr=False)
class _Auth:
    """What H3 leaves behind, until AUTH_OK is believed."""

    suite: int
    session_id: bytes
    th4: bytes
    epoch_keys: EpochKeys


class ClientHandshake:
    """One attempt to reach one server; after any error it is thrown away and the connection closed.

    Call `hello`, `receive_server_hello`, `receive_finished`, in this order, each once. `sign` signs with the device's
    key, wherever that is kept. `suites` are those to offer, the preferred one first (`suites_to_offer`); whichever of
    them the server takes is taken.
    """

    def __init__(
        self,
        server_public: IdentityPublic,
        gate_key: GateKey,
        psk_id: bytes,
        psk: PreSharedKey,
        device_public: DevicePublic,
        sign: Callable[[bytes], bytes],
        client_name: str = "",
        suites: tuple[int, ...] = (SUITE_X25519_MLKEM768,),
    ) -> None:
        if len(psk_id) != 16 or len(client_name.encode()) > CLIENT_NAME_MAX_BYTES:
            raise UsageError(f"PSK id of 16 bytes, client name up to {CLIENT_NAME_MAX_BYTES}")
        if not suites or not set(suites) <= set(SUITES):
            raise UsageError(f"suites to offer: {suites}")
        self._server_public = server_public
        # Each is let go as soon as it has done its work.
        self._gate_key: GateKey | None = gate_key
        self._psk_id = psk_id
        self._psk: PreSharedKey | None = psk
        self._device_public = device_public
        self._sign = sign
        self._client_name = client_name
        self._suites = suites
        self._step = _Step.NEW
        self._hello_sent: _Hello | None = None
        self._auth_sent: _Auth | None = None
        self._session: Session | None = None
        # Known once H2 was believed: what the server asks, its name, and its clock less ours.
        self.server_parameters = ServerParameters()
        self.server_id = ""
        self.clock_offset_ms = 0
        # Known once AUTH_OK was believed.
        self.finished_tlvs: dict[int, bytes] = {}

    def hello(self) -> bytes:
        """H1."""
        is_hybrid = SUITE_X25519_MLKEM768 in self._suites
        decapsulation = DecapsulationKey.generate() if is_hybrid else None
        return self._hello(random_bytes(32), ExchangeSecret.generate(), decapsulation)

    def receive_server_hello(self, record: bytes, now_ms: int) -> bytes:
        """H3, when H2 proves the pinned server.

        now_ms goes into H3 and gives `clock_offset_ms`; nothing is refused because of it.
        Raises: too_large; malformed; unsupported_version; unauthentic.
        Spec: 3.3
        """
        if self._hello_sent is None or self._psk is None:
            raise UsageError("H2 comes once, after H1")
        first, exchange = self._hello_sent.record, self._hello_sent.exchange
        server_hello = ServerHello.parse(record, self._suites)
        shared = _mlkem_secret(self._hello_sent.decapsulation, server_hello)
        shared += exchange.exchange(server_hello.exchange)
        th2 = sha256(first, server_hello.clear_record)
        keys = HandshakeKeys.derive(shared, th2)
        proof = self._verify_server(keys, server_hello.sealed, th2)
        parameters = ServerParameters.parse(proof.params)

        th3 = sha256(first, record)
        main_secret = keys.main_secret(self._psk)
        answer = encode_record(CLIENT_AUTH, self._seal_proof(keys, main_secret, th3, now_ms))
        th4 = sha256(first, record, answer)
        epoch_keys = epoch_zero(main_secret, th4, server_hello.exchange, exchange.public)
        # The ephemeral secrets go with this: nothing later needs them.
        self._step, self._hello_sent, self._psk = _Step.AUTH_SENT, None, None
        self._auth_sent = _Auth(server_hello.suite, server_hello.session_id, th4, epoch_keys)
        self.server_parameters, self.server_id = parameters, proof.server_id
        self.clock_offset_ms = proof.server_time_ms - now_ms
        return answer

    def receive_finished(self, frame: bytes) -> Session:
        """The session, when AUTH_OK proves that the server knows the PSK; `finished_tlvs` has what came with it.

        Raises: as `Session.open`; unauthentic; malformed.
        Spec: 3.3
        """
        auth = self._auth_sent
        if auth is None:
            raise UsageError("AUTH_OK comes once, after H3")
        asked = self.server_parameters
        limits = (asked.max_frame_bytes, asked.soft_limits, asked.hard_limits)
        session = Session(Role.CLIENT, auth.session_id, auth.epoch_keys, *limits, suite=auth.suite)
        payload = session.open(frame).payload
        if not constant_time_equal(finished_value(auth.epoch_keys, auth.th4), payload[:32]):
            raise Unauthentic("finished value")
        self.finished_tlvs = parse_tlvs(payload[32:])
        # A second session with these keys would use their nonces again.
        self._step, self._auth_sent = _Step.DONE, None
        self._session = session
        return session

    @property
    def exporter(self) -> bytes:
        """The 32 bytes both sides may derive further secrets from: the session's, once AUTH_OK was believed."""
        if self._session is None:
            raise UsageError("the exporter is there after AUTH_OK")
        return self._session.exporter

    def _hello(self, client_random: bytes, exchange: ExchangeSecret, decapsulation: DecapsulationKey | None) -> bytes:
        if self._step is not _Step.NEW or self._gate_key is None:
            raise UsageError("H1 is sent once")
        version = PROTOCOL_VERSION
        encapsulation = decapsulation.public if decapsulation is not None else None
        hello = ClientHello(version, version, client_random, self._suites, exchange.public, encapsulation)
        record = close_hello(self._gate_key, self._server_public, hello.encode())
        self._step, self._gate_key = _Step.HELLO_SENT, None
        self._hello_sent = _Hello(record, exchange, decapsulation)
        return record

    def _verify_server(self, keys: HandshakeKeys, sealed: bytes, th2: bytes) -> ServerProof:
        plaintext = aead_open(aead_key(keys.server_key), keys.server_iv, sealed, th2)
        proof, signature = ServerProof.parse(plaintext)
        if proof.server_public != self._server_public:
            raise Unauthentic("another server")
        proof.server_public.verify(signature, proof.signed(th2))
        return proof

    def _seal_proof(self, keys: HandshakeKeys, main_secret: bytes, th3: bytes, now_ms: int) -> bytes:
        proof = ClientProof(self._psk_id, self._device_public, now_ms, encode_client_name(self._client_name))
        binder = psk_binder(main_secret, th3, proof.encode())
        plaintext = proof.encode() + binder + self._sign(proof.signed(th3, binder))
        return aead_seal(aead_key(keys.client_key), keys.client_iv, plaintext, th3)


def _mlkem_secret(decapsulation: DecapsulationKey | None, hello: ServerHello) -> bytes:
    """ML-KEM's half of the shared secret; suite 1 has none, even when the other suite was offered with it."""
    if hello.suite != SUITE_X25519_MLKEM768 or decapsulation is None:
        return b""
    return decapsulation.decapsulate(hello.ciphertext)
