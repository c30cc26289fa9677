"""Both halves of a handshake against scripts (machines.py): each with a peer who is right, and one who lies."""

from functools import cache
from pathlib import Path

from clawchat.protocol.errors import PeerError
from clawchat.protocol.frame import Direction, Frame, FrameKeys, MessageType, seal_frame
from clawchat.protocol.gate import close_hello, find_gate
from clawchat.protocol.handshake import ClientHandshake, ServerHandshake
from clawchat.protocol.handshake_messages import CLIENT_AUTH, ClientProof, ServerHello, ServerProof, encode_record
from clawchat.protocol.key_schedule import HandshakeKeys, finished_value, psk_binder
from clawchat.protocol.keys import DecapsulationKey, DeviceKey, ExchangeSecret, IdentityKey, PreSharedKey
from clawchat.protocol.limits import H1_MAX_BYTES
from clawchat.protocol.parameters import KeyLimits, ServerParameters, encode_client_name
from clawchat.protocol.primitives import aead_key, aead_seal, sha256
from clawchat.protocol.session import Session
from clawchat.protocol.suites import SUITE_X25519, SUITE_X25519_MLKEM768
from tests.protocol.machines_script import Script, World, check_size
from tests.protocol.pairs import MESSAGE_ID, NOW_MS, PSK_ID
from tests.protocol.parsers import GATE, IDENTITY, PSK

# The last of each is mallory's own; the other ones are what a server may wrongly expect.
DEVICE, OTHER_DEVICE, MALLORYS_DEVICE = (DeviceKey(bytes([each] * 32)) for each in (1, 2, 3))
OTHER_PSK, MALLORYS_PSK = PreSharedKey(bytes(32)), PreSharedKey(bytes([4] * 32))
MALLORYS_IDENTITY = IdentityKey(bytes([5] * 32))
MLKEM_SECRET = DecapsulationKey(bytes(64))
MLKEM_CIPHERTEXT = bytes.fromhex((Path(__file__).parents[1] / "vectors/mlkem_ciphertext.hex").read_text())
# What a client offers, and the server's floor.
OFFERS = [
    ((SUITE_X25519_MLKEM768,), True),
    ((SUITE_X25519,), False),
    ((SUITE_X25519_MLKEM768, SUITE_X25519), False),
    ((SUITE_X25519, SUITE_X25519_MLKEM768), True),
]
PARAMETERS = ServerParameters(4096, KeyLimits(600, 1 << 20, 9), KeyLimits(900, 1 << 21, 30), 60, "0.1")
SERVER_ID = "cc-script"


def encapsulate(key):
    """What no dice had a part in; a key that is none is refused as ever."""
    key.encapsulate()
    return MLKEM_SECRET.decapsulate(MLKEM_CIPHERTEXT), MLKEM_CIPHERTEXT


def new_client(suites, number=0) -> tuple[ClientHandshake, bytes]:
    """One that has sent H1; of the same device whatever the number."""
    parts = (IDENTITY.public, GATE.gate_key, PSK_ID, PSK, DEVICE.public, DEVICE.sign, "script", suites)
    client = ClientHandshake(*parts)
    mlkem = MLKEM_SECRET if SUITE_X25519_MLKEM768 in suites else None
    return client, client._hello(bytes([number] * 32), ExchangeSecret(bytes([number + 1] * 32)), mlkem)


def new_server(pq_required) -> ServerHandshake:
    """One that waits for H1."""
    return ServerHandshake(GATE, SERVER_ID, PARAMETERS, pq_required)


def answer(server, record, number=0) -> bytes:
    """H2."""
    drawn = (bytes([number + 2] * 32), bytes([number + 3] * 16), ExchangeSecret(bytes([number + 4] * 32)))
    return server._receive_hello(record, NOW_MS, *drawn, encapsulate)


@cache
def another(offer) -> tuple[bytes, ...]:
    """What mallory saw of the same two before: H1, H2, H3, AUTH_OK, two frames."""
    suites, pq_required = offer
    client, first = new_client(suites, 100)
    server = new_server(pq_required)
    second = answer(server, first, 100)
    third = client.receive_server_hello(second, NOW_MS)
    server.receive_client_auth(third)
    server.verify(PSK, DEVICE.public)
    fourth, session = server.finish({16: bytes(40)}, MESSAGE_ID, NOW_MS)
    ends = client.receive_finished(fourth), session
    return first, second, third, fourth, *(each.seal(MessageType.PING, b"", MESSAGE_ID, NOW_MS) for each in ends)


class HandshakeWorld(World):
    """A client and a server that hold the right keys, and whoever is between."""

    def __init__(self, script: Script) -> None:
        super().__init__(script)
        offer = script.one(OFFERS)
        self.client, first = new_client(offer[0])
        self.server = new_server(offer[1])
        self.first = self.see(first)
        self.seen += another(offer)
        # What was made by who has the keys for it, by step: what else is taken was forged.
        self.made: dict[str, set[bytes]] = {"H2": set(), "H3": set(), "AUTH_OK": set()}
        self.closed = {first, another(offer)[0]}
        self.taken: dict[str, bytes] = {}
        self.turns = {"client": "H2", "server": "H1"}
        self.ends: dict[str, Session] = {}
        # Whether somebody who has a key has lied.
        self.lies = False

    def sent(self, name: str, record: bytes) -> None:
        """By one of the two machines: seen, in mallory's hand, and genuine, unless it answers what was not."""
        if name != "H2" or self.taken["H1"] == self.first:
            self.made[name].add(record)
        self.hand = self.see(record)

    def give_client(self) -> None:
        """H2 or AUTH_OK to the client, whichever it waits for; or the other one."""
        turn = ("H2", "AUTH_OK")[(self.turns["client"] == "AUTH_OK") ^ (self.script.byte() == 255)]
        self._give_client(turn, self.hand)

    def _give_client(self, turn: str, record: bytes) -> None:
        client, in_turn = self.client, self.turns["client"] == turn
        if turn == "H2":
            third = self.ask("H2", client, in_turn, lambda: client.receive_server_hello(record, NOW_MS))
            if third is not None:
                assert record in self.made["H2"], "an H2 of nobody's"
                self.turns["client"] = "AUTH_OK"
                self.sent("H3", third)
            return
        session = self.ask("AUTH_OK", client, in_turn, lambda: client.receive_finished(record))
        if session is not None:
            assert record in self.made["AUTH_OK"], "an AUTH_OK of nobody's"
            self.turns["client"], self.ends["client"] = "", session

    def give_server(self) -> None:
        """H1 or H3 to the server, whichever it waits for; or the other one. A byte says whether the gate is asked."""
        how = self.script.byte()
        turn = ("H1", "H3")[(self.turns["server"] != "H1") ^ (how == 255)]
        self._give_server(turn, self.hand, bool(how % 2))

    def _give_server(self, turn: str, record: bytes, past_gate: bool) -> None:
        server, in_turn = self.server, self.turns["server"] == turn
        if turn == "H1":
            gate = find_gate(record, [GATE])
            assert (gate is None) == (record not in self.closed)
            if gate is None and not past_gate:
                self.tell("H1:stranger")
                return
            second = self.ask("H1", server, in_turn, lambda: answer(server, record))
            if second is not None:
                self.turns["server"] = "H3"
                self.taken |= {"H1": record, "H2": second}
                self.sent("H2", second)
            return
        auth = self.ask("H3", server, in_turn, lambda: server.receive_client_auth(record))
        if auth is not None:
            self.turns["server"], self.taken["H3"] = "verify", record

    def verify(self) -> None:
        """With what the server's table says of this id: this PSK or none, this device, any, or another one."""
        psk = self.script.one((PSK, OTHER_PSK))
        device = self.script.one((DEVICE.public, None, OTHER_DEVICE.public))
        server, in_turn = self.server, self.turns["server"] == "verify"
        if self.ask("verify", server, in_turn, lambda: server.verify(psk, device) or True):
            assert psk is PSK and device is not OTHER_DEVICE.public
            assert self.taken["H3"] in self.made["H3"], "an H3 of nobody's"
            self.turns["server"] = "finish"

    def finish(self) -> None:
        """AUTH_OK."""
        tlvs = self.script.one(({}, {16: bytes(40)}, {3: b"", 16: b"x"}))
        server, in_turn = self.server, self.turns["server"] == "finish"
        found = self.ask("finish", server, in_turn, lambda: server.finish(tlvs, MESSAGE_ID, NOW_MS))
        if found is not None:
            self.turns["server"], self.ends["server"] = "", found[1]
            self.sent("AUTH_OK", found[0])

    def right(self) -> None:
        """What would come next without mallory; so scripts come far."""
        turn = self.turns["server"]
        if turn == "H1":
            self._give_server("H1", self.first, False)
        elif turn == "H3" and self.turns["client"] == "H2":
            self._give_client("H2", self.taken["H2"])
        elif turn == "H3":
            self._give_server("H3", self.hand, False)
        elif turn == "verify":
            self.verify()
        elif turn == "finish":
            self.finish()
        elif self.turns["client"]:
            self._give_client(self.turns["client"], self.hand)

    def look(self) -> None:
        """Who has keys, and that they are both's."""
        for name, machine in (("client", self.client), ("server", self.server)):
            if name in self.ends:
                assert machine.exporter == self.ends[name].exporter
        if len(self.ends) == 2 and not self.lies:
            client, server = self.ends["client"], self.ends["server"]
            assert client.session_id == server.session_id
            assert client.exporter == server.exporter
            assert (client.suite, client.max_frame_bytes) == (server.suite, server.max_frame_bytes)

    def end(self) -> None:
        """Two ends that both have keys understand each other; one alone has what the other can still get."""
        check_size((self.client, self.server))
        if self.lies:
            return
        assert "client" not in self.ends or "server" in self.ends, "a client with keys that no server has"
        if "server" in self.ends and "client" not in self.ends:
            for record in self.made["AUTH_OK"]:
                self._give_client("AUTH_OK", record)
            assert "client" in self.ends, "a server with keys that no client has"
        if self.ends:
            self.look()
            for one, other in (("client", "server"), ("server", "client")):
                frame = self.ends[one].seal(MessageType.PING, b"x", MESSAGE_ID, NOW_MS)
                assert self.ends[other].open(frame).payload == b"x"


WIRE = (*World.STEPS, "right", "give_client", "give_server", "verify", "finish")


class ServerWorld(HandshakeWorld):
    """The server's half; mallory may hold the discovery secret, and be a device of its own that says what it likes."""

    STEPS = (*WIRE, "close", "record", "prove", "seal")

    def close(self) -> None:
        """The gate's value of what is in the hand."""
        self.hand = close_hello(GATE.gate_key, GATE.server_public, self.hand[4:-16])
        if 16 < len(self.hand) - 4 <= H1_MAX_BYTES:
            self.closed.add(self.hand)

    def record(self) -> None:
        """The head of a record before what is in the hand."""
        self.hand = encode_record(self.script.byte() % 5, self.hand)

    def prove(self) -> None:
        """What H3's seal holds, in the clear, and afresh."""
        name = self.script.one((encode_client_name("script"), b"", bytes(4), encode_client_name("other") * 2))
        self.hand = ClientProof(PSK_ID, DEVICE.public, NOW_MS, name).encode()

    def seal(self) -> None:
        """The hand as H3's plaintext, under the keys that H1 and H2 made: with binder and signature, right or wrong."""
        kind = self.script.byte() % 8
        hello = self.server._hello
        if hello is None:
            return
        self.lies = True
        th3 = sha256(hello.records)
        plain = self.hand if kind > 5 else _proved(self.hand, th3, hello.keys, kind)
        sealed = aead_seal(aead_key(hello.keys.client_key), hello.keys.client_iv, plain, th3)
        self.hand = encode_record(CLIENT_AUTH, sealed)
        if kind < 3:
            self.made["H3"].add(self.hand)


def _proved(plain: bytes, th3: bytes, keys: HandshakeKeys, kind: int) -> bytes:
    """The proof with its binder and signature, one of them wrong from kind 3 on; what is no proof stays as it is."""
    try:
        proof = ClientProof.parse(plain + bytes(96))[0]
    except PeerError:
        return plain
    psk, device = MALLORYS_PSK if kind == 3 else PSK, MALLORYS_DEVICE if kind == 4 else DEVICE
    binder = psk_binder(keys.main_secret(psk), th3, plain)
    return plain + binder + device.sign(proof.signed(bytes(32) if kind == 5 else th3, binder))


class ClientWorld(HandshakeWorld):
    """The client's half; mallory may be the pinned server itself, and say what it likes."""

    STEPS = (*WIRE, "prove", "seal", "welcome")

    def prove(self) -> None:
        """What H2's seal holds, in the clear, and afresh."""
        params = self.script.one((PARAMETERS.encode(), b"", bytes(4), PARAMETERS.encode() * 2))
        self.hand = ServerProof(IDENTITY.public, NOW_MS, SERVER_ID, params).encode()

    def seal(self) -> None:
        """The hand as H2's plaintext, under the keys that the true H1 makes: with a signature, right or wrong."""
        kind, suite = self.script.byte() % 5, self.script.one((SUITE_X25519_MLKEM768, SUITE_X25519, 3))
        exchange = ExchangeSecret(bytes([9] * 32))
        ciphertext = MLKEM_CIPHERTEXT if suite == SUITE_X25519_MLKEM768 else b""
        shared = MLKEM_SECRET.decapsulate(MLKEM_CIPHERTEXT) if ciphertext else b""
        shared += exchange.exchange(ExchangeSecret(bytes([1] * 32)).public)
        size = len(self.hand) + (0 if kind == 4 else 64) + 16
        clear = ServerHello.encode_clear(suite, bytes(32), bytes(16), exchange.public, ciphertext, size)
        th2 = sha256(self.first, clear)
        keys = HandshakeKeys.derive(shared, th2)
        signer = MALLORYS_IDENTITY if kind == 2 else IDENTITY
        transcript = bytes(32) if kind == 3 else th2
        plain = self.hand + (b"" if kind == 4 else signer.sign(_signed(self.hand, transcript)))
        self.hand = ServerHello.encode(clear, aead_seal(aead_key(keys.server_key), keys.server_iv, plain, th2))
        # What is no proof was signed as if it were one; nobody takes it.
        if kind in (0, 1):
            self.made["H2"].add(self.hand)
        self.lies = True

    def welcome(self) -> None:
        """The hand as what comes in AUTH_OK, behind the finished value or in its place, as a frame of this type."""
        kind = self.script.byte() % 4
        number, counter = self.script.one(tuple(MessageType)), self.script.byte() % 2
        auth = self.client._auth_sent
        if auth is None:
            return
        keys = FrameKeys(
            auth.epoch_keys.server_key, auth.epoch_keys.server_iv, auth.session_id, Direction.SERVER_TO_CLIENT, 0
        )
        finished = (finished_value(auth.epoch_keys, auth.th4), b"")[kind == 3]
        frame = Frame(MessageType.AUTH_OK if kind < 2 else number, MESSAGE_ID, NOW_MS, finished + self.hand[:2000])
        self.hand = seal_frame(keys, counter, frame, 4096)
        if frame.type is MessageType.AUTH_OK and finished and counter == 0:
            self.made["AUTH_OK"].add(self.hand)
        self.lies = True


def _signed(plain: bytes, th2: bytes) -> bytes:
    """What the identity signs; of what is no proof, the bytes themselves."""
    try:
        return ServerProof.parse(plain + bytes(64))[0].signed(th2)
    except PeerError:
        return b"nothing that anybody would verify" + plain
