"""What layer A costs: frames, handshakes, strangers and the browser, each beside the bare library in the same run.

Rounds of ours and of the library's take turns, so whatever else the machine does falls on both; a ratio is the median
of the rounds' own. Python's figures are a core's time, those over sockets and the browser's pass on the clock.
"""

import asyncio
import itertools
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from clawchat.protocol.frame import MessageType
from clawchat.protocol.handshake import find_gate
from clawchat.protocol.primitives import random_bytes
from clawchat.protocol.suites import SUITE_X25519, SUITE_X25519_MLKEM768
from tests.bench.console import inside
from tests.bench.knocking import Caller, Where, hello_of, stranger
from tests.e2e.browser import Browsers
from tests.e2e.plain_site import PlainSite
from tests.e2e.server import ROOT, ServerProcess
from tests.protocol.pairs import MESSAGE_ID, NOW_MS, ends, pair, sessions

ROUNDS = "tests.bench.session_rounds"
# By payload: frames of a round, as many as stay in the processor's cache, and rounds.
FRAMES = {256: (256, 60), 4096: (64, 100), 65_536: (8, 200)}
HANDSHAKES, REKEYS = 400, 100
KNOCKS = 400
BROWSER = {"messages": 1000, "handshakes": 100}
# malloc gives what lies at the end of its heap back to the system after each frame of 64 KiB, and gets it anew, until
# the process has once freed a block larger than that.
LARGER_BLOCK = 8 << 20
SUITES = {"hybrid": SUITE_X25519_MLKEM768, "X25519 alone": SUITE_X25519}
MEASURE = "async (what) => (await import('/tests/bench/session_page.js')).measure(what)"
GARBAGE = b"GET / HTTP/1.1\r\nHost: chat\r\n\r\n"


def session(folder: Path) -> dict[str, Any]:
    """All of it."""
    figures = frames() | handshakes() | rekeys()
    with ServerProcess(folder / "session", interval=3600, lead=120, grace=300) as server:
        figures |= inside(server, ROUNDS, "strangers()")
        figures |= _over_sockets(inside(server, "tests.bench.timing_rounds", "where()"))
    return figures | asyncio.run(_in_browser(folder))


def spread(values: Iterable[float], digits: int = 0) -> dict[str, float]:
    """The median, and between what 80 of 100 lie."""
    found = sorted(values)
    low, high = found[len(found) // 10], found[-1 - len(found) // 10]
    return {"median": round(statistics.median(found), digits), "low": round(low, digits), "high": round(high, digits)}


# Frames


def frames() -> dict[str, Any]:
    """Frames a second, and what the library does with as many bytes."""
    larger = bytearray(LARGER_BLOCK)
    del larger
    figures: dict[str, Any] = {}
    for size, (count, rounds) in FRAMES.items():
        taken = [_frames(size, count) for _ in range(rounds)]
        for at, name in enumerate(("seal", "open")):
            ours, bare = ([count / each[at + 2 * whose] for each in taken] for whose in (0, 1))
            figures[f"{name} {size} bytes, a second"] = spread(ours)
            figures[f"{name} {size} bytes, bare AESGCM, a second"] = spread(bare)
            figures[f"{name} {size} bytes, of bare"] = spread(map(_ratio, ours, bare), 2)
    return figures


def _frames(size: int, count: int) -> list[float]:
    """Seconds of sealing and opening so many frames; ours, then the library's."""
    (client, server), key = sessions(), AESGCM(random_bytes(32))
    payload, nonces = random_bytes(size), [number.to_bytes(12, "big") for number in range(count)]
    sealed: list[bytes] = []
    bare: list[bytes] = []
    return [
        _core(lambda: sealed.extend(client.seal(MessageType.CHAT, payload, MESSAGE_ID, NOW_MS) for _ in nonces)),
        _core(lambda: [server.open(each) for each in sealed]),
        _core(lambda: bare.extend(key.encrypt(nonce, payload, None) for nonce in nonces)),
        _core(lambda: [key.decrypt(nonce, each, None) for nonce, each in zip(nonces, bare, strict=True)]),
    ]


def _core(work: Callable[[], Any]) -> float:
    """Seconds of the processor."""
    began = time.process_time()
    work()
    return time.process_time() - began


def _ratio(ours: float, bare: float) -> float:
    return ours / bare


# Handshakes


def handshakes() -> dict[str, Any]:
    """Handshakes a second of the server, from H1 to AUTH_OK without its database, and milliseconds of the client."""
    figures: dict[str, Any] = {}
    for name, suite in SUITES.items():
        taken = [_handshake(suite) for _ in range(HANDSHAKES)]
        servers, clients, bare = zip(*taken, strict=True)
        figures[f"server handshakes, {name}, a second"] = spread(1 / each for each in servers)
        figures[f"bare primitives of one, {name}, a second"] = spread(1 / each for each in bare)
        figures[f"server handshakes, {name}, of bare"] = spread(map(_ratio, bare, servers), 2)
        figures[f"client handshake, Python, {name}, ms"] = spread((1000 * each for each in clients), 2)
    return figures


def rekeys() -> dict[str, Any]:
    """Milliseconds of a rekey, both ends together."""
    both, moments = ends(), itertools.count(1_000, 1_000)
    taken = [1000 * _core(lambda: both.rekey(next(moments))) for _ in range(REKEYS)]
    return {"rekey, hybrid, both ends, ms": spread(taken, 2)}


def _handshake(suite: int) -> tuple[float, float, float]:
    """Seconds of server, client and the bare primitives of the server."""
    both = pair(suites=(suite,), pq_required=suite == SUITE_X25519_MLKEM768)
    # A server has had it ready since it started, and the device's key is what its row says.
    both.gate.identity.sign(b"")
    device = both.device.public
    wire: dict[str, Any] = {}

    def answer() -> None:
        gate = find_gate(wire["H1"], [both.gate])
        assert gate is both.gate
        wire["H2"] = both.server.receive_hello(wire["H1"], NOW_MS)

    def finish() -> None:
        both.server.receive_client_auth(wire["H3"])
        both.server.verify(both.psk, device)
        wire["AUTH_OK"], _ = both.server.finish({}, MESSAGE_ID, NOW_MS)

    client = _core(lambda: wire.update(H1=both.hello()))
    server = _core(answer)
    client += _core(lambda: wire.update(H3=both.authenticate(wire["H2"])))
    server += _core(finish)
    client += _core(lambda: both.client.receive_finished(wire["AUTH_OK"]))
    return server, client, _core(_primitives(suite))


def _primitives(suite: int) -> Callable[[], None]:
    """What no server does without: a fresh X25519 key and its exchange, a signature made and one verified, and
    ML-KEM's encapsulation to a key that has just come."""
    signing, message = Ed25519PrivateKey.generate(), bytes(60)
    theirs, signature, public = X25519PrivateKey.generate().public_key(), signing.sign(message), signing.public_key()
    encapsulation = MLKEM768PrivateKey.generate().public_key().public_bytes_raw()

    def compute() -> None:
        X25519PrivateKey.generate().exchange(theirs)
        signing.sign(message)
        public.verify(signature, message)
        if suite == SUITE_X25519_MLKEM768:
            MLKEM768PublicKey.from_public_bytes(encapsulation).encapsulate()

    return compute


# Strangers


def _over_sockets(where: Where) -> dict[str, Any]:
    """From accept to the end: a stranger at a chat port, one who knows its path, and a bare server that hangs up."""
    hello = hello_of(where).hello()
    wrong = hello[:-16] + bytes(16)
    kinds: dict[str, Callable[[int], int]] = {
        "a bare Twisted server that hangs up": _knock,
        "a chat port, by a wrong request": lambda _: _knock(where["port"]),
        "a chat port, by a wrong gate value behind the right path": lambda _: _knock_at_the_gate(where, wrong),
    }
    taken: dict[str, list[float]] = {name: [] for name in kinds}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.bare_server"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as bare:
        assert bare.stdout is not None
        port = int(bare.stdout.readline())
        for _ in range(KNOCKS):
            for name, knock in kinds.items():
                taken[name].append(knock(port) / 1000)
        bare.terminate()
    first, *others = taken
    figures = {f"from connecting to the end, {name}, us": spread(each) for name, each in taken.items()}
    for name in others:
        figures[f"{name}, of bare Twisted"] = spread(map(_ratio, taken[name], taken[first]), 2)
    return figures


def _knock(port: int) -> int:
    began = time.perf_counter_ns()
    caller = Caller.at(port)
    caller.socket.sendall(GARBAGE)
    caller.wait()
    return time.perf_counter_ns() - began


def _knock_at_the_gate(where: Where, record: bytes) -> int:
    began = time.perf_counter_ns()
    stranger(where, record)
    return time.perf_counter_ns() - began


# The browser


async def _in_browser(folder: Path) -> dict[str, Any]:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with PlainSite(ROOT) as site:
        async with Browsers(chromium, folder / "profiles") as browsers:
            person = await browsers.open("session", f"{site.origin}/tests/bench/finding.html")
            taken = await person.page.evaluate(MEASURE, BROWSER)
    return {f"Chromium, {name}, ms": _of_many(each) for name, each in taken.items()}


def _of_many(milliseconds: list[float]) -> dict[str, float]:
    """The mean, which a coarse clock tells rightly, and single ones at the end, which it tells to its own step."""
    found = sorted(milliseconds)
    return {
        "mean": round(statistics.fmean(found), 3),
        "p99": round(found[int(0.99 * len(found))], 1),
        "most": round(found[-1], 1),
        "of": len(found),
    }
