"""The gate: a server tells holders of the discovery secret from strangers before it does any costly work.

Spec: 3.3
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from clawchat.protocol.encoding import u8, u16
from clawchat.protocol.handshake_messages import GATE_BYTES, HELLO, encode_record
from clawchat.protocol.keys import GateKey, IdentityKey, IdentityPublic
from clawchat.protocol.limits import H1_MAX_BYTES
from clawchat.protocol.primitives import constant_time_equal, hmac_sha256, sha256


@dataclass(frozen=True, slots=True)
class Gate:
    """One pair of gate key and identity under which a server may be addressed."""

    gate_key: GateKey
    identity: IdentityKey
    server_public: IdentityPublic = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "server_public", self.identity.public)


def close_hello(gate_key: GateKey, server_public: IdentityPublic, body: bytes) -> bytes:
    """H1: the body with its gate value, as a record."""
    return encode_record(HELLO, body + _value(gate_key, server_public, body))


def find_gate(record: bytes, gates: Iterable[Gate]) -> Gate | None:
    """The gate this H1 was made for, or nothing for a stranger.

    Looks at length and gate value alone: no parsing, no public-key work. Everything is computed before anything is
    judged, so a wrong length takes as long as a wrong gate value. Whatever it lets through was made by a holder of the
    discovery secret, though perhaps not for the first time; see `gate_value`.
    """
    body = record[4 : 4 + H1_MAX_BYTES]
    signed, value = body[:-GATE_BYTES], body[-GATE_BYTES:]
    fitting = [gate for gate in gates if constant_time_equal(_value(gate.gate_key, gate.server_public, signed), value)]
    head = u8(0x48) + u8(HELLO) + u16(len(body))
    # Not `and`, which would stop at the first that is wrong.
    is_whole = (len(body) > GATE_BYTES) & (record[:4] == head) & (len(record) == len(head) + len(body))
    return fitting[0] if fitting and is_whole else None


def gate_value(record: bytes) -> bytes:
    """The 16 bytes by which a server knows an H1 it has seen before."""
    return record[-GATE_BYTES:]


def _value(gate_key: GateKey, server_public: IdentityPublic, body: bytes) -> bytes:
    return hmac_sha256(bytes(gate_key), sha256(bytes(server_public)) + body)[:GATE_BYTES]
