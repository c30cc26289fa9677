"""A server in Python and a browser's code in Node meet on one wire: handshake, frames both ways, refusals."""

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from clawchat.protocol.errors import Unauthentic
from clawchat.protocol.frame import MessageType
from clawchat.protocol.handshake import Gate, ServerHandshake, ServerParameters, find_gate
from clawchat.protocol.key_schedule import device_credentials, gate_key
from clawchat.protocol.keys import DeviceKey, DiscoverySecret, IdentityKey, PreSharedKey
from clawchat.protocol.primitives import new_message_id, random_bytes
from clawchat.protocol.session import Session

SCRIPT = Path(__file__).with_name("browser.mjs")
SERVER_ID = "cc-alice"
SERVER_TIME_MS = 1_700_000_000_123
BROWSER_TIME_MS = 1_700_000_000_000


class Browser:
    """bob's browser: the client's half in a Node process, asked line by line."""

    def __init__(self, script=SCRIPT):
        self._process = subprocess.Popen(
            ["node", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def ask(self, command, **given):
        """The answer to one command; bytes go out as hex."""
        given = {name: value.hex() if isinstance(value, bytes) else value for name, value in given.items()}
        self._process.stdin.write(json.dumps({"command": command, **given}) + "\n")
        return json.loads(self._process.stdout.readline())

    def close(self):
        """End the process and its pipes."""
        with self._process:
            self._process.stdin.close()
            self._process.wait(timeout=20)


@dataclass
class Household:
    """alice's server with bob enrolled on it."""

    discovery_secret: DiscoverySecret = field(default_factory=DiscoverySecret.generate)
    identity: IdentityKey = field(default_factory=IdentityKey.generate)
    device: DeviceKey = field(default_factory=DeviceKey.generate)
    psk: PreSharedKey = field(default_factory=PreSharedKey.generate)
    psk_id: bytes = field(default_factory=lambda: random_bytes(16))
    pq_required: bool = True

    def hello(self, browser, **changes):
        """H1 from bob's browser."""
        known = {
            "server_public": bytes(self.identity.public),
            "discovery_secret": bytes(self.discovery_secret),
            "psk_id": self.psk_id,
            "psk": bytes(self.psk),
            "device_seed": bytes(self.device),
            "client_name": "bob's browser",
        }
        return bytes.fromhex(browser.ask("hello", **{**known, **changes})["record"])

    def server(self, hello, parameters=None):
        """The server's half for this H1, its gate found."""
        gate = find_gate(hello, [Gate(gate_key(self.discovery_secret), self.identity)])
        assert gate is not None
        parameters = parameters or ServerParameters(max_frame_bytes=65_536)
        return ServerHandshake(gate, SERVER_ID, parameters, self.pq_required)

    def meet(self, browser, **changes) -> tuple[ServerHandshake, Session, dict]:
        """A whole handshake: the server's machine and session, and what the browser says about its own."""
        hello = self.hello(browser, **changes)
        server = self.server(hello)
        answer = browser.ask("server_hello", record=server.receive_hello(hello, SERVER_TIME_MS), now_ms=BROWSER_TIME_MS)
        assert (answer["server_id"], answer["clock_offset_ms"]) == (SERVER_ID, 123)
        auth = server.receive_client_auth(bytes.fromhex(answer["record"]))
        assert (auth.psk_id, auth.client_name, auth.client_time_ms) == (self.psk_id, "bob's browser", BROWSER_TIME_MS)
        server.verify(self.psk, self.device.public)
        frame, session = server.finish({16: b"sixteen"}, random_bytes(16), SERVER_TIME_MS)
        return server, session, browser.ask("finished", frame=frame)


@pytest.fixture
def browser():
    """A fresh browser."""
    process = Browser()
    yield process
    process.close()


@pytest.fixture
def household():
    """A fresh server and member."""
    return Household()


def test_both_ends_hold_the_same_secrets(browser, household):
    """Session id, exporter and the device credentials of an enrolment are one value on both sides."""
    server, session, finished = household.meet(browser)

    psk_id, psk = device_credentials(server.exporter, household.device.public)
    assert finished == {
        "tlvs": {"16": b"sixteen".hex()},
        "session_id": session.session_id.hex(),
        "exporter": session.exporter.hex(),
        "device_psk_id": psk_id.hex(),
        "device_psk": bytes(psk).hex(),
    }


def test_frames_travel_both_ways_in_order(browser, household):
    """What the browser seals in one burst opens frame by frame at the server, and the other way round."""
    _, session, _ = household.meet(browser)
    sizes = [49_000, 0, 1, 63, 64, 1023, 1024, 16_383, 16_384]
    burst = [
        {"type": 1, "payload": (b"b" * size).hex(), "message_id": new_message_id(7).hex(), "timestamp_ms": size}
        for size in sizes
    ]

    for sent, frame in zip(burst, browser.ask("seal", frames=burst)["frames"], strict=True):
        opened = session.open(bytes.fromhex(frame))
        assert (opened.type, opened.payload.hex()) == (MessageType.CHAT, sent["payload"])
        assert (opened.message_id.hex(), opened.timestamp_ms) == (sent["message_id"], sent["timestamp_ms"])
    for size in sizes:
        message_id = random_bytes(16)
        opened = browser.ask("open", frame=session.seal(MessageType.ACK, b"a" * size, message_id, size))
        assert opened == {
            "type": MessageType.ACK,
            "payload": (b"a" * size).hex(),
            "message_id": message_id.hex(),
            "timestamp_ms": size,
        }


def test_a_changed_frame_is_refused_by_the_browser(browser, household):
    """mallory changes one bit on the way to the browser; nothing more is taken from that session."""
    _, session, _ = household.meet(browser)
    frame = bytearray(session.seal(MessageType.CHAT, b"hello", random_bytes(16), 1))
    frame[45] ^= 1

    assert browser.ask("open", frame=bytes(frame)) == {"error": "unauthentic"}
    assert browser.ask("open", frame=session.seal(MessageType.CHAT, b"hello", random_bytes(16), 1)) == {
        "error": "unauthentic"
    }


def test_a_changed_frame_is_refused_by_the_server(browser, household):
    """mallory changes the type of a frame on the way to the server."""
    _, session, _ = household.meet(browser)
    ping = {"type": 7, "payload": "", "message_id": "00" * 16, "timestamp_ms": 1}
    frame = bytearray.fromhex(browser.ask("seal", frames=[ping])["frames"][0])
    frame[25] = MessageType.CHAT

    with pytest.raises(Unauthentic):
        session.open(bytes(frame))


def test_a_browser_with_another_psk_is_not_let_in(browser, household):
    """charlie has the discovery secret and bob's device id, but not his PSK."""
    with pytest.raises(Unauthentic):
        household.meet(browser, psk=random_bytes(32))


def test_a_browser_refuses_another_server(browser, household):
    """mallory, who knows the discovery secret, answers with an identity of her own."""
    hello = household.hello(browser)
    impostor = Gate(gate_key(household.discovery_secret), IdentityKey.generate())

    answer = ServerHandshake(impostor, SERVER_ID).receive_hello(hello, SERVER_TIME_MS)

    assert browser.ask("server_hello", record=answer, now_ms=BROWSER_TIME_MS) == {"error": "unauthentic"}
