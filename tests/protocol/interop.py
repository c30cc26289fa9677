"""Where Python and the browser's code in Node meet on one wire: the ends, who is enrolled, the line between them."""

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from clawchat.protocol.frame import MessageType
from clawchat.protocol.handshake import Gate, ServerHandshake, ServerParameters, find_gate
from clawchat.protocol.key_schedule import gate_key
from clawchat.protocol.keys import DeviceKey, DiscoverySecret, IdentityKey, PreSharedKey
from clawchat.protocol.primitives import random_bytes
from clawchat.protocol.rekey import ServerRekey
from clawchat.protocol.session import Session

BROWSER = Path(__file__).with_name("browser.mjs")
SERVER_ID = "cc-alice"
SERVER_TIME_MS = 1_700_000_000_123
BROWSER_TIME_MS = 1_700_000_000_000


class NodeEnd:
    """One end in a Node process, asked line by line; as it comes, the client's half: bob's browser."""

    def __init__(self, script=BROWSER):
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


class Line:
    """The wire between a browser in Node and a server in Python; `now` is what both clocks say."""

    def __init__(self, browser, home, **changes):
        self.browser, self.home = browser, home
        _, self.session, _ = home.meet(browser, **changes)
        self.now = 100
        self.rekey = ServerRekey(self.session, home.device.public, home.identity.sign, 0)
        self.browser.ask("take_part", now=0)
        self.to_browser, self.heard = [], []

    def say(self, payload, kind=MessageType.CHAT):
        """The server speaks."""
        self.to_browser.append(self.session.seal(kind, payload, random_bytes(16), self.now))

    def turn(self, *texts, begin=False):
        """What the server has said goes to the browser, and what the browser says comes back."""
        frames = [frame.hex() for frame in self.to_browser]
        self.to_browser.clear()
        say = [text.encode().hex() for text in texts]
        answer = self.browser.ask("turn", frames=frames, say=say, begin=begin, now=self.now)
        assert "error" not in answer, answer
        for frame in answer["frames"]:
            self.take(bytes.fromhex(frame))
        return [bytes.fromhex(payload).decode() for payload in answer["heard"]], answer["epoch"]

    def take(self, frame):
        """One frame reaches the server."""
        opened = self.session.open(frame)
        if opened.type != MessageType.KEY_ROTATION:
            self.heard.append(opened.payload.decode())
        elif answer := self.rekey.receive(opened.payload, self.now):
            self.say(b"before the answer")
            self.say(answer, MessageType.KEY_ROTATION)
            self.say(b"after the answer")
