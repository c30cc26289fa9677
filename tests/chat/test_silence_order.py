"""Before a gate has opened nothing costly happens and nothing is said; and each check of 3.3 spares those after it."""

import inspect
import sys
from collections import Counter
from collections.abc import Callable

import pytest

from chat.admission import IN_FLIGHT, SeenGates
from chat.rates import Rates
from chat.reception import Reception
from clawchat.protocol import gate, primitives
from clawchat.protocol.gate import close_hello
from clawchat.protocol.handshake_messages import GATE_BYTES
from clawchat.protocol.key_schedule import gate_key
from clawchat.protocol.keys import DiscoverySecret, IdentityKey
from clawchat.protocol.limits import H1_MAX_BYTES
from tests.fakes import FakeLink
from tests.people import Phone

# What a stranger may make the server compute: a hash and a MAC over what he sent, and a comparison.
CHEAP = {"sha256", "hmac_sha256", "constant_time_equal"}
# Everything else that primitives.py has.
COSTLY = {
    name
    for name, function in vars(primitives).items()
    if inspect.isfunction(function) and function.__module__ == primitives.__name__ and not name.startswith("_")
} - CHEAP


@pytest.fixture
def computed(monkeypatch) -> Counter[str]:
    """How often each costly function was called, wherever it was imported to."""
    calls: Counter[str] = Counter()

    def counting(name, function):
        def counted(*arguments):
            calls[name] += 1
            return function(*arguments)

        return counted

    wrapped = {name: counting(name, getattr(primitives, name)) for name in COSTLY}
    originals = {id(getattr(primitives, name)): name for name in COSTLY}
    for module in [each for key, each in sys.modules.items() if key.startswith(("clawchat.", "chat."))]:
        for attribute, value in list(vars(module).items()):
            if id(value) in originals:
                monkeypatch.setattr(module, attribute, wrapped[originals[id(value)]])
    return calls


async def hello_of(invite, **differs: object) -> bytes:
    """The first message of a new phone, which may have the wrong secret or look for another server."""
    phone = Phone(await invite())
    for name, value in differs.items():
        setattr(phone, name, value)
    return phone.handshake().hello()


def wrong_hellos(hello: bytes, phone: Phone) -> dict[str, bytes]:
    """First messages that open no gate, by what is wrong with them; `hello` would, if it was not cut or changed."""
    key = gate_key(phone.discovery_secret)
    flipped = {
        f"byte {place} flipped": hello[:place] + bytes([hello[place] ^ 1]) + hello[place + 1 :]
        for place in (*range(0, 12), 50, 200, len(hello) - 17, len(hello) - 16, len(hello) - 1)
    }
    cut = {f"cut to {size}": hello[:size] for size in (*range(0, 24), 500, len(hello) - 16, len(hello) - 1)}
    return {
        **flipped,
        **cut,
        "a byte too long": hello + b"\0",
        "larger than any": close_hello(key, phone.server_public, bytes(H1_MAX_BYTES - GATE_BYTES + 1)),
        "garbage of its size": primitives.random_bytes(len(hello)),
        "a page's request": b"GET / HTTP/1.1\r\n\r\n",
    }


async def test_no_public_key_is_touched_for_a_stranger(hub, invite, computed):
    """Whatever is wrong with a first message: a hash and a MAC at most, no byte, and the connection is reset."""
    phone = Phone(await invite())
    hello = phone.handshake().hello()
    wrong = wrong_hellos(hello, phone)
    wrong["another secret"] = await hello_of(invite, discovery_secret=DiscoverySecret.generate())
    wrong["another server"] = await hello_of(invite, server_public=IdentityKey.generate().public)

    for name, record in wrong.items():
        link = FakeLink(address="198.51.100.7")
        computed.clear()
        await Reception(hub, link).receive(record)

        assert (name, computed) == (name, Counter())
        assert link.aborted and link.sent.empty() and link.closed is None, name

    assert hub.counts.refused == {"gate": len(wrong)}


async def test_a_good_first_message_is_worth_the_work(hub, invite, computed):
    """The counter counts: this one is answered, with a signature and two key agreements; its repetition is not."""
    hello = await hello_of(invite)
    link = FakeLink()
    computed.clear()
    await Reception(hub, link).receive(hello)

    assert not link.sent.empty()
    assert computed["ed25519_sign"] == computed["x25519"] == computed["mlkem768_encapsulate"] == 1

    again = FakeLink()
    computed.clear()
    await Reception(hub, again).receive(hello)
    assert computed == Counter()
    assert again.aborted and again.sent.empty()


# The order of the checks

ORDER = ["gate", "replay", "address", "process", "in flight"]


class Places(dict):
    """The handshakes under way, which say when they are asked."""

    def __init__(self, count: int, touched: list[str]) -> None:
        super().__init__({True: 0, False: count})
        self._touched = touched

    def values(self):
        """All of them."""
        self._touched.append("in flight")
        return super().values()


class Empty:
    """A bucket that says when it is asked."""

    def __init__(self, is_empty: bool, touched: list[str]) -> None:
        self._is_empty, self._touched = is_empty, touched

    def take(self, now: float) -> bool:
        """Whether there was enough."""
        self._touched.append("process")
        return not self._is_empty


def watching(function: Callable, name: str, touched: list[str], refuses: bool) -> Callable:
    """The function, which says when it is called, and says no when it is to."""

    def watched(*arguments):
        touched.append(name)
        return False if refuses else function(*arguments)

    return watched


@pytest.mark.parametrize("refuses", ["length", *ORDER, "nobody"])
async def test_an_earlier_check_spares_the_later_ones(hub, invite, monkeypatch, refuses):
    """Length and gate, replay, address, process, 64 in flight: who is refused by one has touched none after it.

    Of a wrong length the gate is computed too, so that it takes as long as a wrong value.
    """
    touched: list[str] = []
    hello = await hello_of(invite)
    if refuses == "length":
        hello += bytes(H1_MAX_BYTES)
    if refuses == "gate":
        hello = await hello_of(invite, discovery_secret=DiscoverySecret.generate())
    monkeypatch.setattr(gate, "_value", watching(gate._value, "gate", touched, False))
    monkeypatch.setattr(SeenGates, "is_new", watching(SeenGates.is_new, "replay", touched, refuses == "replay"))
    take = watching(Rates.take_handshake, "address", touched, refuses == "address")
    monkeypatch.setattr(Rates, "take_handshake", take)
    monkeypatch.setattr(hub.admission, "_open_rate", Empty(refuses == "process", touched))
    monkeypatch.setattr(hub.admission, "_in_flight", Places(IN_FLIGHT * (refuses == "in flight"), touched))
    link = FakeLink(address="198.51.100.7")

    await Reception(hub, link).receive(hello)

    last = {"length": "gate", "nobody": "in flight"}.get(refuses, refuses)
    assert touched == ORDER[: ORDER.index(last) + 1]
    assert link.aborted is (refuses != "nobody")
    assert link.sent.empty() is (refuses != "nobody")
