"""The handshake, both halves back to back: alice's device and her server agree, mallory gets nothing."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clawchat.protocol.encoding import u16
from clawchat.protocol.errors import Malformed, PeerError, TooLarge, Unauthentic, UnsupportedVersion, UsageError
from clawchat.protocol.frame import MessageType
from clawchat.protocol.gate import close_hello
from clawchat.protocol.handshake import ClientHandshake, ServerHandshake, ServerParameters, find_gate
from clawchat.protocol.handshake_messages import (
    ClientHello,
    ClientProof,
    ServerHello,
    ServerProof,
)
from clawchat.protocol.key_schedule import device_credentials, epoch_zero
from clawchat.protocol.keys import (
    DecapsulationKey,
    DeviceKey,
    DiscoverySecret,
    ExchangeSecret,
    IdentityKey,
    PreSharedKey,
)
from clawchat.protocol.server_handshake import _Verified
from clawchat.protocol.suites import SUITE_X25519, SUITE_X25519_MLKEM768
from tests.protocol.pairs import MESSAGE_ID, NOW_MS, PSK_ID, pair, sessions


def test_both_sides_agree():
    """Four messages, and each side has the same session, exporter and view of the other."""
    ends = pair(client_name="test 1", parameters=ServerParameters(max_frame_bytes=1 << 20, minimum_client="0.3"))
    first = ends.hello()
    assert find_gate(first, [ends.gate]) is ends.gate
    second = ends.answer(first)
    third = ends.authenticate(second)
    auth = ends.server.receive_client_auth(third)
    ends.server.verify(ends.psk, ends.device.public)
    finished, server = ends.server.finish({16: b"news"}, MESSAGE_ID, NOW_MS)
    client = ends.client.receive_finished(finished)

    assert (auth.psk_id, auth.device_public, auth.client_time_ms, auth.client_name) == (
        PSK_ID,
        ends.device.public,
        NOW_MS,
        "test 1",
    )
    assert auth.params == {1: b"test 1"}
    assert (ends.client.server_id, ends.client.clock_offset_ms) == ("cc-server", 250)
    assert ends.client.server_parameters.minimum_client == "0.3"
    assert ends.client.finished_tlvs == {16: b"news"}
    assert ends.client.exporter == ends.server.exporter == client.exporter == server.exporter
    assert client.session_id == server.session_id
    assert client.max_frame_bytes == server.max_frame_bytes == 1 << 20
    assert server.open(client.seal(MessageType.CHAT, b"hello", MESSAGE_ID, NOW_MS)).payload == b"hello"


def test_message_sizes_are_those_of_the_document():
    """Suite 2 alone: two bytes less than with both suites in H1; the others to the byte."""
    ends = pair()
    ends.server._server_id = "cc-550e8400-e29b-81d4-a716-446655440000"
    first = ends.hello()
    second = ends.answer(first)
    third = ends.authenticate(second)

    assert (len(first), len(second), len(third)) == (1279, 1343, 174)


def test_every_handshake_is_fresh():
    """Nothing public or secret comes twice, for the same device and the same server."""
    one, two = (sessions()[0] for _ in range(2))

    assert one.session_id != two.session_id
    assert one.exporter != two.exporter


def test_enrolled_credentials_are_the_same_on_both_sides():
    """Both derive the device's PSK from the exporter; nothing was sent."""
    ends = pair()
    finished, _ = ends.finish(ends.authenticate(ends.answer(ends.hello())))
    ends.client.receive_finished(finished)

    assert device_credentials(ends.client.exporter, ends.device.public) == device_credentials(
        ends.server.exporter, ends.device.public
    )


def test_invite_may_come_with_any_device():
    """Without an expected device the signature still must be that of the device named."""
    ends = pair()
    ends.server.receive_client_auth(ends.authenticate(ends.answer(ends.hello())))

    ends.server.verify(ends.psk, None)


@pytest.mark.parametrize(("which", "step"), [("first", 97), ("second", 61), ("third", 11), ("finished", 7)])
def test_changed_bytes_end_the_handshake(which, step):
    """Wherever mallory changes a message, one side notices, and nobody ends with a session."""
    length = {"first": 1279, "second": 1313, "third": 174, "finished": 118}[which]
    for at in range(0, length, step):
        with pytest.raises(PeerError):
            _run_tampered(which, at)


def _run_tampered(which, at):
    def wire(name, data):
        return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :] if name == which else data

    ends = pair()
    first = wire("first", ends.hello())
    if find_gate(first, [ends.gate]) is None:
        raise Unauthentic("gate")
    second = wire("second", ends.answer(first))
    third = wire("third", ends.authenticate(second))
    finished, _ = ends.finish(third)
    ends.client.receive_finished(wire("finished", finished))


def test_tampered_hello_past_the_gate_fails_at_the_client():
    """Mallory with the discovery secret may change H1 and its value: the server's answer does not open."""
    ends = pair()
    hello = ClientHello.parse(ends.hello())
    changed = ClientHello(0x0100, 0x0101, hello.random, hello.suites, hello.exchange, hello.encapsulation)
    forged = close_hello(ends.gate.gate_key, ends.gate.server_public, changed.encode())
    with pytest.raises(Unauthentic):
        ends.authenticate(ends.answer(forged))


def test_truncated_records_are_refused():
    """Cut at any byte."""
    ends = pair()
    first = ends.hello()
    for length in range(len(first)):
        with pytest.raises(Malformed):
            ClientHello.parse(first[:length])
    second = ends.answer(first)
    for length in range(len(second)):
        with pytest.raises(PeerError):
            ServerHello.parse(second[:length])
    third = ends.authenticate(second)
    for length in range(len(third)):
        with pytest.raises(Malformed):
            ends.server.receive_client_auth(third[:length])
    ends.finish(third)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"psk": PreSharedKey.generate()}, Unauthentic),
        ({"device": DeviceKey.generate()}, Unauthentic),
        ({"sign": DeviceKey.generate().sign}, Unauthentic),
        ({"sign": lambda message: bytes(64)}, Unauthentic),
    ],
    ids=["psk", "device", "impostor", "no signature"],
)
def test_wrong_client_is_refused_alike(changed, error):
    """PSK, device and signature are all needed, and all fail the same way; no session, no exporter."""
    ends = pair(**changed)
    ends.server.receive_client_auth(ends.authenticate(ends.answer(ends.hello())))
    with pytest.raises(error, match="client authentication"):
        ends.server.verify(ends.psk, ends.device.public)
    with pytest.raises(UsageError):
        ends.server.finish({}, MESSAGE_ID, NOW_MS)
    with pytest.raises(UsageError):
        _ = ends.server.exporter


def test_unknown_psk_id_fails_like_a_wrong_psk():
    """The caller passes a random PSK for it, and nothing tells the two apart."""
    ends = pair()
    ends.server.receive_client_auth(ends.authenticate(ends.answer(ends.hello())))
    with pytest.raises(Unauthentic, match="client authentication"):
        ends.server.verify(PreSharedKey.generate(), None)


def test_verify_computes_everything_before_it_judges(monkeypatch):
    """A wrong PSK does not save the server the signature, nor the other way round."""
    ends = pair(psk=PreSharedKey.generate())
    ends.server.receive_client_auth(ends.authenticate(ends.answer(ends.hello())))
    verified = []
    monkeypatch.setattr("clawchat.protocol.primitives.ed25519_verify", lambda *a: verified.append(a))
    with pytest.raises(Unauthentic):
        ends.server.verify(ends.psk, DeviceKey.generate().public)
    assert len(verified) == 1


def test_client_refuses_another_server():
    """A server that has the discovery secret but another identity is not the pinned one."""
    ends = pair(pin=IdentityKey.generate().public)
    with pytest.raises(Unauthentic):
        ends.authenticate(ends.answer(ends.hello()))


def test_client_refuses_a_server_that_does_not_know_its_psk():
    """The identity key alone does not make a session: AUTH_OK needs the PSK."""
    ends = pair()
    third = ends.authenticate(ends.answer(ends.hello()))
    ends.psk = PreSharedKey.generate()
    ends.server.receive_client_auth(third)
    ends.server._verified = _without_proof(ends)
    frame, _ = ends.server.finish({}, MESSAGE_ID, NOW_MS)
    with pytest.raises(PeerError):
        ends.client.receive_finished(frame)
    with pytest.raises(UsageError):
        _ = ends.client.exporter


def _without_proof(ends):
    """What the server would hold if it let a caller pass whose PSK it guessed."""
    hello, auth = ends.server._hello, ends.server._auth
    keys = epoch_zero(hello.keys.main_secret(ends.psk), auth.th4, hello.server_exchange, hello.client_exchange)
    return _Verified(hello.suite, hello.session_id, auth.th4, keys)


def test_records_of_another_handshake_are_refused():
    """H2, H3 and AUTH_OK belong to their H1."""
    one, two = pair(), pair()
    two.client = ClientHandshake(
        one.gate.server_public, one.gate.gate_key, PSK_ID, one.psk, one.device.public, one.device.sign
    )
    two.server, two.psk, two.device = ServerHandshake(one.gate, "cc"), one.psk, one.device
    second_one, second_two = one.answer(one.hello()), two.answer(two.hello())
    with pytest.raises(Unauthentic):
        one.authenticate(second_two)
    third_one, third_two = one.authenticate(second_one), two.authenticate(second_two)
    with pytest.raises(Unauthentic):
        one.server.receive_client_auth(third_two)
    one.finish(third_one)
    finished_two, _ = two.finish(third_two)
    with pytest.raises(PeerError):
        one.client.receive_finished(finished_two)


def hello_record(ends, suites, versions=(0x0100, 0x0100), mlkem=True):
    encapsulation = DecapsulationKey.generate().public if mlkem else None
    hello = ClientHello(*versions, bytes(32), suites, ExchangeSecret.generate().public, encapsulation)
    return close_hello(ends.gate.gate_key, ends.gate.server_public, hello.encode())


def test_suite_without_mlkem_is_refused_by_the_server():
    """A peer that offers only suite 1 gets no session."""
    ends = pair()
    with pytest.raises(UnsupportedVersion):
        ends.answer(hello_record(ends, (SUITE_X25519,), mlkem=False))
    ends.answer(hello_record(ends, (SUITE_X25519, SUITE_X25519_MLKEM768)))


def test_downgrade_is_refused_by_the_client():
    """A server (or mallory) that chooses suite 1 or another version is refused before anything is opened."""
    ends = pair()
    second = ends.answer(ends.hello())
    for wrong in (second[:6] + u16(1) + second[8:], second[:4] + u16(0x0200) + second[6:]):
        with pytest.raises(UnsupportedVersion):
            ends.authenticate(wrong)
    with pytest.raises(UsageError):
        ClientHandshake(
            ends.gate.server_public,
            ends.gate.gate_key,
            PSK_ID,
            ends.psk,
            ends.device.public,
            ends.device.sign,
            "",
            (),
        )


@pytest.mark.parametrize("versions", [(0x0101, 0xFFFF), (0, 0x00FF)])
def test_other_versions_are_refused(versions):
    """The range must hold ours."""
    ends = pair()
    with pytest.raises(UnsupportedVersion):
        ends.answer(hello_record(ends, (2,), versions))


@pytest.mark.parametrize(("which", "limit"), [("H1", 2048), ("H2", 4096), ("H3", 1024)])
def test_records_have_their_sizes(which, limit):
    """One byte over is too large, whatever is in it."""
    ends = pair()
    second = ends.answer(ends.hello())
    kind = {"H1": 1, "H2": 2, "H3": 3}[which]
    receive = {
        "H1": lambda record: pair().answer(record),
        "H2": ends.authenticate,
        "H3": ends.server.receive_client_auth,
    }[which]
    with pytest.raises(TooLarge):
        receive(bytes([0x48, kind]) + u16(limit + 1) + bytes(limit + 1))
    with pytest.raises(PeerError) as caught:
        receive(bytes([0x48, kind]) + u16(limit) + bytes(limit))
    assert caught.value.code != "too_large"
    ends.authenticate(second)


@settings(max_examples=60)
@given(st.binary(max_size=400), st.sampled_from([1, 2, 3]))
def test_any_bytes_are_a_peer_error(data, kind):
    """Records of chance, raw and in a proper head."""
    ends, waiting = _standing()
    for record in (data, bytes([0x48, kind]) + u16(len(data)) + data):
        for receive in (
            lambda r: pair().answer(r),
            ends.authenticate,
            ends.server.receive_client_auth,
            waiting.client.receive_finished,
        ):
            with pytest.raises(PeerError):
                receive(record)
    for parse in (ServerProof.parse, ClientProof.parse):
        try:
            parse(data)
        except PeerError as error:
            assert error.code == "malformed"


@cache
def _standing():
    """One pair that waits for H2 and H3, and a client that waits for AUTH_OK: refusals leave them as they are."""
    ends, waiting = pair(), pair()
    ends.answer(ends.hello())
    waiting.authenticate(waiting.answer(waiting.hello()))
    return ends, waiting


def test_steps_come_once_and_in_order():
    """Whatever is called too early or twice is our mistake, and changes nothing."""
    ends = pair()
    client, server = ends.client, ends.server
    for early in (
        lambda: client.receive_server_hello(b"", 0),
        lambda: client.receive_finished(b""),
        lambda: server.receive_client_auth(b""),
        lambda: server.verify(ends.psk, None),
        lambda: server.finish({}, MESSAGE_ID, 0),
        lambda: client.exporter,
        lambda: server.exporter,
    ):
        with pytest.raises(UsageError):
            early()
    first = ends.hello()
    with pytest.raises(UsageError):
        ends.hello()
    second = ends.answer(first)
    with pytest.raises(UsageError):
        ends.answer(first)
    third = ends.authenticate(second)
    with pytest.raises(UsageError):
        ends.authenticate(second)
    with pytest.raises(UsageError):
        server.verify(ends.psk, None)
    server.receive_client_auth(third)
    with pytest.raises(UsageError):
        server.receive_client_auth(third)
    server.verify(ends.psk, ends.device.public)
    finished, _ = server.finish({}, MESSAGE_ID, NOW_MS)
    for again in (
        lambda: server.receive_client_auth(third),
        lambda: server.verify(ends.psk, None),
        lambda: server.finish({}, MESSAGE_ID, 0),
    ):
        with pytest.raises(UsageError):
            again()
    client.receive_finished(finished)
    with pytest.raises(UsageError):
        client.receive_finished(finished)


def test_secrets_are_dropped_when_they_have_served():
    """Neither side keeps ephemeral keys or handshake secrets once it has a session."""
    ends = pair()
    finished, _ = ends.finish(ends.authenticate(ends.answer(ends.hello())))
    ends.client.receive_finished(finished)

    assert ends.client._hello_sent is ends.client._auth_sent is None
    assert ends.server._hello is ends.server._auth is ends.server._verified is None


@pytest.mark.parametrize(
    ("psk_id", "name"), [(bytes(15), ""), (bytes(17), ""), (bytes(16), "n" * 257), (bytes(16), "ü" * 129)]
)
def test_client_of_other_sizes_is_ours_to_avoid(psk_id, name):
    """PSK ids have 16 bytes, names at most 256."""
    device, identity = DeviceKey.generate(), IdentityKey.generate()
    gate_secret = pair().gate.gate_key
    with pytest.raises(UsageError):
        ClientHandshake(identity.public, gate_secret, psk_id, PreSharedKey(bytes(32)), device.public, device.sign, name)


@pytest.mark.parametrize("name", ["n" * 256, "ü" * 128])
def test_a_name_may_have_256_bytes(name):
    """And arrives whole."""
    ends = pair(client_name=name)

    assert ends.server.receive_client_auth(ends.authenticate(ends.answer(ends.hello()))).client_name == name


@pytest.mark.parametrize("size", [0, 1087, 1089])
def test_server_hello_has_a_whole_ciphertext(size):
    """Judged where the bytes are taken apart."""
    exchange = ExchangeSecret.generate().public
    clear = ServerHello.encode_clear(SUITE_X25519_MLKEM768, bytes(32), bytes(16), exchange, bytes(size), 16)
    with pytest.raises(Malformed):
        ServerHello.parse(ServerHello.encode(clear, bytes(16)))


def test_proof_of_another_size_is_ours_to_avoid():
    """Also where the bytes are made."""
    with pytest.raises(UsageError):
        ClientProof(bytes(15), DeviceKey.generate().public, 0, b"").encode()


def test_repr_shows_no_secret():
    """Machines and what they hold show nothing."""
    secret = DiscoverySecret(bytes(range(32)))
    ends = pair()
    first = ends.hello()
    ends.answer(first)
    for shown in (repr(ends.client), repr(ends.server), repr(ends.gate), repr(ends.server._hello), repr(secret)):
        assert bytes(ends.psk).hex()[:8] not in shown
        assert bytes(ends.gate.gate_key).hex()[:8] not in shown
        assert "000102" not in shown
