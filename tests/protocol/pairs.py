"""Both ends, ready made: alice's device, her server, and what lies between them."""

from dataclasses import dataclass

from clawchat.protocol.frame import MessageType
from clawchat.protocol.handshake import ClientHandshake, Gate, ServerHandshake, ServerParameters
from clawchat.protocol.key_schedule import EpochKeys, derive_session_keys, gate_key
from clawchat.protocol.keys import DeviceKey, DiscoverySecret, ExchangePublic, IdentityKey, PreSharedKey
from clawchat.protocol.rekey import ClientRekey, ServerRekey
from clawchat.protocol.session import Role, Session
from clawchat.protocol.suites import SUITE_X25519_MLKEM768

NOW_MS = 1_760_000_000_000
PSK_ID = bytes(range(16))
MESSAGE_ID = bytes(range(16, 32))
SESSION_ID = bytes(range(32, 48))


@dataclass
class Pair:
    """A handshake in four steps, each to be called once; what went over the wire stays to be looked at."""

    client: ClientHandshake
    server: ServerHandshake
    gate: Gate
    psk: PreSharedKey
    device: DeviceKey

    def hello(self):
        return self.client.hello()

    def answer(self, first):
        return self.server.receive_hello(first, NOW_MS + 250)

    def authenticate(self, second):
        return self.client.receive_server_hello(second, NOW_MS)

    def finish(self, third, tlvs=None):
        self.server.receive_client_auth(third)
        self.server.verify(self.psk, self.device.public)
        return self.server.finish(tlvs or {}, MESSAGE_ID, NOW_MS)


def pair(parameters=None, client_name="", **changed):
    """A client and a server that know each other, but for what is changed of the client: psk, pin, gate_key, device.

    `suites` are the client's offer, `pq_required` is the server's floor.
    """
    identity, device, psk = IdentityKey.generate(), DeviceKey.generate(), PreSharedKey.generate()
    gate = Gate(gate_key(DiscoverySecret.generate()), identity)
    client_device = changed.get("device", device)
    client = ClientHandshake(
        changed.get("pin", identity.public),
        changed.get("gate_key", gate.gate_key),
        PSK_ID,
        changed.get("psk", psk),
        client_device.public,
        changed.get("sign", client_device.sign),
        client_name,
        changed.get("suites", (SUITE_X25519_MLKEM768,)),
    )
    pq_required = changed.get("pq_required", True)
    server = ServerHandshake(gate, "cc-server", parameters or ServerParameters(), pq_required)
    return Pair(client, server, gate, psk, device)


def sessions(tlvs=None, **changed):
    """Two ends of an authenticated session."""
    ends = pair(**changed)
    frame, server_session = ends.finish(ends.authenticate(ends.answer(ends.hello())), tlvs)
    return ends.client.receive_finished(frame), server_session


def epoch_keys(seed=b"k"):
    """The keys of an epoch without its handshake."""
    public = ExchangePublic(bytes(32))
    return EpochKeys.derive(derive_session_keys(seed.ljust(32, b"\0"), public, public), bytes(32))


def fresh_sessions(max_frame_bytes=262_144):
    """Two ends before AUTH_OK."""
    keys = epoch_keys()
    return (Session(role, SESSION_ID, keys, max_frame_bytes) for role in (Role.CLIENT, Role.SERVER))


def changed_bytes(data, every=1):
    """The data with one bit of one byte changed, for each byte (or every so many)."""
    for at in range(0, len(data), every):
        yield at, data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :]


@dataclass
class Ends:
    """Both ends of a session, each with its half of every rekey."""

    client: Session
    server: Session
    client_rekey: ClientRekey
    server_rekey: ServerRekey
    device: DeviceKey
    identity: IdentityKey

    def rekey(self, now):
        """A whole rekey, nothing else under way."""
        answer = self.server_rekey.receive(self.carry(self.client, self.client_rekey.init(now)), now)
        done = self.client_rekey.receive(self.carry(self.server, answer), now)
        assert self.server_rekey.receive(self.carry(self.client, done), now) is None

    def carry(self, sender, payload, kind=MessageType.KEY_ROTATION):
        """The payload as it came out at the other end."""
        receiver = self.server if sender is self.client else self.client
        return receiver.open(sender.seal(kind, payload, MESSAGE_ID, NOW_MS)).payload


def ends(now=0.0, parameters=None, device=None, **changed):
    """A session that may be rekeyed, begun at `now`; changed names other keys for one half, as `pair` does."""
    suites = {name: changed[name] for name in ("suites", "pq_required") if name in changed}
    both = pair(parameters, **suites, **({"device": device} if device else {}))
    if device:
        both.device = device
    frame, server = both.finish(both.authenticate(both.answer(both.hello())))
    client = both.client.receive_finished(frame)
    client_rekey = ClientRekey(
        client, changed.get("pin", both.gate.identity.public), changed.get("sign", both.device.sign), now
    )
    server_rekey = ServerRekey(server, both.device.public, both.gate.identity.sign, now)
    return Ends(client, server, client_rekey, server_rekey, both.device, both.gate.identity)
