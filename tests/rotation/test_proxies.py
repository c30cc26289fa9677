"""Trusted proxies: who may speak in the clear, and whose word on the real peer counts."""

import asyncio
from ipaddress import ip_network

import aiohttp
import pytest

from rotation.probes import PATH
from rotation.proxies import behind_proxies, is_trusted, may_come_plain, real_address
from tests.ports import free_port
from tests.rotation.doors import LOOPBACK, Doors, run

PROXIES = (ip_network("10.0.0.0/24"), ip_network("2001:db8::1/128"))


@pytest.mark.parametrize("address", ["10.0.0.1", "10.0.0.255", "::ffff:10.0.0.9", "2001:db8::1"])
def test_a_proxy_is_trusted(address):
    """By its network, however the socket writes its address."""
    assert is_trusted(address, PROXIES)
    assert may_come_plain(address, "0.0.0.0", PROXIES)


@pytest.mark.parametrize("address", ["10.0.1.1", "192.0.2.1", "2001:db8::2", "", "unix"])
def test_anybody_else_is_not(address):
    """Also who has no address."""
    assert not is_trusted(address, PROXIES)
    assert not may_come_plain(address, "0.0.0.0", PROXIES)
    assert not is_trusted(address, ())


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "192.0.2.9"])
def test_this_machine_may_speak_in_the_clear_to_itself(address):
    """Its word on somebody else's address counts no more for it."""
    assert may_come_plain(address, "192.0.2.9", PROXIES)
    assert not is_trusted(address, PROXIES)


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ([b"203.0.113.5"], "203.0.113.5"),
        # What stands before the last address was written by that address itself.
        ([b"198.51.100.1, 203.0.113.5"], "203.0.113.5"),
        ([b"198.51.100.1", b"203.0.113.5, 10.0.0.7"], "203.0.113.5"),
        ([b"127.0.0.1, 203.0.113.5"], "203.0.113.5"),
        ([b"2001:DB8:0::5"], "2001:db8::5"),
        ([], "10.0.0.1"),
        ([b""], "10.0.0.1"),
        ([b"unknown"], "10.0.0.1"),
        ([b"203.0.113.5, what\xff"], "10.0.0.1"),
        ([b"10.0.0.9"], "10.0.0.9"),
        ([b"2001:db8::5%" + b"a" * 8000], "10.0.0.1"),
        ([b"203.0.113.5," * 1000], "10.0.0.1"),
    ],
)
def test_the_real_peer_is_the_last_that_no_proxy_has(headers, address):
    """A header that a proxy did not write is not read past."""
    assert real_address("10.0.0.1", headers, PROXIES) == address


def test_a_stranger_cannot_choose_his_address():
    """The header counts from proxies only."""
    assert real_address("192.0.2.1", [b"203.0.113.5"], PROXIES) == "192.0.2.1"


def scope_after(client: str, *headers: tuple[bytes, bytes], proxies=PROXIES) -> dict:
    """What the application is told of a request."""
    seen: list[dict] = []

    async def application(scope, receive, send) -> None:
        seen.append(scope)

    scope = {"type": "http", "client": [client, 1234], "scheme": "http", "headers": list(headers)}
    asyncio.run(behind_proxies(application, proxies)(scope, None, None))
    return seen[0]


def test_the_application_is_told_address_and_scheme():
    """By a trusted proxy; the nearest one's word on the scheme is the last."""
    headers = (b"x-forwarded-for", b"203.0.113.5"), (b"X-Forwarded-Proto", b"http"), (b"x-forwarded-proto", b"https")

    told = scope_after("10.0.0.1", *headers)
    assert (told["client"], told["scheme"]) == (["203.0.113.5", 0], "https")

    for proxies in (PROXIES, ()):
        told = scope_after("192.0.2.1", *headers, proxies=proxies)
        assert (told["client"], told["scheme"]) == (["192.0.2.1", 1234], "http")


def test_an_odd_scheme_is_not_taken():
    """Two are known."""
    assert scope_after("10.0.0.1", (b"x-forwarded-proto", b"javascript"))["scheme"] == "http"


async def first_byte(number: int, request: bytes) -> bytes:
    """What a door answers, or `reset`."""
    reader, writer = await asyncio.open_connection(LOOPBACK, number)
    try:
        writer.write(request)
        async with asyncio.timeout(5):
            return await reader.read(1000)
    except ConnectionError:
        return b"reset"
    finally:
        writer.close()


def test_a_plain_door_off_loopback_resets_who_is_no_proxy(monkeypatch):
    """Front door and chat port, at accept; with a proxy among the trusted, it is let in."""
    # Loopback stands for another machine here.
    monkeypatch.setattr("rotation.proxies.is_loopback", lambda address: False)
    monkeypatch.setattr("rotation.ports.is_loopback", lambda address: False)
    request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    everywhere = "0.0.0.0"

    for proxies, answer in (((), b"reset"), (PROXIES, b"reset"), ((ip_network("127.0.0.0/8"),), b"HTTP/1.1 200 OK")):
        doors = Doors()
        doors.ports._proxies = proxies
        front, chat = free_port(), free_port()
        doors.ports.open_front(everywhere, front)
        doors.ports.open_chat(everywhere, chat, "/" + "P" * 22)
        strangers_before = len(doors.strangers)

        assert run(first_byte(front, request)).startswith(answer)
        assert run(first_byte(chat, request)) == b"reset"
        # At accept nothing was read, so nothing was refused; the proxy's request was.
        assert len(doors.strangers) - strangers_before == (answer != b"reset")
        run(doors.close())


@pytest.mark.parametrize(("proxies", "address"), [((ip_network("127.0.0.1"),), "203.0.113.5"), ((), LOOPBACK)])
def test_the_chat_is_told_the_real_peer(proxies, address):
    """Limits are for people, not for their proxy; a stranger's header changes nothing."""

    async def tell_address(scope, receive, send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        scope["clawchat"].send(scope["clawchat"].address.encode())
        await receive()

    async def connect(url: str) -> bytes:
        headers = {"X-Forwarded-For": "198.51.100.1, 203.0.113.5"}
        async with aiohttp.ClientSession() as session, session.ws_connect(url, headers=headers) as socket:
            return await socket.receive_bytes()

    doors = Doors(tell_address)
    doors.ports._proxies = proxies
    number = free_port()
    doors.ports.open_chat(LOOPBACK, number, PATH)

    assert run(connect(f"ws://{LOOPBACK}:{number}{PATH}")) == address.encode()
    run(doors.close())


def test_who_is_refused_is_refused_behind_a_proxy_too():
    """A ban is about the real peer; the proxy and everybody else behind it go on."""

    async def connect(url: str, address: str) -> bool:
        headers = {"X-Forwarded-For": address}
        async with aiohttp.ClientSession() as session:
            try:
                async with session.ws_connect(url, headers=headers) as socket:
                    await socket.send_bytes(b"H1")
                    return await socket.receive_bytes() == b"AUTH_OK"
            except aiohttp.ClientError:
                return False

    doors = Doors()
    doors.ports._proxies = (ip_network("127.0.0.1"),)
    doors.ports._is_refused = {"203.0.113.5"}.__contains__
    number = free_port()
    doors.ports.open_chat(LOOPBACK, number, PATH)
    url = f"ws://{LOOPBACK}:{number}{PATH}"

    assert not run(connect(url, "203.0.113.5"))
    assert run(connect(url, "203.0.113.6"))
    assert doors.strangers == []
    run(doors.close())
