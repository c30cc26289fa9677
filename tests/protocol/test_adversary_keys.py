"""Keys differ when any input differs: each byte of each input of each derivation, changed one by one."""

from dataclasses import astuple, dataclass

import pytest

from clawchat.protocol.gate import close_hello, gate_value
from clawchat.protocol.key_schedule import (
    LABELS,
    EpochKeys,
    HandshakeKeys,
    SessionKeys,
    client_finished_value,
    connection_file_key,
    derive_session_keys,
    device_credentials,
    epoch_zero,
    expand_label,
    finished_value,
    gate_key,
    key_id,
    next_epoch,
    psk_binder,
    root_blob_key,
    session_secret,
    wrap_key,
    wrap_tag,
)
from clawchat.protocol.keys import (
    DevicePublic,
    DiscoverySecret,
    ExchangePublic,
    GateKey,
    IdentityPublic,
    PreSharedKey,
    RecoveryKey,
)
from clawchat.protocol.wraps import make_wrap


def some(number, size=32):
    """Bytes that are no other argument's."""
    return bytes((number * 37 + at) % 256 for at in range(size))


@dataclass(frozen=True)
class Derivation:
    """A function of byte strings that gives byte strings, each of which takes all of the inputs in."""

    make: object
    sizes: tuple

    @property
    def inputs(self):
        return [some(number, size) for number, size in enumerate(self.sizes)]


def _exchange(*raw):
    return [ExchangePublic(each) for each in raw]


def _epoch_keys(encryption, mac, iv, seed, context):
    return EpochKeys.derive(SessionKeys(encryption, mac, iv, seed), context)


def _wrap(psk, secret):
    # Tag and seal, each for itself.
    entry = make_wrap(PreSharedKey(psk), DiscoverySecret(secret))
    return entry[:8], entry[8:]


def _mac_keys(mac, context):
    keys = _epoch_keys(bytes(32), mac, bytes(32), bytes(32), context)
    return keys.server_finished, keys.client_finished, keys.exporter


def _next_epoch(seed, shared, th_r, number, server, client):
    return astuple(next_epoch(seed, shared, th_r, int.from_bytes(number, "big"), *_exchange(server, client)))


def _credentials(exporter, device):
    psk_id, psk = device_credentials(exporter, DevicePublic(device))
    return psk_id, bytes(psk)


DERIVATIONS = {
    "derive_session_keys": Derivation(
        lambda secret, *publics: astuple(derive_session_keys(secret, *_exchange(*publics))), (32, 32, 32)
    ),
    "handshake keys": Derivation(lambda shared, th2: astuple(HandshakeKeys.derive(shared, th2)), (64, 32)),
    "handshake keys, suite 1": Derivation(lambda shared, th2: astuple(HandshakeKeys.derive(shared, th2)), (32, 32)),
    "main secret": Derivation(
        lambda shared, th2, psk: (HandshakeKeys.derive(shared, th2).main_secret(PreSharedKey(psk)),), (64, 32, 32)
    ),
    "binder": Derivation(lambda *inputs: (psk_binder(*inputs),), (32, 32, 60)),
    "session secret": Derivation(lambda *inputs: (session_secret(*inputs),), (32, 32)),
    "epoch 0": Derivation(
        lambda main, th4, *publics: astuple(epoch_zero(main, th4, *_exchange(*publics))), (32, 32, 32, 32)
    ),
    "c2s key, s2c key": Derivation(
        lambda key: [getattr(_epoch_keys(key, *[bytes(32)] * 4), name) for name in ("client_key", "server_key")], (32,)
    ),
    "c2s iv, s2c iv": Derivation(
        lambda key: [
            getattr(_epoch_keys(bytes(32), bytes(32), key, bytes(32), b""), f"{side}_iv")
            for side in ("client", "server")
        ],
        (32,),
    ),
    "finished, exporter": Derivation(_mac_keys, (32, 32)),
    "next epoch": Derivation(_next_epoch, (32, 64, 32, 4, 32, 32)),
    "next epoch, suite 1": Derivation(_next_epoch, (32, 32, 32, 4, 32, 32)),
    "AUTH_OK": Derivation(lambda mac, th4: (finished_value(_epoch_keys(*_around(mac), th4), th4),), (32, 32)),
    "DONE": Derivation(lambda mac, th_r: (client_finished_value(_epoch_keys(*_around(mac), th_r), th_r),), (32, 32)),
    "discovery secret": Derivation(
        lambda raw: (
            bytes(gate_key(DiscoverySecret(raw))),
            connection_file_key(DiscoverySecret(raw)),
            key_id(DiscoverySecret(raw)),
        ),
        (32,),
    ),
    "gate value": Derivation(
        lambda key, pin, body: (gate_value(close_hello(GateKey(key), IdentityPublic(pin), body)),), (32, 32, 95)
    ),
    "wrap": Derivation(_wrap, (32, 32)),
    "wrap key and tag": Derivation(
        lambda psk, kid: (wrap_key(PreSharedKey(psk), kid), wrap_tag(PreSharedKey(psk), kid)), (32, 8)
    ),
    "device credentials": Derivation(_credentials, (32, 32)),
    "root blob": Derivation(lambda key: (root_blob_key(RecoveryKey(key)),), (32,)),
}


def _around(mac):
    return bytes(32), mac, bytes(32), bytes(32)


@pytest.mark.parametrize("name", DERIVATIONS)
def test_every_output_differs_when_any_input_differs(name):
    """Each byte of each input goes into each output; no two outputs of one derivation are the same, ever."""
    derivation = DERIVATIONS[name]
    made = [list(derivation.make(*derivation.inputs))]
    for place, value in enumerate(derivation.inputs):
        for at in range(len(value)):
            changed = value[:at] + bytes([value[at] ^ 1 << at % 8]) + value[at + 1 :]
            inputs = [*derivation.inputs[:place], changed, *derivation.inputs[place + 1 :]]
            made.append(list(derivation.make(*inputs)))

    assert list(derivation.make(*derivation.inputs)) == made[0]
    every = [output for outputs in made for output in outputs]
    assert len(set(every)) == len(every)
    assert all(any(output) for output in every)


def test_inputs_of_one_type_do_not_change_places():
    """Server's and client's public value, transcript and secret: turned round they give other keys."""
    one, two = some(1), some(2)
    for name in ("derive_session_keys", "epoch 0", "next epoch, suite 1"):
        derivation = DERIVATIONS[name]
        inputs = [some(9, size) for size in derivation.sizes]
        straight = derivation.make(*inputs[:-2], one, two)
        turned = derivation.make(*inputs[:-2], two, one)
        assert not set(straight) & set(turned), name
    for name in ("handshake keys, suite 1", "session secret", "finished, exporter", "wrap", "device credentials"):
        make = DERIVATIONS[name].make
        assert not set(make(one, two)) & set(make(two, one)), name


def test_every_label_length_and_context_gives_its_own():
    """One key, every purpose, a few lengths, contexts that begin with each other: nothing comes twice or continues."""
    labels = [name for name, full in LABELS.items() if full == b"clawchat/1 " + name.encode()]
    contexts = [b"", b"\0", b"\0\0", b"a", b"ab", bytes(255)]
    made = [expand_label(bytes(32), label, context, 32) for label in labels for context in contexts]
    shorter = [expand_label(bytes(32), label, context, 31) for label in labels for context in contexts]

    assert len(set(made)) == len(made) > 100
    assert not {each[:31] for each in made} & set(shorter)
