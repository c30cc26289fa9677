"""What a finder must not forget when the program ends, and what it judges with care."""

import asyncio

import aiohttp
import pytest
from aiohttp import web

from clawchat.client import places
from clawchat.client.device import Device
from clawchat.client.discovery import FILE, STORE, Finder
from clawchat.protocol.errors import Forked, Replayed, Revoked
from clawchat.protocol.invite import Invite
from clawchat.protocol.places import LIST_NAME
from clawchat.protocol.revocation_list import RevocationKind, revoked_id, sign_identity_revocation
from clawchat.protocol.revocation_list import Revoked as Entry
from tests.client.tiny_server import serve


@pytest.fixture
def finder(server, store) -> Finder:
    """The finder of a device that has begun to enrol."""
    return Finder(store, Device.begin(store, Invite.parse(server.invite()), "Bob", 0))


@pytest.mark.parametrize("opens", [True, False])
async def test_rolled_back_or_forked_file_is_refused_after_a_restart(server, store, finder, opens):
    """Also when the file that was believed does not open any more."""
    older = server.publish(*server.ports)
    newest = finder.take(server.publish(*server.ports))
    other = server.seal(server.info(*server.ports, serial=newest.serial, now=newest.timestamp - 1))
    if not opens:
        store.delete(STORE, FILE)
    again = Finder(store, Device.load(store))

    assert (again.known == newest) is opens
    with pytest.raises(Replayed):
        again.take(older)
    with pytest.raises(Forked):
        again.take(other)


@pytest.mark.parametrize("kind", [RevocationKind.IDENTITY, RevocationKind.DEVICE])
async def test_nothing_is_believed_once_the_server_or_this_device_is_revoked(server, store, finder, kind):
    """Neither now nor after a restart: whoever asks is told why."""
    if kind is RevocationKind.IDENTITY:
        number, statement = revoked_id(bytes(server.identity.public)), sign_identity_revocation(server.identity)
    else:
        number, statement = revoked_id(bytes(finder._device.key.public)), b""
    server.list_revoked(Entry(kind, number, 1, "stolen", statement), serial=5)
    finder.revocations.take(server.other_files[LIST_NAME], server.info(*server.ports))

    for each in (finder, Finder(store, Device.load(store))):
        with pytest.raises(Revoked):
            each.take(server.publish(*server.ports))
        with pytest.raises(Revoked):
            await each.fetch(None)


async def test_certificate_that_cannot_be_read_counts_as_revoked_while_any_is(server, finder):
    """It may be the one on the list; a list without certificates has nothing to compare it with."""
    assert not finder.revocations.refuses_certificate(b"not DER")
    server.list_revoked(Entry(RevocationKind.CERTIFICATE, revoked_id(b"a key"), 1, "stolen"), serial=5)
    finder.revocations.take(server.other_files[LIST_NAME], server.info(*server.ports))

    assert finder.revocations.refuses_certificate(b"not DER")


async def test_older_file_hurries_no_place_that_has_a_newer_one(server, store, monkeypatch):
    """One that lags, or shows an old file on purpose, is quick; the newest one comes late and is taken."""
    monkeypatch.setattr(places, "REST_SECONDS", 0.1)
    given = {}

    async def quick(_):
        return web.Response(body=given["older"])

    async def slow(_):
        await asyncio.sleep(0.7)
        return web.Response(body=given["newest"])

    runner, number = await serve([web.get("/quick/connection.json", quick), web.get("/slow/connection.json", slow)])
    server.locators = tuple(f"http://127.0.0.1:{number}/{name}/connection.json" for name in ("quick", "slow"))
    finder = Finder(store, Device.begin(store, Invite.parse(server.invite()), "Bob", 0))
    given["older"], known = server.publish(*server.ports), server.publish(*server.ports)
    finder.take(known)
    given["newest"] = server.publish(*server.ports)

    async with aiohttp.ClientSession() as http:
        found = await finder.fetch(http)
    await runner.cleanup()

    assert found.serial == server._serial


async def test_place_gets_no_cookie_back(server, alice):
    """It could tell its readers apart, and when each comes."""
    cookies = []

    async def mark(request):
        cookies.append(request.headers.get("Cookie"))
        answer = web.Response(body=server.published)
        answer.set_cookie("reader", "1")
        return answer

    runner, number = await serve([web.get("/connection.json", mark)])
    server.locators = (f"http://localhost:{number}/connection.json",)
    alice._finder.take(server.publish(*server.ports))
    for _ in range(2):
        await alice._finder.fetch(alice._http)
    await runner.cleanup()

    assert cookies == [None, None]
