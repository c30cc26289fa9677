"""NAT-PMP against a router that says what the test wants, byte by byte (RFC 6886)."""

import asyncio
import struct
from collections.abc import Callable

import pytest

from rotation.reach import natpmp
from rotation.reach.natpmp import NatPmp, restarted
from rotation.reach.router import NoAnswer, Refused, Taken
from tests.fakes import Clock

PORT = 50_000
REFUSED, SOON = 2, 30


def address(epoch: int = 100, text: bytes = b"\x80\x42\x00\x01", result: int = 0) -> bytes:
    """An answer to the question for the address outside."""
    return struct.pack("!BBHI", 0, 128, result, epoch) + text


def mapped(inside: int = PORT, outside: int = PORT, seconds: int = 600, epoch: int = 100, result: int = 0) -> bytes:
    """An answer to the wish for a TCP port."""
    return struct.pack("!BBHIHHI", 0, 130, result, epoch, inside, outside, seconds)


class FakeRouter(asyncio.DatagramProtocol):
    """Answers each request with the next of these answers; None is silence. Notes what it was asked."""

    def __init__(self, *answers: bytes | None) -> None:
        self.answers, self.asked = list(answers), []

    def connection_made(self, transport) -> None:
        self.transport = transport

    def datagram_received(self, data, sender) -> None:
        self.asked.append(data)
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            self.transport.sendto(answer, sender)


def ask(fake: FakeRouter, talk: Callable, clock: Clock | None = None):
    """What `talk(router)` returns."""

    async def run():
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: fake, local_addr=("127.0.0.1", 0))
        try:
            router = NatPmp("127.0.0.1", transport.get_extra_info("sockname")[1], clock or Clock(0))
            return await talk(router)
        finally:
            transport.close()

    return asyncio.run(run())


@pytest.fixture(autouse=True)
def _hasty(monkeypatch):
    """Nobody waits as long as on a real network."""
    monkeypatch.setattr(natpmp, "PAUSES", (0.2, 0.2, SOON))


def test_the_address_outside():
    """As four bytes of the answer."""
    assert ask(FakeRouter(address()), lambda router: router.external_address()) == "128.66.0.1"


def test_a_port_is_asked_for_by_its_own_number():
    """Inside and outside alike, and the router says for how long."""
    fake = FakeRouter(mapped(seconds=120))

    assert ask(fake, lambda router: router.map(PORT, 600)) == 120
    assert fake.asked == [struct.pack("!BBHHHI", 0, 2, 0, PORT, PORT, 600)]


def test_a_port_is_ended_with_zeros():
    """No port outside, no time."""
    fake = FakeRouter(mapped(outside=0, seconds=0))

    ask(fake, lambda router: router.unmap(PORT))

    assert fake.asked == [struct.pack("!BBHHHI", 0, 2, 0, PORT, 0, 0)]


def test_another_port_than_the_one_asked_for_is_given_back():
    """Clients dial the number that stands in the connection file."""
    fake = FakeRouter(mapped(outside=50_001), mapped(outside=0, seconds=0))

    with pytest.raises(Taken, match="by port 50000"):
        ask(fake, lambda router: router.map(PORT, 600))
    assert len(fake.asked) == 2


def test_a_request_is_repeated_until_it_is_answered():
    """Datagrams get lost."""
    fake = FakeRouter(None, address())

    assert ask(fake, lambda router: router.external_address()) == "128.66.0.1"
    assert len(fake.asked) == 2


def test_an_answer_to_another_question_is_none():
    """It is waited for the right one."""
    fake = FakeRouter(mapped(), address())

    assert ask(fake, lambda router: router.external_address()) == "128.66.0.1"


@pytest.mark.parametrize("answer", [address(result=REFUSED), address(text=b"", result=REFUSED)[:4]])
def test_a_router_that_refuses_says_so(answer):
    """However short it is."""
    with pytest.raises(Refused, match="The router refuses: The operation was refused"):
        ask(FakeRouter(answer), lambda router: router.external_address())


def test_a_router_that_speaks_the_successor_alone_is_named():
    """PCP is on the same port, and no library of ours knows it."""
    with pytest.raises(NoAnswer, match="speaks PCP, but not NAT-PMP"):
        ask(FakeRouter(address(result=1)), lambda router: router.external_address())


@pytest.mark.parametrize("answer", [address(text=b""), address()[:3], address(text=b"\x00\x00\x00\x00")])
def test_an_answer_that_makes_no_sense_is_none(answer):
    """Cut off, or without an address."""
    with pytest.raises(NoAnswer):
        ask(FakeRouter(answer), lambda router: router.external_address())


def test_an_answer_about_another_port_is_none():
    """It must not pass for ours."""
    with pytest.raises(NoAnswer, match="about another port"):
        ask(FakeRouter(mapped(inside=50_001)), lambda router: router.map(PORT, 600))


def test_silence_has_an_end(monkeypatch):
    """A router that does not speak this."""
    monkeypatch.setattr(natpmp, "PAUSES", (0.01, 0.01))

    with pytest.raises(NoAnswer, match="does not answer"):
        ask(FakeRouter(), lambda router: router.external_address())


def test_a_router_that_was_restarted_has_forgotten_every_port():
    """It says for how long it runs, whatever it is asked; a port that is asked for anew is known again."""
    clock = Clock(0)
    fake = FakeRouter(mapped(epoch=100), mapped(inside=7, outside=7, epoch=100), address(epoch=110), mapped(epoch=3))

    async def talk(router):
        await router.map(PORT, 600)
        await router.map(7, 600)
        clock.now = 10
        before = await router.has_forgotten(PORT)
        clock.now = 20
        # A renewal finds out.
        await router.map(PORT, 600)
        fake.answers += [address(epoch=3), address(epoch=3)]
        return before, await router.has_forgotten(PORT), await router.has_forgotten(7)

    assert ask(fake, talk, clock) == (False, False, True)


def test_a_slow_clock_is_no_restart():
    """RFC 6886 allows an eighth and two seconds."""
    assert not restarted(100, 80, 168)
    assert restarted(100, 80, 167)
    assert not restarted(100, 0, 98)
    assert restarted(100, 10, 0)
