"""The server's half of the handshake: H1 in, H2 out, H3 in, AUTH_OK out, session.

Spec: 3.3
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from clawchat.protocol.encoding import encode_tlvs, parse_tlvs
from clawchat.protocol.errors import Unauthentic, UnsupportedVersion, UsageError
from clawchat.protocol.frame import MessageType
from clawchat.protocol.gate import Gate
from clawchat.protocol.handshake_messages import (
    CLIENT_AUTH,
    PROTOCOL_VERSION,
    ClientHello,
    ClientProof,
    ServerHello,
    ServerProof,
    parse_record,
)
from clawchat.protocol.key_schedule import EpochKeys, HandshakeKeys, epoch_zero, finished_value, psk_binder
from clawchat.protocol.keys import DevicePublic, EncapsulationKey, ExchangePublic, ExchangeSecret, PreSharedKey
from clawchat.protocol.parameters import ServerParameters, parse_client_name
from clawchat.protocol.primitives import (
    TAG_BYTES,
    aead_key,
    aead_open,
    aead_seal,
    constant_time_equal,
    random_bytes,
    sha256,
)
from clawchat.protocol.session import Role, Session
from clawchat.protocol.suites import SUITE_X25519_MLKEM768, choose_suite

_SIGNATURE_BYTES = 64


@dataclass(frozen=True, slots=True)
class ClientAuth:
    """Who says to be calling. Only psk_id may be acted on (to look up the PSK) before `verify` has passed."""

    psk_id: bytes
    device_public: DevicePublic
    client_time_ms: int
    params: dict[int, bytes]
    client_name: str


class _Step(Enum):
    """How far a handshake has come."""

    NEW = 0
    HELLO_SENT = 1
    AUTH_RECEIVED = 2
    VERIFIED = 3
    DONE = 4


@dataclass(frozen=True, slots=True, repr=False)
class _Hello:
    """What H1 and H2 leave behind, until the caller has proved itself."""

    records: bytes
    suite: int
    session_id: bytes
    server_exchange: ExchangePublic
    client_exchange: ExchangePublic
    keys: HandshakeKeys


@dataclass(frozen=True, slots=True, repr=False)
class _Verified:
    """What is left of a caller who has."""

    suite: int
    session_id: bytes
    th4: bytes
    epoch_keys: EpochKeys


@dataclass(frozen=True, slots=True, repr=False)
class _Auth:
    """What H3 leaves behind, until the caller has proved itself."""

    proof: ClientProof
    binder: bytes
    signature: bytes
    th4: bytes


class ServerHandshake:
    """One caller whose H1 fits this gate; after any error it is thrown away and the connection closed with 1008.

    Call `receive_hello`, `receive_client_auth`, `verify`, `finish`, in this order, each once. With `pq_required` only
    the suite with ML-KEM is taken; without it, that one when it is offered.
    """

    def __init__(
        self, gate: Gate, server_id: str, parameters: ServerParameters | None = None, pq_required: bool = True
    ) -> None:
        self._gate = gate
        self._server_id = server_id
        self._parameters = parameters or ServerParameters()
        self._pq_required = pq_required
        self._step = _Step.NEW
        self._hello: _Hello | None = None
        self._auth: _Auth | None = None
        self._verified: _Verified | None = None
        self._session: Session | None = None

    def receive_hello(self, record: bytes, now_ms: int) -> bytes:
        """H2. The record's gate value was checked by `find_gate`.

        Raises: too_large; malformed; unsupported_version (also when no suite is offered that may be taken).
        Spec: 3.3
        """
        return self._receive_hello(
            record, now_ms, random_bytes(32), random_bytes(16), ExchangeSecret.generate(), EncapsulationKey.encapsulate
        )

    def receive_client_auth(self, record: bytes) -> ClientAuth:
        """Whose PSK and device to look up; nothing of it is proven yet.

        Raises: too_large; malformed; unauthentic.
        Spec: 3.3
        """
        hello = self._hello
        if hello is None or self._step is not _Step.HELLO_SENT:
            raise UsageError("H3 comes once, after H2")
        sealed = parse_record(CLIENT_AUTH, record)
        plaintext = aead_open(aead_key(hello.keys.client_key), hello.keys.client_iv, sealed, sha256(hello.records))
        proof, binder, signature = ClientProof.parse(plaintext)
        auth = ClientAuth(
            proof.psk_id,
            proof.device_public,
            proof.client_time_ms,
            parse_tlvs(proof.params),
            parse_client_name(proof.params),
        )
        self._step, self._auth = _Step.AUTH_RECEIVED, _Auth(proof, binder, signature, sha256(hello.records, record))
        return auth

    def verify(self, psk: PreSharedKey, expected_device: DevicePublic | None) -> None:
        """Nothing, when the caller proved this PSK and this device.

        For an id nobody has, pass a random PSK: everything is computed before anything is judged, so the caller cannot
        tell an unknown id from a wrong PSK, device or signature. expected_device is None only for an invite that no
        device has used.
        Raises: unauthentic.
        Spec: 3.3
        """
        hello, auth = self._hello, self._auth
        if hello is None or auth is None:
            raise UsageError("verify comes once, after H3")
        th3 = sha256(hello.records)
        main_secret = hello.keys.main_secret(psk)
        binder_fits = constant_time_equal(psk_binder(main_secret, th3, auth.proof.encode()), auth.binder)
        device_fits = (expected_device or auth.proof.device_public) == auth.proof.device_public
        signature_fits = _verifies(auth, th3)
        if not (binder_fits and device_fits and signature_fits):
            raise Unauthentic("client authentication")
        epoch_keys = epoch_zero(main_secret, auth.th4, hello.server_exchange, hello.client_exchange)
        self._verified = _Verified(hello.suite, hello.session_id, auth.th4, epoch_keys)
        self._step, self._hello, self._auth = _Step.VERIFIED, None, None

    @property
    def exporter(self) -> bytes:
        """The 32 bytes both sides may derive further secrets from; there once `verify` has passed."""
        if self._verified is not None:
            return self._verified.epoch_keys.exporter
        if self._session is None:
            raise UsageError("the exporter is there after verify")
        return self._session.exporter

    @property
    def suite(self) -> int:
        """The suite that was taken; there once `verify` has passed."""
        if self._verified is not None:
            return self._verified.suite
        if self._session is None:
            raise UsageError("the suite is there after verify")
        return self._session.suite

    def finish(self, tlvs: dict[int, bytes], message_id: bytes, now_ms: int) -> tuple[bytes, Session]:
        """AUTH_OK and the session; message_id is 16 fresh random bytes.

        Spec: 3.3
        """
        caller = self._verified
        if caller is None:
            raise UsageError("finish comes once, after verify")
        ours = self._parameters
        limits = (ours.max_frame_bytes, ours.soft_limits, ours.hard_limits)
        session = Session(Role.SERVER, caller.session_id, caller.epoch_keys, *limits, suite=caller.suite)
        payload = finished_value(caller.epoch_keys, caller.th4) + encode_tlvs(tlvs)
        frame = session.seal(MessageType.AUTH_OK, payload, message_id, now_ms)
        # A second session with these keys would use their nonces again.
        self._step, self._verified, self._session = _Step.DONE, None, session
        return frame, session

    def _receive_hello(
        self,
        record: bytes,
        now_ms: int,
        server_random: bytes,
        session_id: bytes,
        exchange: ExchangeSecret,
        encapsulate: Callable[[EncapsulationKey], tuple[bytes, bytes]],
    ) -> bytes:
        if self._step is not _Step.NEW:
            raise UsageError("H1 comes once")
        hello = ClientHello.parse(record)
        if not hello.min_version <= PROTOCOL_VERSION <= hello.max_version:
            raise UnsupportedVersion(f"client speaks {hello.min_version:#06x} to {hello.max_version:#06x}")
        suite = choose_suite(self._pq_required, hello.suites)
        shared, ciphertext = _mlkem_secret(suite, hello, encapsulate)
        shared += exchange.exchange(hello.exchange)
        proof = ServerProof(self._gate.server_public, now_ms, self._server_id, self._parameters.encode())
        sealed_bytes = len(proof.encode()) + _SIGNATURE_BYTES + TAG_BYTES
        clear = ServerHello.encode_clear(suite, server_random, session_id, exchange.public, ciphertext, sealed_bytes)
        th2 = sha256(record, clear)
        keys = HandshakeKeys.derive(shared, th2)
        plaintext = proof.encode() + self._gate.identity.sign(proof.signed(th2))
        sealed = aead_seal(aead_key(keys.server_key), keys.server_iv, plaintext, th2)
        answer = ServerHello.encode(clear, sealed)
        self._hello = _Hello(record + answer, suite, session_id, exchange.public, hello.exchange, keys)
        self._step = _Step.HELLO_SENT
        return answer


def _mlkem_secret(
    suite: int, hello: ClientHello, encapsulate: Callable[[EncapsulationKey], tuple[bytes, bytes]]
) -> tuple[bytes, bytes]:
    """ML-KEM's half of the shared secret and its ciphertext; suite 1 has neither, even when a key came with it."""
    if suite != SUITE_X25519_MLKEM768 or hello.encapsulation is None:
        return b"", b""
    return encapsulate(hello.encapsulation)


def _verifies(auth: _Auth, th3: bytes) -> bool:
    try:
        auth.proof.device_public.verify(auth.signature, auth.proof.signed(th3, auth.binder))
    except Unauthentic:
        return False
    return True
