"""What a stranger, or a member who is none, could learn from how long we take: in this process and over a socket.

`two_samples` says how it is judged. Two comparisons that do leak stand among the others, so that the bench is known to
see something.
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clawchat.protocol.errors import PeerError
from clawchat.protocol.frame import FRAME_VERSION, Direction, FrameKeys, open_frame
from clawchat.protocol.handshake import Gate, find_gate
from clawchat.protocol.key_schedule import gate_key
from clawchat.protocol.keys import DiscoverySecret, IdentityKey
from clawchat.protocol.padding import pad, unpad
from clawchat.protocol.primitives import constant_time_equal, random_bytes
from tests.bench.console import inside
from tests.bench.knocking import Where, hello_of, pretender, stranger
from tests.bench.two_samples import Sampler, compare, timed
from tests.e2e.server import ServerProcess
from tests.protocol.pairs import pair

SAMPLES = 30_000
SOCKET_SAMPLES = 600
ROUNDS = "tests.bench.timing_rounds"
COUNTER = 5
PAYLOAD_BYTES = 256


def timing(folder: Path) -> dict[str, Any]:
    """Every comparison, by name."""
    found = {name: compare(sampler, SAMPLES) for name, sampler in in_process().items()}
    with ServerProcess(folder / "timing", interval=3600, lead=120, grace=300) as server:
        server.stop()
        found |= inside(server, ROUNDS, "lookups()")
        inside(server, ROUNDS, "let_everybody_knock()")
        server.start()
        place = inside(server, ROUNDS, "where()")
        found |= {name: compare(sampler, SOCKET_SAMPLES) for name, sampler in _over_a_socket(place).items()}
    return found


def in_process() -> dict[str, Sampler]:
    """Two classes each: the first one is named first."""
    return {**_comparisons(), **_gates(), **_frames()}


def _comparisons() -> dict[str, Sampler]:
    secret = random_bytes(16)
    wrong = _flips((secret, 0), (secret, 15))
    return {
        "control, a loop that stops early: first byte, last byte": timed(
            wrong, lambda given: _leaky_equal(secret, given)
        ),
        "control, `==` on 16 bytes: first byte, last byte": timed(wrong, lambda given: secret == given),
        "constant_time_equal: first byte, last byte": timed(wrong, lambda given: constant_time_equal(secret, given)),
    }


def _leaky_equal(ours: bytes, theirs: bytes) -> bool:
    return all(our == their for our, their in zip(ours, theirs, strict=True))


def _gates() -> dict[str, Sampler]:
    ends = pair()
    first, gates = ends.hello(), [ends.gate]
    several = [Gate(gate_key(DiscoverySecret.generate()), IdentityKey.generate()) for _ in range(3)] + gates
    last = len(first) - 1
    value = _flips((first, last - 15), (first, last))
    # A stranger has neither the right value nor the right length.
    strangers = first[:-16] + bytes(16)
    length = _flips((strangers, last), (strangers, 3))
    return {
        "gate: first byte, last byte of the value": timed(value, lambda given: find_gate(given, gates)),
        "gate, four to try: first byte, last byte": timed(value, lambda given: find_gate(given, several)),
        "gate: wrong value, wrong length": timed(length, lambda given: find_gate(given, gates)),
    }


def _frames() -> dict[str, Sampler]:
    keys = FrameKeys(random_bytes(32), random_bytes(12), random_bytes(16), Direction.CLIENT_TO_SERVER, 0)
    good = _frame(keys, pad(random_bytes(PAYLOAD_BYTES)))
    # Of the same length, but with no marker anywhere: what a padding oracle would ask for.
    bad = _frame(keys, bytes(len(pad(bytes(PAYLOAD_BYTES)))))
    last = len(good) - 1
    opening = _failing(lambda given: open_frame(keys, COUNTER, given, 1 << 20))
    padded = _flips((pad(bytes([1]) * 319), 0), (pad(bytes([1]) * PAYLOAD_BYTES), 0))
    return {
        "frame: first byte, last byte of the IV": timed(_flips((good, 26), (good, 37)), opening),
        "frame: first byte, last byte of the tag": timed(_flips((good, last - 15), (good, last)), opening),
        "frame, wrong tag: padding beneath right, wrong": timed(_flips((good, last), (bad, last)), opening),
        "padding of an authentic frame: 1 byte, 64 bytes": timed(padded, unpad),
    }


def _over_a_socket(place: Where) -> dict[str, Sampler]:
    """From the last thing that is said until the connection ends, at a real server beside which nothing runs."""
    first = hello_of(place).hello()
    wrong = first[:-16] + random_bytes(16)
    # With a wrong value, too: a stranger has neither.
    long = wrong[:3] + bytes([wrong[3] ^ 1]) + wrong[4:]
    known = [bytes.fromhex(psk_id) for psk_id in place["known"]]
    return {
        "socket: wrong gate value, wrong length": lambda classes: [
            stranger(place, (wrong, long)[second]) for second in classes
        ],
        "socket: unknown PSK id, a device's id": lambda classes: [
            pretender(place, (random_bytes(16), random.choice(known))[second]) for second in classes
        ],
    }


def _frame(keys: FrameKeys, plaintext: bytes) -> bytes:
    clear = bytes([FRAME_VERSION]) + bytes(16) + bytes(8) + b"\x01" + keys.iv(COUNTER)
    return clear + keys.seal(COUNTER, clear, plaintext)


def _failing(work: Callable[[bytes], Any]) -> Callable[[bytes], None]:
    def fails(given: bytes) -> None:
        try:
            work(given)
        except PeerError:
            return
        raise AssertionError("it opened")

    return fails


def _flips(*classes: tuple[bytes, int]) -> Callable[[bool], bytes]:
    """A fresh copy with one bit of one byte changed: what and where by class, which bit by lot.

    Nothing else may differ: not which way the code goes, and not whether the place is counted from the end.
    """

    def flip(second: bool) -> bytes:
        data, at = classes[second]
        changed = bytearray(data)
        changed[at] ^= 1 << random.randrange(7)
        return bytes(changed)

    return flip
