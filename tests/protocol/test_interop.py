"""A server in Python and a browser's code in Node meet on one wire: handshake, frames both ways, refusals."""

import pytest

from clawchat.protocol.errors import Unauthentic
from clawchat.protocol.frame import MessageType
from clawchat.protocol.handshake import Gate, ServerHandshake
from clawchat.protocol.key_schedule import device_credentials, gate_key
from clawchat.protocol.keys import IdentityKey
from clawchat.protocol.primitives import new_message_id, random_bytes
from tests.protocol.interop import BROWSER_TIME_MS, SERVER_ID, SERVER_TIME_MS


def test_both_ends_hold_the_same_secrets(browser, household):
    """Session id, exporter and the device credentials of an enrolment are one value on both sides."""
    server, session, finished = household.meet(browser)

    psk_id, psk = device_credentials(server.exporter, household.device.public)
    assert finished == {
        "tlvs": {"16": b"sixteen".hex()},
        "session_id": session.session_id.hex(),
        "exporter": session.exporter.hex(),
        "device_psk_id": psk_id.hex(),
        "device_psk": bytes(psk).hex(),
    }


def test_frames_travel_both_ways_in_order(browser, household):
    """What the browser seals in one burst opens frame by frame at the server, and the other way round."""
    _, session, _ = household.meet(browser)
    sizes = [49_000, 0, 1, 63, 64, 1023, 1024, 16_383, 16_384]
    burst = [
        {"type": 1, "payload": (b"b" * size).hex(), "message_id": new_message_id(7).hex(), "timestamp_ms": size}
        for size in sizes
    ]

    for sent, frame in zip(burst, browser.ask("seal", frames=burst)["frames"], strict=True):
        opened = session.open(bytes.fromhex(frame))
        assert (opened.type, opened.payload.hex()) == (MessageType.CHAT, sent["payload"])
        assert (opened.message_id.hex(), opened.timestamp_ms) == (sent["message_id"], sent["timestamp_ms"])
    for size in sizes:
        message_id = random_bytes(16)
        opened = browser.ask("open", frame=session.seal(MessageType.ACK, b"a" * size, message_id, size))
        assert opened == {
            "type": MessageType.ACK,
            "payload": (b"a" * size).hex(),
            "message_id": message_id.hex(),
            "timestamp_ms": size,
        }


def test_a_changed_frame_is_refused_by_the_browser(browser, household):
    """mallory changes one bit on the way to the browser; nothing more is taken from that session."""
    _, session, _ = household.meet(browser)
    frame = bytearray(session.seal(MessageType.CHAT, b"hello", random_bytes(16), 1))
    frame[45] ^= 1

    assert browser.ask("open", frame=bytes(frame)) == {"error": "unauthentic"}
    assert browser.ask("open", frame=session.seal(MessageType.CHAT, b"hello", random_bytes(16), 1)) == {
        "error": "unauthentic"
    }


def test_a_changed_frame_is_refused_by_the_server(browser, household):
    """mallory changes the type of a frame on the way to the server."""
    _, session, _ = household.meet(browser)
    ping = {"type": 7, "payload": "", "message_id": "00" * 16, "timestamp_ms": 1}
    frame = bytearray.fromhex(browser.ask("seal", frames=[ping])["frames"][0])
    frame[25] = MessageType.CHAT

    with pytest.raises(Unauthentic):
        session.open(bytes(frame))


def test_a_browser_with_another_psk_is_not_let_in(browser, household):
    """charlie has the discovery secret and bob's device id, but not his PSK."""
    with pytest.raises(Unauthentic):
        household.meet(browser, psk=random_bytes(32))


def test_a_browser_refuses_another_server(browser, household):
    """mallory, who knows the discovery secret, answers with an identity of her own."""
    hello = household.hello(browser)
    impostor = Gate(gate_key(household.discovery_secret), IdentityKey.generate())

    answer = ServerHandshake(impostor, SERVER_ID).receive_hello(hello, SERVER_TIME_MS)

    assert browser.ask("server_hello", record=answer, now_ms=BROWSER_TIME_MS) == {"error": "unauthentic"}
