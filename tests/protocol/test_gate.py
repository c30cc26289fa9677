"""The gate: holders of the discovery secret pass, others are nobody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
