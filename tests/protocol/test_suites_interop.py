"""Both suites between a browser's code in Node and ours in Python, whichever of them is the server."""

from pathlib import Path

import pytest

from clawchat.protocol.errors import PeerError
from clawchat.protocol.frame import MessageType
from clawchat.protocol.handshake import ClientHandshake
from clawchat.protocol.key_schedule import gate_key
from clawchat.protocol.primitives import random_bytes
from clawchat.protocol.rekey import ClientRekey
from tests.protocol.interop import Household, Line, NodeEnd

HOST = Path(__file__).with_name("host.mjs")
NOW_MS = 1_700_000_000_000
# What is offered, the server's floor, what is taken.
WAYS = [([1], False, 1), ([2, 1], False, 2), ([1, 2], True, 2)]


@pytest.fixture
def host():
    """The server's half in Node."""
    process = NodeEnd(HOST)
    yield process
    process.close()


@pytest.mark.parametrize(("suites", "pq_required", "taken"), WAYS)
def test_a_browser_and_a_server_in_python(browser, suites, pq_required, taken):
    """A handshake, frames both ways and two rekeys under the suite that both agreed on."""
    line = Line(browser, Household(pq_required=pq_required), suites=suites)
    assert line.session.suite == taken
    for epoch in (1, 2):
        line.now += 100
        line.turn("before", begin=True)
        heard, at = line.turn()
        assert (heard, at) == (["before the answer", "after the answer"], epoch)

    assert line.heard == ["before", "before"]
    assert line.session.epoch == 2


def test_a_server_in_python_refuses_a_browser_below_its_floor(browser):
    """The browser's H1 is right, and not good enough."""
    home = Household()
    hello = home.hello(browser, suites=[1])
    with pytest.raises(PeerError) as caught:
        home.server(hello).receive_hello(hello, NOW_MS)

    assert caught.value.code == "unsupported_version"


def answered(host, home, suites, pq_required):
    """A client in Python that has sent H1, and what the server in Node answers."""
    device, pin = home.device, home.identity.public
    gate, sign = gate_key(home.discovery_secret), home.device.sign
    client = ClientHandshake(pin, gate, home.psk_id, home.psk, device.public, sign, "bob", tuple(suites))
    keys = {"discovery_secret": bytes(home.discovery_secret), "identity_seed": bytes(home.identity)}
    return client, host.ask("hello", record=client.hello(), pq_required=pq_required, now_ms=NOW_MS, **keys)


@pytest.mark.parametrize(("suites", "pq_required", "taken"), WAYS)
def test_a_client_in_python_and_a_server_in_node(host, suites, pq_required, taken):
    """The same the other way round."""
    home = Household()
    client, answer = answered(host, home, suites, pq_required)
    third = client.receive_server_hello(bytes.fromhex(answer["record"]), NOW_MS)
    finished = host.ask("auth", record=third, psk=bytes(home.psk), now_ms=NOW_MS)
    session = client.receive_finished(bytes.fromhex(finished["frame"]))
    assert (session.suite, finished["suite"]) == (taken, taken)
    assert session.exporter.hex() == finished["exporter"]

    rekey = ClientRekey(session, home.identity.public, home.device.sign, 0)

    def exchange(kind, payload, now):
        frame = session.seal(kind, payload, random_bytes(16), now)
        taken_there = host.ask("take", frame=frame, now=now)
        return taken_there, [session.open(bytes.fromhex(each)).payload for each in taken_there["frames"]]

    for epoch in (1, 2):
        now = 100 * epoch
        _, (response,) = exchange(MessageType.KEY_ROTATION, rekey.init(now), now)
        there, _ = exchange(MessageType.KEY_ROTATION, rekey.receive(response, now), now)
        assert (there["epoch"], there["exporter"]) == (epoch, session.exporter.hex())
        assert exchange(MessageType.CHAT, b"said back", now)[1] == [b"said back"]


def test_a_server_in_node_refuses_a_client_below_its_floor(host):
    """The same judgement in the other language."""
    _, answer = answered(host, Household(), [1], True)

    assert answer == {"error": "unsupported_version"}
