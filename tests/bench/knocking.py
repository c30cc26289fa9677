"""A caller by hand on a blocking socket: a stranger, or one who knows the discovery secret and no more."""

import contextlib
import socket
import time
from dataclasses import dataclass
from typing import Any, Self

from clawchat.protocol.handshake import ClientHandshake
from clawchat.protocol.key_schedule import gate_key
from clawchat.protocol.keys import DeviceKey, DiscoverySecret, IdentityPublic, PreSharedKey
from tests.protocol.pairs import NOW_MS

UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
SECONDS = 10
# What a client of this server's knows who has no secret of his own.
Where = dict[str, Any]


@dataclass
class Caller:
    """One connection to a port of this machine."""

    socket: socket.socket

    @classmethod
    def at(cls, port: int) -> Self:
        """Connected, and nothing said."""
        connection = socket.create_connection(("127.0.0.1", port), SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(connection)

    @classmethod
    def upgraded(cls, where: Where) -> Self:
        """With the WebSocket open: who knows the path comes so far."""
        caller = cls.at(where["port"])
        caller.socket.sendall(UPGRADE.format(**where).encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += caller.socket.recv(4096)
        return caller

    def say(self, record: bytes) -> None:
        """One binary message."""
        self.socket.sendall(b"\x82\xfe" + len(record).to_bytes(2, "big") + bytes(4) + record)

    def hear(self) -> bytes:
        """The next message, of 126 bytes or more."""
        data = b""
        while len(data) < 4 or len(data) < 4 + int.from_bytes(data[2:4], "big"):
            more = self.socket.recv(4096)
            if not more:
                raise ConnectionError("closed before it answered")
            data += more
        return data[4:]

    def wait(self) -> int:
        """Nanoseconds until something comes or the connection ends; it is over then."""
        began = time.perf_counter_ns()
        with contextlib.suppress(ConnectionResetError):
            self.socket.recv(4096)
        took = time.perf_counter_ns() - began
        self.socket.close()
        return took


def hello_of(where: Where, psk_id: bytes = bytes(16)) -> ClientHandshake:
    """The client half of a handshake under this PSK id, by one who has neither its PSK nor its device."""
    device = DeviceKey.generate()
    key = gate_key(DiscoverySecret(bytes.fromhex(where["secret"])))
    pin = IdentityPublic(bytes.fromhex(where["pin"]))
    return ClientHandshake(pin, key, psk_id, PreSharedKey.generate(), device.public, device.sign)


def stranger(where: Where, record: bytes) -> int:
    """Nanoseconds from a first message to the end."""
    caller = Caller.upgraded(where)
    caller.say(record)
    return caller.wait()


def pretender(where: Where, psk_id: bytes) -> int:
    """Nanoseconds from H3 to the end, for one who passed the gate."""
    caller, handshake = Caller.upgraded(where), hello_of(where, psk_id)
    caller.say(handshake.hello())
    proof = handshake.receive_server_hello(caller.hear(), NOW_MS)
    caller.say(proof)
    return caller.wait()
