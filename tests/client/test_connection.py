"""One connection: silence, refusals, renewed secrets, and how long to wait before the next."""

import asyncio
import logging
import time

import aiohttp
import pytest

from clawchat.client import Client, ConnectionLost, Unreachable, connection, dial, keepalive, line
from clawchat.client.back_off import BackOff
from clawchat.client.device import Device
from clawchat.client.discovery import Finder
from clawchat.client.store import Store
from clawchat.protocol.bodies import CloseNotify
from clawchat.protocol.connection_file import Endpoint
from clawchat.protocol.errors import Limit, Malformed, RekeyOverdue, UsageError
from clawchat.protocol.frame import MessageType
from clawchat.protocol.handshake import ServerHandshake
from clawchat.protocol.invite import Invite
from clawchat.protocol.key_schedule import key_id
from clawchat.protocol.keys import DiscoverySecret
from tests.client.conftest import ROOM, message
from tests.client.tiny_server import until


@pytest.fixture
def device(server):
    """A device that has begun to enrol, in memory."""
    store = Store.in_memory()
    yield Device.begin(store, Invite.parse(server.invite()), "Bob", 0)
    store.close()


async def test_silent_server_is_pinged_and_then_given_up(server, alice, monkeypatch):
    """After a while without a frame the client pings; a server that stays silent is left for a new connection."""
    monkeypatch.setattr(connection, "WATCH_SECONDS", 0.02)
    monkeypatch.setattr(keepalive, "PING_AFTER_SECONDS", 0.05)
    monkeypatch.setattr(keepalive, "SILENCE_SECONDS", 2.0)
    monkeypatch.setattr(keepalive, "LEAST_IDLE_SECONDS", 0)
    server.cut()
    await until(lambda: server.handshakes == 3)
    await asyncio.sleep(2.5)
    still_the_same = server.handshakes == 3
    server.mute = True
    await until(lambda: server.handshakes >= 4)

    assert still_the_same
    assert server.pings > 0


async def test_ping_of_the_server_is_answered(server, alice):
    """A ping comes back as a pong with the same bytes."""
    await server.seats[0].send(MessageType.PING, b"are you there")
    await until(lambda: server.pongs == [b"are you there"])

    assert server.pongs == [b"are you there"]


async def test_full_server_says_when_to_come_again(server, alice, monkeypatch):
    """After `limit` the client waits at least as long as the text says."""
    pauses = []

    async def rest(_, seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0.01)

    monkeypatch.setattr("clawchat.client.line.Line._rest", rest)
    await server.close_all(4411, CloseNotify(11, "30 seconds until a next try makes sense"))
    await until(lambda: server.handshakes == 3)

    assert 30 <= max(pauses) < 31


async def test_reason_of_a_refusal_after_the_handshake_is_told(server, tmp_path):
    """A server that closes while the client prepares names its reason, and that is what `connect` raises."""
    server.close_after_handshake = CloseNotify(11, "1 second")
    with pytest.raises(Limit):
        await Client.enrol(server.invite(), None, name="Bob", seconds=1)


async def test_renewed_discovery_secret_is_kept(server, tmp_path):
    """A secret that comes with AUTH_OK opens the next file; the former one still opens older files."""
    client = await Client.enrol(server.invite(), tmp_path / "bob", name="Bob")
    former, server.secret = server.secret, DiscoverySecret.generate()
    server.gate_secrets = [former, server.secret]
    server.finished_tlvs = {16: key_id(server.secret) + bytes(server.secret)}
    server.cut()
    await until(lambda: server.handshakes == 3 and server.seats)
    await client.request("device.list")
    new = await server.open_port()
    await server.announce(new)
    await until(lambda: client.port == new.number)

    assert set(client._device.discovery_secrets) == {key_id(former), key_id(server.secret)}
    await client.close()


async def test_nobody_there_is_unreachable(device):
    """A port that nobody listens on is told apart from a refusal."""
    nobody = Endpoint("127.0.0.1", 1, "/" + "A" * 22, False, 0, 1)
    async with aiohttp.ClientSession() as http:
        with pytest.raises(Unreachable):
            await dial.dial(http, nobody, device.invite_credentials)


async def test_server_that_says_nothing_is_given_up(server, device, monkeypatch):
    """A handshake has its seconds and not more."""
    monkeypatch.setattr(dial, "HANDSHAKE_SECONDS", 0.2)
    server.never_answer = True
    async with aiohttp.ClientSession() as http:
        with pytest.raises(Unreachable, match="no answer"):
            await dial.dial(http, server.ports[0].endpoint(0), device.invite_credentials)


async def test_a_handshake_that_fails_is_closed_with_the_clients_code(server, device, monkeypatch):
    """4008, as a browser does it, which may not send 1008: here for an answer that is no H2."""
    closed, close = [], aiohttp.ClientWebSocketResponse.close

    async def spy(socket: aiohttp.ClientWebSocketResponse, *, code: int) -> bool:
        closed.append(code)
        return await close(socket, code=code)

    monkeypatch.setattr(aiohttp.ClientWebSocketResponse, "close", spy)
    monkeypatch.setattr(ServerHandshake, "receive_hello", lambda *_: b"no H2")
    async with aiohttp.ClientSession() as http:
        with pytest.raises(Malformed):
            await dial.dial(http, server.ports[0].endpoint(0), device.invite_credentials)
    assert closed == [4008]


async def test_worn_out_keys_are_replaced_by_a_new_connection(server, alice, monkeypatch):
    """When the session may seal no more, the message goes out on the next connection."""
    session = alice._line._current._session

    def worn_out(*_: object) -> bytes:
        raise RekeyOverdue("enough")

    monkeypatch.setattr(session, "seal", worn_out)

    assert await alice.send(ROOM, message("hello")[1]) == 1
    assert server.handshakes == 3


async def test_a_connection_that_stands_when_the_client_is_ended_is_closed(server, alice, monkeypatch):
    """Also one that was made in that very turn, and that nobody uses yet."""
    made = []

    def end(_: line.Line, connection: connection.Connection) -> None:
        made.append(connection)
        raise asyncio.CancelledError

    monkeypatch.setattr(line.Line, "_use", end)
    server.cut()
    await until(lambda: made)
    await until(lambda: made[0]._socket.closed)

    assert alice.status == "offline"


async def test_text_message_is_no_frame(server, alice):
    """A server that talks text is not ours: the connection is closed as malformed."""
    seat = server.seats[0]
    await seat.socket.send_str("hello")
    await until(lambda: server.handshakes == 3)

    assert seat.socket.close_code == 4401


async def test_closed_client_says_so(server, tmp_path):
    """After `close` nothing waits for ever."""
    client = await Client.enrol(server.invite(), None, name="Bob")
    await client.close()

    for waits in (client.request("device.list"), client.send(ROOM, message("x")[1]), anext(client.events())):
        with pytest.raises(ConnectionLost):
            await waits


def test_store_holds_one_device(server, device):
    """A second enrolment in one place is refused, or it would overwrite the first."""
    with pytest.raises(UsageError):
        Device.begin(device._store, Invite.parse(server.invite()), "Mallory", 0)


def test_credentials_do_not_show(device):
    """Neither keys nor PSKs are in what a debugger or a log would print."""
    shown = repr(device.invite_credentials) + repr(device._state) + repr(device)

    assert bytes(device.key).hex() not in shown
    assert "psk=" not in shown


def test_pauses_double_up_to_a_bound():
    """Each pause is a random part of a bound that doubles, until it works again."""
    back_off = BackOff(1.0, 8.0, fraction=lambda: 0.5)
    pauses = [back_off.next_pause() for _ in range(6)]
    back_off.reset()

    assert pauses == [0.5, 1, 2, 4, 4, 4]
    assert back_off.next_pause() == 0.5


async def test_wrong_clock_is_said(server, device, caplog):
    """A clock that is far from the server's is a warning; nothing is refused because of it."""
    finder = Finder(device._store, device)
    with caplog.at_level(logging.WARNING):
        finder.authenticated(-400_000)

    assert "clock" in caplog.text
    assert abs(Finder(device._store, device).now() - time.time() + 400) < 5


async def test_wrong_clock_is_said_once_for_each_change(server, device, caplog):
    """Every move makes a handshake, and each tells the time: the log hears of what has changed."""
    finder = Finder(device._store, device)
    with caplog.at_level(logging.INFO, "clawchat.client.discovery"):
        for offset in (400, 401, 399, -7200, -7201, 0, 2, 400):
            finder.authenticated(offset * 1000)

    assert [record.getMessage() for record in caplog.records] == [
        "this machine's clock is 400 s behind the server's; set it to automatic",
        "this machine's clock is 7200 s ahead of the server's; set it to automatic",
        "this machine's clock agrees with the server's again",
        "this machine's clock is 400 s behind the server's; set it to automatic",
    ]


@pytest.mark.parametrize(
    ("ahead", "is_said"), [(-301, True), (-300, False), (300, False), (301, True), (-86_400, True)]
)
async def test_servers_clock_is_learnt_and_refuses_nobody(server, tmp_path, caplog, ahead, is_said):
    """Authenticated in H2: from then on the client's time is the server's, over restarts too."""
    server.clock_ahead_ms = ahead * 1000
    with caplog.at_level(logging.WARNING, "clawchat.client.discovery"):
        client = await Client.enrol(server.invite(), tmp_path, name="Bob")
    assert client.status == "connected" and abs(client._finder.now() - time.time() - ahead) <= 2
    assert ("clock" in caplog.text) is is_said
    await client.close()
    again = Client.open(tmp_path)
    assert abs(again._finder.now() - time.time() - ahead) <= 2
    await again.close()
