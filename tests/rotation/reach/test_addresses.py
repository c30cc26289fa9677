"""The address outside: what counts as one, and whom we believe."""

import asyncio

import pytest
from aiohttp import web

from rotation.reach import addresses
from rotation.reach.addresses import address_of_router, agreed, is_public
from rotation.reach.router import NoAnswer

ONE, OTHER = "128.66.0.1", "128.66.0.2"


@pytest.mark.parametrize(
    "text",
    [
        "192.168.1.1",
        "10.0.0.1",
        "100.64.3.4",
        "127.0.0.1",
        "0.0.0.0",
        "169.254.1.1",
        "203.0.113.5",
        "224.0.0.1",
        "fe80::1",
    ],
)
def test_addresses_that_nobody_outside_can_call(text):
    """Private, shared among a provider's customers, of this machine, of this cable, for documents, for groups."""
    assert not is_public(text)


@pytest.mark.parametrize(
    "text", ["", "128.66.0", "128.66.0.1:80", "0128.66.0.1", "<b>128.66.0.1</b>", "128.66.0.1 x", "2600::1%x\x1b[2J"]
)
def test_what_is_no_address_is_none(text):
    """Nothing is picked out of a page that happens to hold an address."""
    assert not is_public(text)


def test_more_than_half_of_those_asked_have_to_agree():
    """Silence, nonsense and private addresses are no answers, but they were asked."""
    assert agreed([ONE], 1) == ONE
    assert agreed([f" {ONE}\n", OTHER, ONE], 3) == ONE
    assert agreed([ONE, OTHER], 2) == ""
    assert agreed([ONE, ""], 2) == ""
    assert agreed(["10.0.0.1", "10.0.0.1", ONE], 3) == ""
    assert agreed([], 0) == ""


def test_a_router_without_an_address_is_not_connected():
    """It says so with zeros, or with nothing; what else it writes there would end up on an operator's terminal."""
    assert address_of_router("10.7.0.2") == "10.7.0.2"
    for text in ("0.0.0.0", "", "fe80::1%\x1b[2J"):
        with pytest.raises(NoAnswer, match="has no address outside"):
            address_of_router(text)


def test_others_are_asked_for_our_address():
    """Two of three agree; the third sends us elsewhere, and nobody goes there."""
    assert asyncio.run(_asked([ONE, f"{ONE}\n", None])) == ONE


def test_a_long_answer_is_not_read_to_its_end():
    """What is longer than an address is none."""
    assert asyncio.run(_asked([ONE + " " * 100_000])) == ONE
    assert asyncio.run(_asked(["x" * 100_000 + ONE])) == ""


def test_nobody_is_asked_unless_somebody_is_named():
    """No address, and no question."""
    assert asyncio.run(addresses.ask([])) == ""


async def _asked(answers: list[str | None]) -> str:
    """What becomes of these answers; None is a redirection to the first."""

    async def answer(request: web.Request) -> web.Response:
        text = answers[int(request.match_info["number"])]
        if text is None:
            raise web.HTTPFound("/0")
        return web.Response(text=text)

    application = web.Application()
    application.router.add_get("/{number}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        return await addresses.ask([f"http://127.0.0.1:{port}/{number}" for number in range(len(answers))])
    finally:
        await runner.cleanup()
