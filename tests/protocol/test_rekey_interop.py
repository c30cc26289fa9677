"""A server in Python and a browser's code in Node take new keys together, while both speak."""

import pytest

from clawchat.protocol.errors import PeerError
from clawchat.protocol.frame import MessageType
from clawchat.protocol.handshake import KeyLimits, ServerParameters
from clawchat.protocol.primitives import random_bytes
from tests.protocol.interop import Line


@pytest.fixture
def line(browser, household):
    """A browser and a server with one session."""
    return Line(browser, household)


def test_both_take_new_keys_again_and_again_while_they_speak(line):
    """Frames are under way in both directions at each turn; each arrives once, in order, under its own epoch's keys."""
    said, heard = [], []
    for epoch in range(6):
        for step in range(4):
            texts = [f"{epoch}.{step}.{number}" for number in range(step + 1)]
            said += texts
            line.say(f"server {epoch}.{step}".encode())
            arrived, _ = line.turn(*texts, begin=step == 1)
            heard += arrived
        line.now += 20
    arrived, epoch = line.turn()

    assert line.heard == said
    assert [text for text in heard + arrived if text.startswith("server")] == [
        f"server {epoch}.{step}" for epoch in range(6) for step in range(4)
    ]
    assert [text for text in heard + arrived if not text.startswith("server")] == [
        "before the answer",
        "after the answer",
    ] * 6
    assert epoch == line.session.epoch == 6


def test_the_browser_grants_the_servers_request(line):
    """REQUEST in, INIT out, and only one."""
    line.say(line.rekey.request(), MessageType.KEY_ROTATION)
    line.turn("hello")
    for text in ("how", "are", "you"):
        line.turn(text)
    after = line.browser.ask("turn", frames=[], say=[], now=line.now)

    assert (after["epoch"], after["exporter"]) == (line.session.epoch, line.session.exporter.hex())
    assert line.session.epoch == 1
    assert line.heard == ["hello", "how", "are", "you"]


def test_the_browser_keeps_the_limits_that_the_server_announced(browser, household):
    """A soft limit in H2 reaches the browser's session."""
    hello = household.hello(browser)
    server = household.server(hello, ServerParameters(soft_limits=KeyLimits(3600, 1 << 26, 16)))
    answer = browser.ask("server_hello", record=server.receive_hello(hello, 1), now_ms=1)
    server.receive_client_auth(bytes.fromhex(answer["record"]))
    server.verify(household.psk, household.device.public)
    frame, session = server.finish({}, random_bytes(16), 1)
    browser.ask("finished", frame=frame)
    browser.ask("take_part", now=0)

    first = browser.ask("turn", frames=[], say=["00"] * 15, now=50)
    second = browser.ask("turn", frames=[], say=["00"], now=50)
    third = browser.ask("turn", frames=[], say=[], now=50)

    kinds = [session.open(bytes.fromhex(frame)).type for turn in (first, second, third) for frame in turn["frames"]]
    assert kinds == [MessageType.CHAT] * 16 + [MessageType.KEY_ROTATION]


@pytest.mark.parametrize("position", [0, 4, 5, 36, 38, 39, 1126, 1127, 1190])
def test_the_browser_refuses_a_changed_answer(line, position):
    """One bit of RESP, inside a frame that opens: no new keys, and nothing more from that session."""
    frames = line.browser.ask("turn", frames=[], say=[], begin=True, now=line.now)["frames"]
    answer = bytearray(line.rekey.receive(line.session.open(bytes.fromhex(frames[0])).payload, line.now))
    answer[position] ^= 1
    frame = line.session.seal(MessageType.KEY_ROTATION, bytes(answer), random_bytes(16), line.now)

    code = line.browser.ask("turn", frames=[frame.hex()], say=[], now=line.now)["error"]

    assert code in {"malformed", "out_of_order", "unauthentic"}


@pytest.mark.parametrize("position", [0, 1, 4, 5, 36, 38, 39, 1222, 1223, 1286])
def test_the_server_refuses_a_changed_beginning(line, position):
    """One bit of the browser's INIT."""
    frames = line.browser.ask("turn", frames=[], say=[], begin=True, now=line.now)["frames"]
    init = bytearray(line.session.open(bytes.fromhex(frames[0])).payload)
    init[position] ^= 1

    with pytest.raises(PeerError):
        line.rekey.receive(bytes(init), line.now)


@pytest.mark.parametrize("position", [0, 1, 32])
def test_the_server_refuses_a_changed_end(line, position):
    """One bit of the browser's DONE."""
    frames = line.browser.ask("turn", frames=[], say=[], begin=True, now=line.now)["frames"]
    answer = line.rekey.receive(line.session.open(bytes.fromhex(frames[0])).payload, line.now)
    frame = line.session.seal(MessageType.KEY_ROTATION, answer, random_bytes(16), line.now)
    frames = line.browser.ask("turn", frames=[frame.hex()], say=[], now=line.now)["frames"]
    done = bytearray(line.session.open(bytes.fromhex(frames[0])).payload)
    done[position] ^= 1

    with pytest.raises(PeerError):
        line.rekey.receive(bytes(done), line.now)
