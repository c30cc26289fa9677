"""The way to the server gone step by step, with one thing wrong at a time: each is named, and nothing else is."""

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web

from clawchat.client.judgement import Believing
from clawchat.client.place_reading import may_lead
from clawchat.client.trust import context_trusting
from clawchat.client.walk import Walk
from clawchat.diagnosis import Audience, Observation, diagnose, length_of
from clawchat.protocol.connection_file import Endpoint, seal_connection_file
from clawchat.protocol.encoding import v16
from clawchat.protocol.key_schedule import key_id
from clawchat.protocol.keys import DiscoverySecret, IdentityKey
from clawchat.protocol.places import WebPlace
from tests.client.tiny_server import TinyServer, deaf_port, serve
from tests.mega.emulator import MegaEmulator
from tests.rotation.certificates import sign, write_pair


def believing(server: TinyServer, **more) -> Believing:
    """Somebody who has the server's secret and its pin."""
    secret = server.secret
    return Believing({key_id(secret): secret}, [server.identity.public], **more)


async def walk(server: TinyServer, *urls: str, knows: Believing | None = None, tls=True):
    """The diagnosis of a walk to these places (the tiny server's own when none is named), and on to its ports."""
    async with aiohttp.ClientSession() as http:
        gone = Walk(http, knows or believing(server), tls)
        await gone.look(urls or server.locators)
        if gone.info is not None:
            await gone.knock(gone.info.endpoints)
    return diagnose(gone.met, Audience.OPERATOR)


async def knock(server: TinyServer, *endpoints: Endpoint, knows: Believing | None = None) -> list[Observation]:
    """What a walk that has its file meets at these ports."""
    async with aiohttp.ClientSession() as http:
        gone = Walk(http, knows or believing(server))
        await gone.knock(endpoints)
    return gone.met


async def knock_at_one_that_says(server: TinyServer, answer: Callable[[bytes], bytes]) -> str:
    """The verdict on a port that answers a first message so."""

    async def take(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_bytes(answer(await socket.receive_bytes()))
        return socket

    endpoint = server.ports[0].endpoint(int(time.time()))
    runner, number = await serve([web.get(endpoint.path, take)])
    met = await knock(server, replace(endpoint, port=number))
    await runner.cleanup()
    return diagnose(met, Audience.MEMBER).verdict.code


async def shelf(answer):
    """The URL of a place that answers so, and what to end it with."""
    runner, port = await serve([web.get("/connection.json", answer)])
    return f"http://127.0.0.1:{port}/connection.json", runner


async def bytes_at(data: bytes, status: int = 200):
    """A place that gives these bytes."""

    async def answer(_):
        return web.Response(body=data, status=status)

    return await shelf(answer)


def codes(diagnosis) -> list[str]:
    return [each.code for step in diagnosis.steps for each in step.observations]


async def test_a_good_way_is_well_at_every_step(server):
    """The file is found, believed, the port answers and the server proves itself."""
    diagnosis = await walk(server)

    assert codes(diagnosis) == ["place_well", "signature_well", "fresh_well", "port_well", "tls_local", "gate_well"]
    assert diagnosis.verdict.code == "well"
    assert diagnosis.verdict.remedy == ""


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 404, "place_missing"),
        (b"", 503, "place_ill"),
        (b"<!doctype html><title>Log in</title>", 200, "place_noise"),
        (b"0" * 200_000, 200, "place_large"),
    ],
)
async def test_a_place_that_has_no_file_is_named(server, data, status, code):
    """Nothing there, an error, a login page, far too much."""
    url, runner = await bytes_at(data, status)

    diagnosis = await walk(server, url)
    await runner.cleanup()

    assert diagnosis.verdict.code == code
    assert "127.0.0.1" in diagnosis.verdict.sentence


async def test_a_place_nobody_listens_at_is_named(server):
    """The connection is refused, or the name leads nowhere."""
    url, runner = await bytes_at(b"")
    await runner.cleanup()

    assert (await walk(server, url)).verdict.code == "place_refused"
    assert (await walk(server, "https://no-such-place.invalid/connection.json")).verdict.code == "place_unresolved"


async def test_a_place_that_says_nothing_ends_in_its_time(server, monkeypatch):
    """A mirror that trickles holds nobody longer than its seconds, and the others are used."""
    monkeypatch.setattr("clawchat.client.place_reading.READ_SECONDS", 0.3)

    async def trickle(request):
        answer = web.StreamResponse()
        await answer.prepare(request)
        for _ in range(200):
            await answer.write(b" ")
            await asyncio.sleep(0.05)
        return answer

    url, runner = await shelf(trickle)
    began = time.monotonic()
    diagnosis = await walk(server, url, server.locators[0])
    took = time.monotonic() - began
    await runner.cleanup()

    assert took < 5
    assert "place_silent" in codes(diagnosis)
    assert diagnosis.verdict.code == "well"
    assert "does not answer in time" in diagnosis.verdict.sentence


async def test_a_place_that_leads_elsewhere_is_followed_to_plain_places_only(server):
    """Another address of the same kind is asked; the open network, another kind of place or a circle is not."""
    for target, code in [
        (server.locators[0], "well"),
        ("http://192.0.2.1/connection.json", "place_moved"),
        ("https://mega.nz/folder/AbCdEfGh#AAAAAAAAAAAAAAAAAAAAAA", "place_moved"),
        ("/connection.json", "place_moved"),
    ]:

        async def away(_, target=target):
            raise web.HTTPFound(target)

        url, runner = await shelf(away)
        diagnosis = await walk(server, url)
        await runner.cleanup()

        assert diagnosis.verdict.code == code


@pytest.mark.parametrize(
    ("place", "further", "allowed"),
    [
        ("https://a.example/c.json", "https://b.example/d.json", True),
        ("https://a.example/c.json", "http://127.0.0.1:631/c.json", False),
        ("https://a.example/c.json", "https://localhost/c.json", False),
        ("https://a.example/c.json", "https://[::1]:8443/c.json", False),
        ("https://localhost/c.json", "http://localhost/c.json", False),
        ("https://localhost/c.json", "https://a.example/c.json", True),
        ("http://127.0.0.1:1/c.json", "http://localhost:2/c.json", True),
    ],
)
def test_nobody_elsewhere_has_this_machine_asked(place, further, allowed):
    """A redirect stays on TLS, and leads to loopback from loopback only."""
    assert may_lead(WebPlace(place), WebPlace(further)) is allowed


async def test_a_redirect_onto_this_machine_is_not_followed(server, monkeypatch):
    """Here one loopback name stands for a place elsewhere."""
    monkeypatch.setattr("clawchat.client.place_reading.LOOPBACK_NAMES", {"localhost"})

    async def away(_):
        raise web.HTTPFound(server.locators[0].replace("127.0.0.1", "localhost"))

    url, runner = await shelf(away)
    diagnosis = await walk(server, url)
    await runner.cleanup()

    assert diagnosis.verdict.code == "place_moved"


async def test_a_mega_folder_is_a_place_like_any_other(server):
    """Its newest file is read without an account; what MEGA refuses, breaks or lacks is named."""
    with MegaEmulator() as mega:
        link = mega.export_folder(mega.make_account())
        nothing = await walk(server, link)
        mega.put_file(link, "connection.json", b"<html>old", at=1)
        mega.put_file(link, "connection.json", server.published)
        found = await walk(server, link)
        mega.put_file(link, "connection.json", b"0" * 100_000)
        large = await walk(server, link)
        gone = await walk(server, f"{link.partition('/folder/')[0]}/folder/AbCdEfGh#{link.partition('#')[2]}")

    assert found.verdict.code == "well"
    assert codes(found)[0] == "place_well"
    assert [each.verdict.code for each in (nothing, large, gone)] == ["place_missing", "place_large", "place_missing"]


async def test_no_place_at_all(server):
    """What is neither kind of place is passed over, and then there is none."""
    assert (await walk(server, "ftp://somewhere.example/connection.json")).verdict.code == "place_none"


async def test_another_servers_file_is_named_and_not_used(server):
    """Sealed with our secret, signed by somebody else: whoever held the secret once can make such a file."""
    stranger = IdentityKey.generate()
    info = replace(server.info(*server.ports), server_public=stranger.public)
    forged = seal_connection_file(info, server.secret, stranger, int(time.time()))
    url, runner = await bytes_at(forged)

    alone, beside = await walk(server, url), await walk(server, url, server.locators[0])
    await runner.cleanup()

    assert alone.verdict.code == "signature_foreign"
    assert "port_well" not in codes(alone)
    assert beside.verdict.code == "well"
    assert "was not signed by your server" in beside.verdict.sentence


async def test_a_file_for_other_devices_is_named(server):
    """Sealed under a secret that this reader was never given."""
    info = server.info(*server.ports)
    newer = seal_connection_file(info, DiscoverySecret.generate(), server.identity, int(time.time()))
    url, runner = await bytes_at(newer)

    diagnosis = await walk(server, url)
    await runner.cleanup()

    assert diagnosis.verdict.code == "signature_sealed"


async def test_an_older_file_is_named(server):
    """Yesterday's file on one mirror: alone it is refused, beside the newest it is noted."""
    old = server.seal(server.info(*server.ports, serial=5))
    url, runner = await bytes_at(old)

    alone = await walk(server, url, knows=believing(server, last_serial=6))
    beside = await walk(server, url, server.locators[0])
    await runner.cleanup()

    assert alone.verdict.code == "fresh_older"
    assert beside.verdict.code == "well"
    assert "fresh_older" in codes(beside)


async def test_a_fork_is_named(server):
    """Two files with one serial and different content move nobody."""
    info = server.info(*server.ports)
    urls, runners = zip(
        *[await bytes_at(server.seal(each)) for each in (info, replace(info, server_name="Fork"))], strict=True
    )

    diagnosis = await walk(server, *urls)
    for runner in runners:
        await runner.cleanup()

    assert diagnosis.verdict.code == "fresh_forked"


@pytest.mark.parametrize(("shift", "code"), [(-100_000, "fresh_expired"), (100_000, "fresh_future")])
async def test_a_file_that_is_not_of_now_is_named(server, shift, code):
    """One that ran out and one from the future are used, since the handshake proves the server; alone they are told."""
    url, runner = await bytes_at(server.seal(server.info(*server.ports, now=int(time.time()) + shift)))
    async with aiohttp.ClientSession() as http:
        gone = Walk(http, believing(server))
        await gone.look([url])
    await runner.cleanup()

    assert gone.met[-1].code == code
    assert diagnose(gone.met, Audience.MEMBER).verdict.code == code


async def test_a_closed_port_is_named(server):
    """The file is good and its port is not there any more."""
    port = server.ports[0]
    await server.close_port(port)
    server.publish(port)

    diagnosis = await walk(server)

    assert diagnosis.verdict.code == "port_refused"
    assert str(port.number) in diagnosis.verdict.sentence


async def test_a_port_that_was_left_is_named(server):
    """A tripwire tells a client to read the file again."""
    server.ports[0].tripwire = True

    assert (await walk(server)).verdict.code == "port_left"


async def test_a_port_of_somebody_else_is_named(server):
    """A web server that knows nothing of us has taken the number."""
    runner, number = await serve([])
    server.ports[0].number, taken = number, server.ports[0].number
    server.publish(*server.ports)

    diagnosis = await walk(server)
    server.ports[0].number = taken
    await runner.cleanup()

    assert diagnosis.verdict.code == "port_strange"


@pytest.mark.parametrize(("days", "code"), [((-1, 90), "tls_untrusted"), ((-90, -1), "tls_ended")])
async def test_a_certificate_that_is_not_believed_is_named(server, tmp_path, days, code):
    """Of an authority this reader was not told of, or one whose time is over; and with good ones the line is well."""
    authority = sign("authority", is_authority=True)
    files = write_pair(tmp_path, "leaf", sign("localhost", authority, days=days))
    offered = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    offered.load_cert_chain(*files)
    (ca_file, _) = write_pair(tmp_path, "authority", authority)
    port = server.ports[0]
    site = web.TCPSite(port.runner, "127.0.0.1", 0, ssl_context=offered)
    await site.start()
    number = site._server.sockets[0].getsockname()[1]
    endpoint = replace(port.endpoint(int(time.time())), host="localhost", port=number, tls=True)
    told, untold = context_trusting(ca_file), True
    async with aiohttp.ClientSession() as http:
        walks = [Walk(http, believing(server), tls) for tls in (told if code == "tls_ended" else untold, told)]
        for each in walks:
            await each.knock([endpoint])

        away = Walk(http, believing(server))
        await away.look([f"https://localhost:{number}/connection.json"])

    assert diagnose(away.met, Audience.MEMBER).verdict.code == "place_tls"
    refused, taken = [diagnose(each.met, Audience.OPERATOR) for each in walks]
    assert refused.verdict.code == code
    assert f"localhost:{number}" in refused.verdict.sentence
    if code == "tls_untrusted":
        assert codes(taken) == ["port_well", "tls_well", "gate_well"]


async def test_an_endpoint_without_tls_elsewhere_is_not_dialled(server):
    """Off this machine nothing is sent in the clear, and the port is named."""
    endpoint = replace(server.ports[0].endpoint(int(time.time())), host="chat.example")

    assert [each.code for each in await knock(server, endpoint)] == ["port_unsafe"]


async def test_a_host_that_leads_nowhere_is_named(server):
    """The name that clients are told to dial is not known to the DNS."""
    endpoint = replace(server.ports[0].endpoint(int(time.time())), host="no-such-place.invalid", tls=True)

    assert diagnose(await knock(server, endpoint), Audience.OPERATOR).verdict.code == "port_unresolved"


async def test_a_server_of_another_version_is_named(server):
    """Its answer has a version that this client never offered."""
    body = (0x0900).to_bytes(2) + (2).to_bytes(2) + bytes(32 + 16 + 32) + v16(bytes(1088)) + v16(bytes(167))

    assert await knock_at_one_that_says(server, lambda _: b"\x48\x02" + v16(body)) == "gate_version"


async def test_a_file_without_ports_is_named(server):
    """There is nothing to dial."""
    assert diagnose(await knock(server), Audience.MEMBER).verdict.code == "port_none"


async def test_a_gate_that_stays_shut_is_named(server):
    """The server has another secret by now: it hangs up without a word."""
    endpoints = server.info(*server.ports).endpoints
    stale = DiscoverySecret.generate()
    met = await knock(server, *endpoints, knows=Believing({key_id(stale): stale}, [server.identity.public]))

    assert diagnose(met, Audience.MEMBER).verdict.code == "gate_closed"


async def test_while_identities_hand_over_a_server_is_greeted_under_each(server):
    """Whichever it goes by already; who pins neither of them is a stranger."""
    former, server.identity = server.identity, IdentityKey.generate()
    server.publish(*server.ports)
    both, secrets = [former.public, server.identity.public], {key_id(server.secret): server.secret}

    for pins, code in [(both, "well"), (both[::-1], "well"), (both[:1], "gate_closed")]:
        knows = Believing(secrets, pins)
        found = await knock(server, server.ports[0].endpoint(int(time.time())), knows=knows)
        assert diagnose(found, Audience.MEMBER).verdict.code == code
        assert [each.code for each in found].count("gate_well") == (code == "well")


async def test_a_silent_server_is_named(server, monkeypatch):
    """It takes the connection and then says nothing."""
    monkeypatch.setattr("clawchat.client.walk.HANDSHAKE_SECONDS", 0.3)
    server.ports[0].slowness = 2.0

    assert (await walk(server)).verdict.code == "gate_silent"


async def test_a_port_that_drops_everything_is_named(server, monkeypatch):
    """Nothing comes back, not even a refusal."""
    monkeypatch.setattr("clawchat.client.walk.HANDSHAKE_SECONDS", 0.3)
    async with deaf_port() as number:
        met = await knock(server, replace(server.ports[0].endpoint(int(time.time())), port=number))

    assert diagnose(met, Audience.OPERATOR).verdict.code == "port_silent"


async def test_a_server_that_is_somebody_else_is_named(server):
    """Whoever answers without the pinned key has proved nothing."""
    assert await knock_at_one_that_says(server, lambda hello: hello[::-1]) == "gate_foreign"


async def test_a_clock_that_is_off_is_told(server, monkeypatch):
    """The server's own time comes with its proof."""
    real = time.time_ns
    monkeypatch.setattr("clawchat.client.walk.time.time_ns", lambda: real() + 7_200 * 10**9)

    diagnosis = await walk(server)

    assert diagnosis.verdict.code == "well"
    assert "2 h away" in diagnosis.verdict.sentence


def test_a_length_of_time_has_one_unit():
    """As people say it."""
    assert [length_of(each) for each in (0.2, 45, 119, 150, 7_200, 200_000)] == [
        "1 s",
        "45 s",
        "119 s",
        "2 min",
        "2 h",
        "2 days",
    ]
