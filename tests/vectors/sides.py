"""Both sides of a handshake with nothing left to chance, for cases and vector files."""

from dataclasses import dataclass

from clawchat.protocol.handshake import ClientHandshake, Gate, ServerHandshake, ServerParameters
from clawchat.protocol.key_schedule import gate_key
from clawchat.protocol.keys import (
    DecapsulationKey,
    DeviceKey,
    DiscoverySecret,
    ExchangeSecret,
    IdentityKey,
    PreSharedKey,
)
from clawchat.protocol.suites import SUITE_X25519_MLKEM768


@dataclass(frozen=True)
class GivenParameters(ServerParameters):
    """Parameters as another server encoded them, to the byte."""

    given: bytes = b""

    def encode(self):
        return self.given


@dataclass(frozen=True)
class Sides:
    """What both sides hold and would otherwise draw; bytes but for the last six."""

    discovery_secret: bytes
    psk: bytes
    psk_id: bytes
    server_identity_seed: bytes
    device_seed: bytes
    client_eph_private: bytes
    server_eph_private: bytes
    mlkem_seed: bytes
    mlkem_ciphertext: bytes
    client_random: bytes
    server_random: bytes
    session_id: bytes
    params: bytes
    suites: tuple
    server_id: str
    client_name: str
    client_time_ms: int
    server_time_ms: int
    # The server's policy; `suites` are the client's offer.
    pq_required: bool = True

    @property
    def identity(self):
        return IdentityKey(self.server_identity_seed)

    @property
    def device(self):
        return DeviceKey(self.device_seed)

    @property
    def gate(self):
        return Gate(gate_key(DiscoverySecret(self.discovery_secret)), self.identity)

    def client(self):
        """A client that has sent H1, and H1."""
        client = ClientHandshake(
            self.identity.public,
            self.gate.gate_key,
            self.psk_id,
            PreSharedKey(self.psk),
            self.device.public,
            self.device.sign,
            self.client_name,
            tuple(self.suites),
        )
        decapsulation = DecapsulationKey(self.mlkem_seed) if SUITE_X25519_MLKEM768 in self.suites else None
        return client, client._hello(self.client_random, ExchangeSecret(self.client_eph_private), decapsulation)

    def server(self, first):
        """A server that has answered H1, and H2."""
        known = ServerParameters.parse(self.params)
        fields = (known.max_frame_bytes, known.soft_limits, known.hard_limits, known.idle_seconds, known.minimum_client)
        parameters = GivenParameters(*fields, given=self.params)
        server = ServerHandshake(self.gate, self.server_id, parameters, self.pq_required)
        exchange = ExchangeSecret(self.server_eph_private)
        second = server._receive_hello(
            first, self.server_time_ms, self.server_random, self.session_id, exchange, self._encapsulate
        )
        return server, second

    def _encapsulate(self, encapsulation):
        # The library refuses a key that is none; its own random ciphertext is not what the case has.
        encapsulation.encapsulate()
        return DecapsulationKey(self.mlkem_seed).decapsulate(self.mlkem_ciphertext), self.mlkem_ciphertext
