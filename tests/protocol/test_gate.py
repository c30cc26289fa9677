"""The gate: holders of the discovery secret pass, others are nobody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawchat.protocol import gate as gate_module
from clawchat.protocol.gate import Gate, close_hello, find_gate, gate_value
from clawchat.protocol.key_schedule import gate_key
from clawchat.protocol.keys import DiscoverySecret, IdentityKey
from tests.protocol.pairs import changed_bytes, pair


def make_gate():
    return Gate(gate_key(DiscoverySecret.generate()), IdentityKey.generate())


def test_hello_finds_its_gate():
    """Among several, wherever it stands."""
    ends = pair()
    first = ends.hello()

    assert find_gate(first, [ends.gate]) is ends.gate
    assert find_gate(first, [make_gate(), ends.gate, make_gate()]) is ends.gate
    assert find_gate(first, iter([ends.gate])) is ends.gate


def test_a_gate_asks_its_identity_for_its_public_key():
    """Nobody can give it another."""
    ends = pair()

    assert ends.gate.server_public == ends.gate.identity.public
    with pytest.raises(TypeError):
        Gate(ends.gate.gate_key, ends.gate.identity, IdentityKey.generate().public)


def test_stranger_finds_none():
    """Another secret, another server, or no gate at all."""
    ends = pair()
    first = ends.hello()
    same_key = Gate(ends.gate.gate_key, IdentityKey.generate())
    same_server = Gate(make_gate().gate_key, ends.gate.identity)

    assert find_gate(first, []) is None
    assert find_gate(first, [same_key, same_server, make_gate()]) is None


def test_every_changed_byte_is_a_stranger():
    """The value covers the whole hello."""
    ends = pair()
    first = ends.hello()

    assert all(find_gate(wrong, [ends.gate]) is None for _, wrong in changed_bytes(first))


def test_every_truncation_is_a_stranger():
    """Cut or longer, it does not fit."""
    ends = pair()
    first = ends.hello()

    assert all(find_gate(first[:length], [ends.gate]) is None for length in range(len(first)))
    assert find_gate(first + b"\0", [ends.gate]) is None


@pytest.mark.parametrize(("size", "fits"), [(0, False), (1, True), (2032, True), (2033, False)])
def test_body_is_at_most_2048_bytes(size, fits):
    """With its 16 bytes of value."""
    gate = make_gate()
    record = close_hello(gate.gate_key, gate.server_public, bytes(size))

    assert (find_gate(record, [gate]) is gate) == fits


@given(st.binary(max_size=100))
def test_any_bytes_are_a_stranger(data):
    """Nothing raises, nobody passes."""
    assert find_gate(data, [_GATE]) is None
    assert find_gate(b"\x48\x01" + len(data).to_bytes(2, "big") + data, [_GATE]) is None


_GATE = make_gate()


def test_gate_does_no_public_key_work(monkeypatch):
    """Looking for a gate costs an HMAC for each, so strangers cannot buy our time with theirs."""
    ends = pair()
    first = ends.hello()
    for name in ("ed25519_verify", "ed25519_public", "ed25519_sign", "x25519", "x25519_public", "mlkem768_encapsulate"):
        monkeypatch.setattr(f"clawchat.protocol.primitives.{name}", _forbidden)

    assert find_gate(first, [ends.gate]) is ends.gate
    with pytest.raises(AssertionError):
        ends.server.receive_hello(first, 0)


def _forbidden(*arguments):
    raise AssertionError("public-key work")


def test_gate_value_tells_hellos_apart():
    """Two hellos of one client differ; one hello is known again."""
    ends = pair()
    first = ends.hello()

    assert gate_value(first) == first[-16:]
    assert gate_value(first) != gate_value(pair().hello())


def test_every_stranger_costs_the_same_work(monkeypatch):
    """One HMAC for each gate, over what came, whether head, length or value is wrong, so time tells nobody which."""
    ends = pair()
    first, computed = ends.hello(), []
    honest = gate_module.hmac_sha256
    monkeypatch.setattr(gate_module, "hmac_sha256", lambda key, data: computed.append(len(data)) or honest(key, data))
    strangers = {
        "value": first[:-1] + bytes([first[-1] ^ 1]),
        "length in the head": first[:3] + bytes([first[3] ^ 1]) + first[4:],
        "type": b"\x48\x02" + first[2:],
        "magic": b"\0" + first[1:],
    }
    for wrong in strangers.values():
        assert find_gate(wrong, [make_gate(), ends.gate]) is None
    assert computed == [32 + len(first) - 4 - 16] * 2 * len(strangers)
    computed.clear()
    assert find_gate(first, [ends.gate, make_gate()]) is ends.gate
    assert len(computed) == 2


def test_never_more_is_hashed_than_a_hello_may_have():
    """What follows the longest record is not looked at, and makes it a stranger's."""
    gate = make_gate()
    record = close_hello(gate.gate_key, gate.server_public, bytes(2032))

    assert find_gate(record, [gate]) is gate
    assert find_gate(record + b"\0", [gate]) is None
    assert find_gate(record + bytes(1 << 20), [gate]) is None
