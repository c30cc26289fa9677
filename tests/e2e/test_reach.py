"""Reached from outside: a server in a home, behind a router with a real miniupnpd, and somebody in the world.

In network namespaces: nothing leaves this machine.
"""

import asyncio
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from clawchat.client import Client
from rotation.reach.router import NoAnswer
from rotation.reach.upnp import Upnp
from tests.e2e.home import MACHINE, NEIGHBOUR, OUTSIDE, Home
from tests.e2e.networks import needs_networks
from tests.e2e.server import ROOT, ServerProcess
from tests.soak.rows import Rows

pytestmark = pytest.mark.e2e

INTERVAL, LEAD, GRACE = 10, 3, 3
# Long enough that nothing ends by itself, short enough that the router is looked at every second.
PATIENT, QUICK = 600, 20
LONGEST_SECONDS = 90
CLOSE_SECONDS = 0.5
FIXED_PORT = 20_443
# What a provider gives to customers who share one address.
SHARED = "100.64.0.1"


@pytest.fixture
def home(tmp_path) -> Iterator[Home]:
    """A home whose router cannot be asked yet."""
    needs_networks("nft", "miniupnpd")
    with Home(tmp_path) as home:
        yield home


@contextmanager
def serving(home: Home, tmp_path: Path, **environment: str) -> Iterator[ServerProcess]:
    """A server in the home, whose front door only its own machine reaches; the connection file is in the world too."""
    server = ServerProcess(
        tmp_path / "data",
        interval=INTERVAL,
        lead=LEAD,
        grace=GRACE,
        environment={
            "CLAWCHAT_BIND": "0.0.0.0",
            "CLAWCHAT_TLS": "local",
            "CLAWCHAT_HOST": OUTSIDE,
            "CLAWCHAT_PORT_MAPPING": "auto",
            "CLAWCHAT_DECOYS": "1",
            "CLAWCHAT_TRIPWIRE_SECONDS": "5",
            **environment,
        },
    )
    with ExitStack() as stack:
        with home.world.entered():
            stack.enter_context(mirror(server.data_dir / "connection.json", server.front_port))
        with home.lan.entered():
            server.start()
        stack.callback(server.stop)
        yield server


@contextmanager
def mirror(path: Path, port: int) -> Iterator[None]:
    """The connection file under the front door's address, for a machine that is another one than the server's."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = path.read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as web:
        thread = Thread(target=web.serve_forever)
        thread.start()
        try:
            yield
        finally:
            web.shutdown()
            thread.join()


def let_in(home: Home) -> set[int]:
    """The ports that the router hands on to the machine, as its packet filter has it."""
    rules = home.router.run("nft", "list", "chain", "inet", "filter", "prerouting_miniupnpd")
    return {int(port) for port in re.findall(rf"dport (\d+) dnat ip to {re.escape(MACHINE)}:", rules)}


def listening(server: ServerProcess) -> set[int]:
    """The ports that should listen, as rows tell."""
    states = ("bound", "announced", "open", "draining", "tripwire")
    return {lease.port for lease in Rows(server.data_dir).leases() if lease.state in states}


def current(server: ServerProcess) -> set[int]:
    """The moving ports that clients are sent to; none before the first has opened."""
    leases = Rows(server.data_dir).leases()
    return {lease.port for lease in leases if lease.state == "open" and lease.kind == "moving"}


def is_reached(home: Home, server: ServerProcess) -> bool:
    """Whether somebody in the world gets through to where clients are sent."""
    return any(answers(home, port) for port in current(server))


def answers(home: Home, port: int) -> bool:
    """Whether somebody in the world gets through to that port."""
    with home.world.entered():
        try:
            socket.create_connection((home.outside, port), timeout=2).close()
        except OSError:
            return False
        return True


def wait_for(holds: Callable[[], object], seconds: float = LONGEST_SECONDS) -> None:
    """Return once it is so; what goes wrong meanwhile is no answer."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.2)


def check_reach(home: Home, server: ServerProcess) -> str:
    """What `checkreach` says, and what it complains of."""
    with home.lan.entered():
        done = subprocess.run(
            [sys.executable, "manage.py", "checkreach"],
            cwd=ROOT,
            env=server._environment,
            capture_output=True,
            text=True,
            check=False,
        )
    return done.stdout + done.stderr


@pytest.mark.parametrize("language", ["upnp", "natpmp"])
def test_a_device_outside_follows_the_port(home, tmp_path, language):
    """The router lets in what is open and nothing else, over moves; at the end it lets nothing in."""
    home.start_router(upnp=language == "upnp", natpmp=language == "natpmp")
    environment = {"CLAWCHAT_PORT_MAPPING_SECONDS": str(QUICK), "CLAWCHAT_FIXED_PORT": str(FIXED_PORT)}

    with serving(home, tmp_path, **environment) as server:
        wait_for(lambda: let_in(home) == listening(server) != set())
        began = time.monotonic()
        invite = server.create_invite("--owner")["invite"]
        with home.world.entered():
            ports, said = asyncio.run(_follow(home, server, invite, moves=2))
        wait_for(lambda: let_in(home) == listening(server) and not let_in(home) & {ports[0]})
        assert not answers(home, ports[0])
        # The port that stays is still there when what it was promised first is over: it was renewed.
        wait_for(lambda: time.monotonic() - began > QUICK)
        assert answers(home, FIXED_PORT)
        assert "yes, because a device came in from outside by port" in said
        assert "Traceback" not in server.log()
        server.stop()

        assert let_in(home) == set()


async def _follow(home: Home, server: ServerProcess, invite: str, moves: int) -> tuple[list[int], str]:
    """The ports that a device in the world was on, until it has followed so many moves, and what `checkreach` says
    while it is there: a port that was left is no sign any more."""
    client = await Client.enrol(invite, None, name="Alice", ca_file=server.data_dir / "tls" / "ca.crt")
    ports: list[int] = []
    async with client:
        async with asyncio.timeout(LONGEST_SECONDS):
            while len(ports) <= moves:
                if client.port is not None and client.port not in ports:
                    ports.append(client.port)
                await asyncio.sleep(0.1)
        said = await asyncio.to_thread(check_reach, home, server)
    # aiohttp ends its TLS connections a moment after they were closed; the loop must live until then.
    await asyncio.sleep(CLOSE_SECONDS)
    return ports, said


def test_what_a_killed_server_left_is_ended(home, tmp_path):
    """By the next one, although the router was promised ten minutes."""
    home.start_router(natpmp=False)
    with serving(home, tmp_path, CLAWCHAT_PORT_MAPPING_SECONDS=str(PATIENT)) as server:
        wait_for(lambda: let_in(home) == listening(server) != set())
        server.kill()
        left = let_in(home)
        assert left
        # Everything that was open then is over.
        time.sleep(INTERVAL + GRACE + 5)

        with home.lan.entered():
            server.start()

        wait_for(lambda: let_in(home) == listening(server) != set() and not left <= let_in(home))


def test_a_router_that_was_restarted_is_asked_anew(home, tmp_path):
    """It has lost its table, and the ports come back long before they would have been renewed."""
    home.start_router()
    with serving(home, tmp_path, CLAWCHAT_PORT_MAPPING_SECONDS=str(QUICK)) as server:
        wait_for(lambda: let_in(home) == listening(server) != set())
        home.stop_router()
        assert let_in(home) == set()
        assert not is_reached(home, server)

        home.start_router()

        wait_for(lambda: is_reached(home, server))


def test_a_router_that_refuses_is_quoted(home, tmp_path):
    """And the server serves on for those who reach it."""
    home.start_router(natpmp=False, allowed="")

    with serving(home, tmp_path) as server:
        quoted = re.compile("the router does not let port.*Action not authorized", re.DOTALL)
        wait_for(lambda: quoted.search(check_reach(home, server)))

        assert current(server)


def test_a_fixed_port_that_another_machine_has(home, tmp_path):
    """The operator reads it; the moving port is let in all the same."""
    home.start_router(natpmp=False, secure=False)
    with home.lan.entered():
        asyncio.run(_take(FIXED_PORT))

    with serving(home, tmp_path, CLAWCHAT_FIXED_PORT=str(FIXED_PORT)) as server:
        wait_for(lambda: is_reached(home, server))
        wait_for(lambda: f"somebody else in by port {FIXED_PORT}" in json.dumps(server.status()))

        assert FIXED_PORT not in let_in(home)


async def _take(port: int) -> None:
    """Have the router let another machine in by this port."""
    router = await _found("A neighbour")
    router._own = NEIGHBOUR
    await router.map(port, PATIENT)


async def _found(name: str, tries: int = 5) -> Upnp:
    """The router, which on a busy machine may still be starting."""
    while True:
        try:
            return await Upnp.find(name)
        except NoAnswer:
            tries -= 1
            if not tries:
                raise


def test_a_second_router_is_noticed(tmp_path):
    """The provider's, say: ours cannot be called from the world, and says that it has no address to be called by."""
    needs_networks("nft", "miniupnpd")
    with Home(tmp_path, SHARED) as home:
        home.start_router()
        with serving(home, tmp_path, CLAWCHAT_HOST=SHARED) as server:
            wait_for(lambda: "another router stands before it" in check_reach(home, server))

            # Written by whoever found it out first, the command or the server, and said again by neither.
            wait_for(lambda: server.status()["nodes"][0]["reachable"] == "no")
            assert let_in(home) == set()
