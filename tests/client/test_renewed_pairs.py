"""A device's own secret with its server, renewed in a session: whatever is cut or killed, the device comes back."""

import asyncio

import pytest

from clawchat.client import Client, entrance, line, renewals
from clawchat.client.device import Device
from clawchat.client.store import Store
from clawchat.protocol.errors import ClawChatError
from clawchat.protocol.frame import MessageType
from clawchat.protocol.wraps import WRAPS_STEP, join_wraps, make_padding, make_wrap, open_wrap
from tests.client.tiny_server import TinyServer, until

DAY = 86_400


@pytest.fixture
async def folder(server, tmp_path):
    """Where alice, who is enrolled and away, keeps her device."""
    await (await Client.enrol(server.invite(), tmp_path, name="Alice")).close()
    return tmp_path


def kept(folder) -> Device:
    """What is on the disk."""
    store = Store.open(folder)
    device = Device.load(store)
    store.close()
    assert device is not None
    return device


def pairs(server: TinyServer) -> set[bytes]:
    """The pairs under which the server lets a device in."""
    return set(server.devices)


async def renewed(server: TinyServer, alice: Client) -> None:
    """Ask, and wait until the device has another pair."""
    before = alice._device.next_credentials
    await server.tell("psk_renew")
    await until(lambda: alice._device.next_credentials not in (None, before))


async def test_the_operators_word_renews_the_pair(server, folder):
    """Both are kept until the next handshake, which uses the new one; from then on there is only that."""
    (first,) = pairs(server)
    async with Client.open(folder) as alice:
        await renewed(server, alice)
        assert len(pairs(server)) == 2 and len(alice._device.psks) == 2
        server.cut()
        await until(lambda: first not in server.devices and alice.status == "connected")
        (second,) = pairs(server)
        assert alice._device.credentials.psk_id == second != first
    device = kept(folder)
    assert device.next_credentials is None and len(device.psks) == 1
    assert device.credentials.psk == server.devices[second][0]


async def test_notice_is_answered_before_the_request_comes(server, folder):
    """As every notice is, with an empty map."""
    async with Client.open(folder) as alice:
        await renewed(server, alice)
        await until(lambda: server.answers)
        assert server.answers[0].body == {} and {"op": "psk_renew"} in server.requests


@pytest.mark.parametrize("cut", ["store", "answer", "finish"])
async def test_renewal_that_the_server_cuts_is_made_up_for(server, folder, cut):
    """Before it stores, after it stored and before it answers, after it goes by the new one and before it says so."""
    (first,) = pairs(server)
    server.cut_renewal = cut
    async with Client.open(folder) as alice:
        await server.tell("psk_renew")
        if cut == "finish":
            await until(lambda: alice._device.next_credentials is not None)
            server.cut()
        await until(lambda: server.cut_renewal == "" and alice.status == "connected")
        await until(lambda: alice._device.next_credentials is not None or first not in server.devices)
    async with Client.open(folder) as alice:
        assert first not in server.devices and pairs(server) == {alice._device.credentials.psk_id}


async def test_client_killed_before_it_stores_comes_by_the_old_pair(server, folder, monkeypatch):
    """The server has the new one by then; asked again, both agree on another."""
    died = asyncio.Event()
    with monkeypatch.context() as patch:
        patch.setattr(Device, "renewed", lambda *_: died.set())
        async with Client.open(folder):
            await server.tell("psk_renew")
            await died.wait()
    assert len(pairs(server)) == 2 and kept(folder).next_credentials is None

    async with Client.open(folder) as alice:
        await renewed(server, alice)
    async with Client.open(folder) as alice:
        assert pairs(server) == {alice._device.credentials.psk_id}


async def test_client_killed_after_it_stored_comes_by_the_new_pair(server, folder):
    """And the old one is erased, there and here."""
    (first,) = pairs(server)
    async with Client.open(folder) as alice:
        await renewed(server, alice)
    device = kept(folder)
    assert device.credentials.psk_id == first and device.next_credentials.psk_id in server.devices

    await (await connected(folder)).close()
    assert first not in server.devices and kept(folder).next_credentials is None


async def test_server_of_a_backup_takes_the_old_pair(server, folder):
    """It refuses the new one after it has proved who it is; the old one opens, and a new one can be had again."""
    (first,) = pairs(server)
    async with Client.open(folder) as alice:
        await renewed(server, alice)
    stale = kept(folder).next_credentials.psk_id
    server.following.clear()
    del server.devices[stale]

    async with Client.open(folder) as alice:
        assert alice._device.credentials.psk_id == first and alice._device.next_credentials is None
        await renewed(server, alice)


async def test_who_has_not_proved_to_be_the_server_says_nothing_of_the_pair(server, folder, monkeypatch):
    """A port that hangs up on everybody does not have the old pair tried, nor the new one thrown away."""
    async with Client.open(folder) as alice:
        await renewed(server, alice)
    server.refuse_all, tried, open_connection = True, [], entrance.dial

    async def spy(http, endpoint, credentials, **options):
        tried.append(credentials.psk_id)
        return await open_connection(http, endpoint, credentials, **options)

    monkeypatch.setattr(entrance, "dial", spy)
    alice = Client.open(folder)
    with pytest.raises(ClawChatError):
        await alice.connect(0.3)
    await alice.close()
    assert set(tried) == {kept(folder).next_credentials.psk_id}


async def test_a_pair_older_than_thirty_days_is_renewed_unasked(server, folder, monkeypatch):
    """Not a younger one."""
    async with Client.open(folder) as alice:
        assert not alice._renewals._is_due()
        made = alice._device.pair_made
        monkeypatch.setattr(alice._finder, "now", lambda: made + 30 * DAY - 1)
        assert not renewals.Renewals(alice._device, alice._finder.now)._is_due()
    monkeypatch.setattr("clawchat.client.discovery.Finder.now", lambda self: made + 30 * DAY)
    async with Client.open(folder) as alice:
        await until(lambda: alice._device.next_credentials is not None)
        assert not alice._renewals._is_due()


async def test_a_store_from_before_is_due_within_a_day(server, folder):
    """Nobody wrote down when its pair was made; not everybody asks at once."""
    device = kept(folder)
    found = set()
    for _ in range(8):
        device._state = device._state.__class__(**{**fields(device), "psk_made": 0})
        device._save = lambda: None
        assert not renewals.Renewals(device, lambda: 100 * DAY)._is_due()
        found.add(device.pair_made)
    assert all(70 * DAY <= made < 71 * DAY for made in found) and len(found) > 1


async def test_server_that_is_too_busy_is_asked_again(server, folder, monkeypatch):
    """As late as it says; one that knows of no renewal is not bothered."""
    monkeypatch.setattr(renewals, "pause_after", lambda error: 0.01)
    server.renewal_errors = [7, 14]
    async with Client.open(folder) as alice:
        await renewed(server, alice)
        asked = len(server.requests)
        server.renewal_errors = [1]
        await server.tell("psk_renew")
        await until(lambda: not server.renewal_errors)
        await asyncio.sleep(0.05)
        assert len(server.requests) == asked + 1 and alice.status == "connected"


async def test_the_exporter_is_that_of_the_epoch_the_request_was_sealed_in(server, folder, monkeypatch):
    """A whole rekey passes between request and answer, and both ends still derive the same pair."""
    monkeypatch.setattr("clawchat.protocol.rekey.REKEY_INTERVAL_SECONDS", 0)
    monkeypatch.setattr("clawchat.protocol.rekey._MARGIN_SECONDS", 0)
    server.renewal_waits = asyncio.Event()
    async with Client.open(folder) as alice:
        connection = await alice.usable(5)
        await server.tell("psk_renew")
        await until(lambda: len(pairs(server)) == 2)
        seat = server.seats[0]
        before = seat.session.exporter
        await seat.send(MessageType.KEY_ROTATION, seat.rekey.request())
        await until(lambda: connection.epoch == 1 and seat.session.epoch == 1)
        assert seat.session.exporter != before and alice._device.next_credentials is None
        server.renewal_waits.set()
        await until(lambda: alice._device.next_credentials is not None)
        assert alice._device.next_credentials.psk_id in pairs(server)


async def move(server: TinyServer, alice: Client) -> None:
    """Another port, and the old one retires; the second handshake is made while a request waits on the first."""
    new = await server.open_port()
    await server.announce(server.ports[0], new)
    await until(lambda: any(seat.port is new for seat in server.seats))


async def ask_and_move(server: TinyServer, alice: Client) -> tuple[bytes, asyncio.Event]:
    """The pair that was made and ended again before its answer, and what lets the answer go."""
    server.renewal_waits = release = asyncio.Event()
    await server.tell("psk_renew")
    await until(lambda: server.following)
    (dropped,) = server.following.values()
    server.renewal_waits = None
    await move(server, alice)
    assert dropped not in server.devices
    return dropped, release


async def test_a_move_of_the_port_while_it_is_under_way_ends_it_and_the_client_asks_again(server, folder, monkeypatch):
    """The handshake on the new port is the old pair's, which ends the other; nobody answers on the old port."""
    monkeypatch.setattr(line, "QUIET_SECONDS", 0.1)
    (first,) = pairs(server)
    async with Client.open(folder) as alice:
        await ask_and_move(server, alice)
        await until(lambda: alice._device.next_credentials is not None)
        assert alice.port == server.ports[1].number
        assert server.requests.count({"op": "psk_renew"}) == 2
        assert pairs(server) == {first, alice._device.next_credentials.psk_id}
    async with Client.open(folder) as alice:
        assert pairs(server) == {alice._device.credentials.psk_id} and first != alice._device.credentials.psk_id


@pytest.mark.parametrize("comes", ["told", "again"])
async def test_a_pair_that_a_move_has_ended_before_its_answer_came_locks_nobody_out(server, folder, comes):
    """The client keeps what opens nothing: told again on the new port it has another, and else comes by the old one."""
    (first,) = pairs(server)
    async with Client.open(folder) as alice:
        dropped, release = await ask_and_move(server, alice)
        release.set()
        await until(lambda: alice._device.next_credentials is not None and alice.status == "connected")
        assert alice._device.next_credentials.psk_id == dropped
        if comes == "told":
            # As the server does whenever a device comes by a pair that is due.
            await renewed(server, alice)
    async with Client.open(folder) as alice:
        is_other = alice._device.credentials.psk_id not in (first, dropped)
        assert is_other == (comes == "told") and alice._device.next_credentials is None
        await renewed(server, alice)


async def test_wraps_are_tried_under_both_pairs(server, folder):
    """A device may be away while its new pair comes into use, or did not."""
    async with Client.open(folder) as alice:
        await renewed(server, alice)
    device, kid = kept(folder), next(iter(kept(folder).discovery_secrets))
    secret, padding = device.discovery_secrets[kid], [make_padding() for _ in range(WRAPS_STEP - 1)]
    for psk in (device.credentials.psk, device.next_credentials.psk):
        assert open_wrap(join_wraps([make_wrap(psk, secret), *padding]), kid, device.psks) == secret


async def connected(folder) -> Client:
    alice = Client.open(folder)
    await alice.connect()
    return alice


def fields(device: Device) -> dict:
    return {name: getattr(device._state, name) for name in device._state.__slots__}
