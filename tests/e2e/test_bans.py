"""A scanner from another machine: written down, banned, and let off again; a member notices nothing."""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from clawchat.client import Client
from tests.e2e.members import make_room
from tests.e2e.networks import Namespace, ip, join, needs_networks
from tests.e2e.server import ServerProcess
from tests.e2e.test_false_alarms import alarms, ask, tripwires

pytestmark = pytest.mark.e2e

HERE, MALLORY, NEIGHBOUR = "192.0.2.1", "192.0.2.66", "192.0.2.77"
TOUCHES = 10
WAIT_SECONDS = 60


@pytest.fixture
def street() -> Iterator[Namespace]:
    """Where mallory is, with two addresses; the test itself is at the other end of the cable."""
    needs_networks()
    with ExitStack() as stack:
        house, street = (stack.enter_context(Namespace(label)) for label in ("house", "street"))
        join(house, f"{HERE}/24", street, f"{MALLORY}/24")
        ip("-netns", street.name, "address", "add", f"{NEIGHBOUR}/24", "dev", "house")
        stack.enter_context(house.entered())
        yield street


def is_let_in(street: Namespace, port: int, address: str = MALLORY) -> bool:
    """Whether somebody at this address gets as far as a TLS handshake."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with street.entered():
            connection = socket.create_connection((HERE, port), WAIT_SECONDS, source_address=(address, 0))
        with connection, context.wrap_socket(connection):
            return True
    except (ConnectionResetError, BrokenPipeError, ssl.SSLError):
        return False


def touch(street: Namespace, port: int) -> None:
    """Look whether somebody listens."""
    with street.entered():
        connection = socket.create_connection((HERE, port), timeout=WAIT_SECONDS)
    connection.close()


async def wait_until(holds: Callable[[], bool]) -> float:
    """Seconds until `holds()` was true."""
    began = time.monotonic()
    async with asyncio.timeout(WAIT_SECONDS):
        while not holds():
            await asyncio.sleep(0.1)
    return time.monotonic() - began


async def test_a_scanner_is_banned_and_members_are_not_disturbed(tmp_path, street):
    """After ten touches every chat port resets him before TLS; his neighbour, and whoever is in, go on as before."""
    environment = {"CLAWCHAT_TLS": "local", "CLAWCHAT_BIND": HERE, "CLAWCHAT_HOST": HERE}
    with ServerProcess(tmp_path / "data", interval=3600, lead=120, grace=300, environment=environment) as server:
        await wait_until(lambda: len(tripwires(server)) == 3)
        await wait_until(lambda: bool(ask(server, "SELECT 1 FROM rotation_portlease WHERE state = 'open'")))
        ((live,),) = ask(server, "SELECT port FROM rotation_portlease WHERE state = 'open'")
        ports = [live, *tripwires(server)]
        invite = server.create_invite("--owner")["invite"]
        async with await Client.enrol(
            invite, tmp_path / "alice", name="Alice", ca_file=server.data_dir / "tls" / "ca.crt"
        ) as alice:
            connected_to = alice.port
            assert is_let_in(street, live)
            for number in range(TOUCHES):
                touch(street, ports[1 + number % 3])
            await wait_until(lambda: alarms(server)["bans"] == [(MALLORY,)])
            await wait_until(lambda: not is_let_in(street, live))

            assert not any(is_let_in(street, port) for port in ports)
            assert is_let_in(street, live, NEIGHBOUR)
            assert (connected_to, alice.port, alice.status) == (live, live, "connected")
            await make_room(alice, [])

            server.run("shell", "-c", f"from chat.services.bans import lift; lift({MALLORY!r}, 'operator')")
            await wait_until(lambda: is_let_in(street, live))
        codes = [code for (code,) in ask(server, "SELECT code FROM chat_auditevent ORDER BY id")]
        assert [code for code in codes if code in ("banned", "ban_lifted")] == ["banned", "ban_lifted"]
