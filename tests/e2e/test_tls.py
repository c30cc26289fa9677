"""TLS as others see it: nmap, OpenSSL, Chromium with the authority trusted, Python clients; on and off loopback."""

import asyncio
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from OpenSSL import SSL

from clawchat.client import Client
from clawchat.client.errors import Unreachable
from rotation.tls.names import machine_addresses
from tests.e2e.browser import READY_MS, Browsers
from tests.e2e.members import make_room, mls_message, read_log
from tests.e2e.server import ServerProcess
from tests.ports import free_port
from tests.rotation.certificates import Signed, shake_hands, sign, write_pair

pytestmark = pytest.mark.e2e
SUITES = [
    "TLS_AKE_WITH_AES_256_GCM_SHA384",
    "TLS_AKE_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_AKE_WITH_AES_128_GCM_SHA256",
]
PASSWORD = "correct horse battery"
LOCAL = {"CLAWCHAT_TLS": "local", "CLAWCHAT_LOOPBACK_TLS": "1", "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
SOON_SECONDS = 60
MOVES = 3


def quiet_server(folder: Path, **environment: str) -> ServerProcess:
    """A server whose port does not move while a test looks at it."""
    return ServerProcess(folder / "data", interval=3600, lead=120, grace=300, environment=environment)


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[ServerProcess]:
    """A server that vouches for itself, and speaks TLS on loopback too."""
    with quiet_server(tmp_path_factory.mktemp("tls"), **LOCAL) as running:
        yield running


def authority(server: ServerProcess) -> Path:
    """The certificate that `trustca` shows."""
    return server.data_dir / "tls" / "ca.crt"


def chat_port(server: ServerProcess) -> int:
    """The port of the open lease, once there is one."""
    deadline = time.monotonic() + SOON_SECONDS
    while time.monotonic() < deadline:
        with sqlite3.connect(server.data_dir / "clawchat.sqlite3") as database:
            row = database.execute("SELECT port FROM rotation_portlease WHERE state = 'open'").fetchone()
        database.close()
        if row:
            return row[0]
        time.sleep(0.1)
    raise AssertionError(f"no port was opened:\n{server.log_tail()}")


def own_address() -> str:
    """An address of this machine by which others would reach it."""
    found = [str(one) for one in machine_addresses() if one.version == 4 and not (one.is_loopback or one.is_link_local)]
    if not found:
        pytest.skip("this machine has no address but loopback")
    return min(found)


# What is offered


def test_nmap_sees_tls_1_3_and_the_three_suites_in_order(server):
    """On a chat port and at the front door; nothing older, nothing else, by the server's preference."""
    nmap = shutil.which("nmap")
    if nmap is None:
        pytest.skip("nmap is not installed (sudo apt install nmap)")
    ports = [chat_port(server), server.front_port]
    command = [nmap, "-Pn", "-p", ",".join(map(str, ports)), "--script", "ssl-enum-ciphers", "127.0.0.1"]

    seen = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout

    for port in ports:
        part = seen.partition(f"{port}/tcp open")[2].partition("/tcp open")[0]
        assert re.findall(r"\b(?:TLSv|SSLv)[\d.]+", part) == ["TLSv1.3"], seen
        assert re.findall(r"\bTLS_\w+", part) == SUITES, seen
        assert "cipher preference: server" in part


@pytest.mark.parametrize("door", ["chat", "front"])
def test_each_client_finds_what_it_can_do(server, door):
    """Ed25519 alone, P-256 alone, no hybrid group: all verify the chain; a capable one gets the best of all."""
    port = chat_port(server) if door == "chat" else server.front_port
    trusting = {"ca_file": authority(server)}

    best = shake_hands(port, **trusting)
    assert best[:3] == ("TLSv1.3", "TLS_AES_256_GCM_SHA384", "X25519MLKEM768")
    assert best.kind == "ed25519"
    assert shake_hands(port, signatures="ed25519", **trusting).kind == "ed25519"
    assert shake_hands(port, signatures="ecdsa_secp256r1_sha256", **trusting).kind == "p256"
    assert shake_hands(port, groups="X25519", **trusting).group == "x25519"
    for offers in ({"groups": "P-256"}, {"signatures": "rsa_pss_rsae_sha256"}, {"suites": "TLS_AES_128_CCM_SHA256"}):
        with pytest.raises(SSL.Error):
            shake_hands(port, **offers)


def test_debians_openssl_verifies_the_chain(server):
    """A TLS library that is not ours, and older."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{chat_port(server)}", "-CAfile", authority(server)]
    command += ["-verify_return_error", "-verify_hostname", "localhost"]

    said = subprocess.run(command, input="", capture_output=True, text=True, check=False, timeout=30).stdout

    assert "Verification: OK" in said
    assert "New, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384" in said


# Chromium


@pytest.fixture
def trusting_home(server, tmp_path) -> Path:
    """A home whose browsers trust the server's authority, as `trustca` explains it."""
    certutil = shutil.which("certutil")
    if certutil is None:
        pytest.skip("certutil is not installed (sudo apt install libnss3-tools)")
    chat_port(server)
    folder = tmp_path / "home/.pki/nssdb"
    folder.mkdir(parents=True)
    database = ["-d", f"sql:{folder}"]
    subprocess.run([certutil, "-N", "--empty-password", *database], check=True)
    subprocess.run([certutil, "-A", *database, "-n", "clawchat", "-t", "C,,", "-i", authority(server)], check=True)
    return tmp_path / "home"


async def test_chromium_chats_over_wss_without_any_flag(server, trusting_home, chromium_path, tmp_path):
    """A page over https, an enrolment and a message over wss; no certificate error is switched off."""
    invite = server.create_invite("--owner")["url"]
    assert invite.startswith("https://localhost:")
    sockets: list[str] = []
    async with Browsers(chromium_path, tmp_path) as browsers:
        alice = await browsers.open("alice", "about:blank", env={**os.environ, "HOME": str(trusting_home)})
        alice.page.on("websocket", lambda opened: sockets.append(opened.url))
        await alice.page.goto(invite)
        await alice.enrol()
        await alice.create_room("Garden")
        await alice.say("over wss")
        sent = alice.log.locator("[data-status=sent]", has_text="over wss")
        await sent.wait_for(timeout=READY_MS)
        assert await alice.page.evaluate("isSecureContext && location.protocol") == "https:"
        cookies = await alice.context.cookies()

    assert sockets and all(url.startswith(f"wss://localhost:{chat_port(server)}/") for url in sockets)
    assert alice.complaints_about_code() == []
    assert cookies == []


async def test_the_operator_signs_in_over_https(server, trusting_home, chromium_path, tmp_path):
    """The forms are taken as from ourselves, and the cookies go over TLS alone."""
    server.run("createsuperuser", "--noinput", "--username", "operator", "--email", "")
    async with Browsers(chromium_path, tmp_path) as browsers:
        home = {**os.environ, "HOME": str(trusting_home)}
        operator = await browsers.open("operator", f"{server.front_url}/admin/", env=home)
        await operator.page.get_by_label("Username").fill("operator")
        await operator.page.get_by_label("Password").fill(PASSWORD)
        await operator.page.get_by_role("button", name="Log in").click()
        await operator.page.get_by_role("heading", name="The operator's side").wait_for(timeout=READY_MS)
        cookies = await operator.context.cookies()

    assert {cookie["name"] for cookie in cookies} == {"__Host-clawchat-operator", "__Host-clawchat-form"}
    assert all(cookie["secure"] for cookie in cookies)


async def test_chromium_refuses_a_server_that_it_does_not_know(server, chromium_path, tmp_path):
    """The same browser with another home: the test above would see a flag."""
    async with Browsers(chromium_path, tmp_path) as browsers:
        home = {**os.environ, "HOME": str(tmp_path / "elsewhere")}
        mallory = await browsers.open("mallory", "about:blank", env=home)
        with pytest.raises(Exception, match="ERR_CERT_AUTHORITY_INVALID"):
            await mallory.page.goto(server.front_url)


# Python clients


async def enrol_and_send(server: ServerProcess, ca_file: Path, *arguments: str) -> Client:
    """A client that has stored a message on the server, still connected."""
    client = await Client.enrol(server.create_invite(*arguments)["invite"], None, name="Alice", ca_file=ca_file)
    room_id, _ = await make_room(client, [])
    message_id, message = mls_message(room_id, b"hello")
    assert await client.send(room_id, message, message_id) > 0
    return client


async def test_a_python_client_is_given_the_authority(server):
    """With it, it chats over wss; without it, it does not connect."""
    invite = server.create_invite()["invite"]
    with pytest.raises(Unreachable):
        await Client.enrol(invite, None, name="Bob", seconds=6)

    client = await enrol_and_send(server, authority(server))
    await client.close()


async def test_the_port_moves_under_tls_and_nothing_is_lost(tmp_path):
    """Each new port has the same certificates; the client goes along, and the log has every message once, in order."""
    server = ServerProcess(tmp_path / "data", interval=6, lead=2, grace=3, environment=LOCAL)
    await asyncio.to_thread(server.start)
    try:
        invite = server.create_invite("--owner")["invite"]
        client = await Client.enrol(invite, None, name="Alice", ca_file=authority(server))
        room_id, commit_seq = await make_room(client, [])
        ports, sent = {client.port}, []
        async with asyncio.timeout(60):
            while len(ports - {None}) <= MOVES:
                message_id, message = mls_message(room_id, f"message {len(sent)}".encode())
                await client.send(room_id, message, message_id)
                sent.append(message_id)
                ports.add(client.port)
                await asyncio.sleep(0.05)
        stored = [row["message_id"] for row in await read_log(client, room_id, commit_seq)]
        await client.close()
    finally:
        await asyncio.to_thread(server.stop)

    assert stored == sent


async def test_a_certificate_is_exchanged_while_a_session_lives(tmp_path):
    """A renewal of the files: no restart, no session lost; new connections get the new one, a broken one is said."""
    root = sign("root", is_authority=True)
    (root_file, _) = write_pair(tmp_path, "root", root)
    chain, key = write_pair(tmp_path, "live", _server_certificate(root))
    environment = {"CLAWCHAT_TLS": "files", "CLAWCHAT_LOOPBACK_TLS": "1", "CLAWCHAT_TLS_FILES": f"{chain}:{key}"}
    server = quiet_server(tmp_path, **environment)
    await asyncio.to_thread(server.start)
    try:
        client = await enrol_and_send(server, root_file, "--owner")
        port = chat_port(server)
        before = shake_hands(port, ca_file=root_file).certificate
        connection = await client.usable(SOON_SECONDS)

        chain.write_text("half a file")
        await until(lambda: "the old ones stay" in server.log())
        assert shake_hands(port, ca_file=root_file).certificate == before
        write_pair(tmp_path, "live", _server_certificate(root))
        await until(lambda: shake_hands(port, ca_file=root_file).certificate != before)

        assert shake_hands(server.front_port, ca_file=root_file).certificate != before
        await make_room(client, [])
        assert await client.usable(SOON_SECONDS) is connection
        await client.close()
    finally:
        await asyncio.to_thread(server.stop)


def _server_certificate(root: Signed) -> Signed:
    return sign("server", root, hosts=("localhost",))


async def until(holds) -> None:
    """Return when it is so."""
    async with asyncio.timeout(SOON_SECONDS):
        while not await asyncio.to_thread(holds):
            await asyncio.sleep(0.2)


# Off loopback


async def test_off_loopback_with_tls_people_connect(tmp_path):
    """On every address of the machine, dialled by one of them, which the local authority vouches for."""
    address, front_port = own_address(), free_port()
    server = ServerProcess(
        tmp_path / "data",
        interval=3600,
        lead=120,
        grace=300,
        front_port=front_port,
        environment={
            "CLAWCHAT_TLS": "local",
            "CLAWCHAT_BIND": "0.0.0.0",
            "CLAWCHAT_FRONT": f"0.0.0.0:{front_port}",
            "CLAWCHAT_HOST": address,
        },
    )
    await asyncio.to_thread(server.start)
    try:
        invite = server.create_invite("--owner")
        assert invite["url"].startswith(f"https://{address}:{front_port}/")
        client = await Client.enrol(invite["invite"], None, name="Alice", ca_file=authority(server))
        await make_room(client, [])
        await client.close()
        assert shake_hands(chat_port(server), host=address, ca_file=authority(server)).version == "TLSv1.3"
    finally:
        await asyncio.to_thread(server.stop)


@pytest.mark.parametrize("is_trusted", [True, False])
def test_plain_connections_off_loopback_are_for_proxies(tmp_path, is_trusted):
    """From an address that is named they are answered, from any other reset at accept, at both doors."""
    address, front_port = own_address(), free_port()
    server = ServerProcess(
        tmp_path / "data",
        front_port=front_port,
        environment={
            "CLAWCHAT_BIND": "0.0.0.0",
            "CLAWCHAT_FRONT": f"0.0.0.0:{front_port}",
            "CLAWCHAT_FRONT_URL": "https://chat.example.org",
            "CLAWCHAT_HOST": "chat.example.org",
            "CLAWCHAT_TRUSTED_PROXIES": address if is_trusted else "10.255.255.0/24",
        },
    )
    request = b"GET /healthz HTTP/1.1\r\nHost: chat.example.org\r\nConnection: close\r\n\r\n"
    with server:
        front, chat = (speak(address, port, request) for port in (front_port, chat_port(server)))
        shown = server.run("showconnection")

    assert front.startswith(b"HTTP/1.1 200") if is_trusted else front == b"reset"
    assert chat == b"reset"
    # Clients dial the proxy, which speaks TLS.
    assert re.search(r"chat\.example\.org:\d+ TLS", shown)


def speak(host: str, port: int, request: bytes) -> bytes:
    """What comes back, or `reset`."""
    try:
        with socket.create_connection((host, port), timeout=10) as plain:
            plain.sendall(request)
            return plain.recv(4096)
    except ConnectionError:
        return b"reset"
