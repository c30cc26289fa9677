"""Keys go when their successor exists: what can be reached from a machine after each step, found as a debugger would.

Python overwrites nothing; what is shown here is that nobody holds a former secret any more. Spec: 3.4
"""

import gc
from collections.abc import Iterator

import pytest

from clawchat.protocol import key_schedule
from clawchat.protocol.errors import UsageError
from clawchat.protocol.frame import MessageType
from clawchat.protocol.gate import Gate, find_gate
from clawchat.protocol.handshake import ClientHandshake, ServerHandshake
from clawchat.protocol.key_schedule import gate_key
from clawchat.protocol.keys import (
    DecapsulationKey,
    DeviceKey,
    DiscoverySecret,
    EncapsulationKey,
    ExchangeSecret,
    IdentityKey,
    PreSharedKey,
)
from clawchat.protocol.primitives import random_bytes
from clawchat.protocol.rekey import ClientRekey, ServerRekey
from clawchat.protocol.session import Session
from clawchat.protocol.suites import SUITE_X25519, SUITE_X25519_MLKEM768

ID = bytes(16)


@pytest.fixture
def made(monkeypatch) -> dict[str, set[bytes]]:
    """Every secret that is drawn or derived while the test runs, by what it is called."""
    found: dict[str, set[bytes]] = {}

    def note(name: str, *secrets: bytes) -> None:
        # Two bytes of anything may stand anywhere; what is looked for is long.
        found.setdefault(name, set()).update(secret for secret in secrets if len(secret) >= 12)

    def spy(where, name: str, note_what) -> None:
        original = getattr(where, name)

        def noting(*arguments):
            result = original(*arguments)
            note_what(result, arguments)
            return result

        monkeypatch.setattr(where, name, noting)

    spy(key_schedule, "hkdf_extract", lambda result, given: note("extracted", result, given[1]))
    spy(key_schedule, "hkdf_expand", lambda result, given: note("expanded", result))
    spy(ExchangeSecret, "exchange", lambda result, given: note("x25519", result, bytes(given[0])))
    spy(DecapsulationKey, "decapsulate", lambda result, given: note("mlkem", result, bytes(given[0])))
    spy(EncapsulationKey, "encapsulate", lambda result, given: note("mlkem", result[0]))
    spy(key_schedule, "derive_session_keys", lambda result, given: note("keys", *_values(result)))
    spy(key_schedule.EpochKeys, "derive", lambda result, given: note("epoch", *_values(result)))
    return found


def _values(keys) -> list[bytes]:
    return [getattr(keys, name) for name in keys.__slots__]


def reachable(*roots: object) -> set[bytes]:
    """The byte strings that these hold, however deep; classes, modules and functions of the program lead nowhere."""
    seen, found, waiting = set(), set(), list(roots)
    while waiting:
        each = waiting.pop()
        if id(each) in seen or isinstance(each, type | str | int) or hasattr(each, "__code__"):
            continue
        seen.add(id(each))
        if isinstance(each, bytes | bytearray):
            found.add(bytes(each))
        else:
            waiting += [next_one for next_one in gc.get_referents(each) if not _is_module(next_one)]
    return found


def _is_module(value: object) -> bool:
    return type(value).__name__ in ("module", "frame") or (isinstance(value, dict) and "__builtins__" in value)


def held(made: dict[str, set[bytes]], *roots: object) -> set[bytes]:
    """Of all secrets ever made those that are reachable, alone or as part of something longer."""
    pile = reachable(*roots)
    secrets = set().union(*made.values())
    return {secret for secret in secrets if any(secret in each for each in pile)}


class Ends:
    """Two ends of one handshake, and what both know from before."""

    def __init__(self, suite: int) -> None:
        self.identity, self.device = IdentityKey.generate(), DeviceKey.generate()
        self.psk = PreSharedKey.generate()
        gate = Gate(gate_key(DiscoverySecret.generate()), self.identity)
        self.psk_copy = bytes(self.psk)
        own = PreSharedKey(self.psk_copy)
        parts = (self.identity.public, gate.gate_key, ID, own, self.device.public, self.device.sign)
        self.client = ClientHandshake(*parts, suites=(suite,))
        hello = self.client.hello()
        assert find_gate(hello, [gate]) is gate
        self.server = ServerHandshake(gate, "cc-test", pq_required=False)
        self.answer = self.server.receive_hello(hello, 0)

    def authenticate(self) -> None:
        self.server.receive_client_auth(self.client.receive_server_hello(self.answer, 0))
        self.server.verify(PreSharedKey(self.psk_copy), self.device.public)

    def finish(self) -> tuple[Session, Session]:
        frame, server = self.server.finish({}, random_bytes(16), 0)
        return self.client.receive_finished(frame), server


@pytest.fixture(params=[SUITE_X25519, SUITE_X25519_MLKEM768], ids=["suite 1", "suite 2"])
def ends(request, made) -> Iterator[Ends]:
    """A handshake whose H2 was sent."""
    ends = Ends(request.param)
    # The gate key and what it came from live longer than any session.
    made.clear()
    yield ends


def kept_by(session: Session) -> set[bytes]:
    """What a session needs of an epoch's secrets beside the frame keys, which stand in OpenSSL's memory."""
    return {session._exporter, session._next_key_seed}


def test_the_walk_finds_what_is_there(ends, made):
    """A test that looks for nothing finds nothing: before H3 the client holds its ephemeral secret and the PSK."""
    pile = reachable(ends.client)
    assert bytes(ends.client._hello_sent.exchange) in pile and ends.psk_copy in pile
    ends.authenticate()
    assert len(held(made, ends.client)) >= 5 and len(held(made, ends.server)) >= 5


def test_after_h3_a_client_holds_neither_ephemeral_secrets_nor_the_psk(ends, made):
    """Nor HS, MS, IKM or the handshake's keys: only the first epoch's, for AUTH_OK."""
    ephemeral = bytes(ends.client._hello_sent.exchange)
    ends.authenticate()

    assert held(made, ends.client) <= set(_values(ends.client._auth_sent.epoch_keys))
    assert held(made, ends.server) <= set(_values(ends.server._verified.epoch_keys))
    for machine in (ends.client, ends.server):
        pile = reachable(machine)
        assert ends.psk_copy not in pile and ephemeral not in pile


def test_once_there_is_a_session_a_handshake_holds_nothing_of_its_own(ends, made):
    """What can be reached is what the session needs: exporter and seed; the frame keys are OpenSSL's."""
    ends.authenticate()
    client, server = ends.finish()

    for machine, session in ((ends.client, client), (ends.server, server)):
        assert held(made, machine, session) == kept_by(session)


def test_a_rekey_leaves_nothing_of_the_former_epoch(ends, made):
    """Neither its seed and exporter nor the rekey's ephemeral secrets, at either end, over several rekeys."""
    ends.authenticate()
    client, server = ends.finish()
    machines = (
        ClientRekey(client, ends.identity.public, ends.device.sign, 0.0),
        ServerRekey(server, ends.device.public, ends.identity.sign, 0.0),
    )
    former: set[bytes] = set()
    for turn in range(1, 4):
        former |= kept_by(client) | kept_by(server)
        carry(*machines, client, server, turn * 60.0)
        assert client.epoch == server.epoch == turn
        for machine, session in zip(machines, (client, server), strict=True):
            now = held(made, machine, session)
            assert now == kept_by(session) and not now & former


def test_while_a_rekey_is_under_way_the_former_seed_is_gone(ends, made):
    """From RESP on at the server: the new epoch's keys wait for DONE, and nothing leads back."""
    ends.authenticate()
    client, server = ends.finish()
    seed = server._next_key_seed
    begin = ClientRekey(client, ends.identity.public, ends.device.sign, 0.0)
    answer = ServerRekey(server, ends.device.public, ends.identity.sign, 0.0)
    answer.receive(begin.init(60.0), 60.0)

    assert held(made, answer, server) == set(_values(server._next)) | {server._exporter}
    assert seed not in reachable(answer, server)


def test_a_session_that_ended_holds_no_key_at_all(ends, made):
    """Nor does the handshake that made it, nor the machine of its rekeys; nothing is sealed or opened any more."""
    ends.authenticate()
    client, server = ends.finish()
    machine = ClientRekey(client, ends.identity.public, ends.device.sign, 0.0)
    frame = server.seal(MessageType.PING, b"", random_bytes(16), 0)
    for session in (client, server):
        session.end()
        session.end()

    assert held(made, ends.client, ends.server, client, server, machine) == set()
    assert client._sending is client._receiving is server._sending is server._receiving is None
    for fails in (
        lambda: client.seal(MessageType.PING, b"", random_bytes(16), 0),
        lambda: client.open(frame),
        lambda: client.exporter,
        lambda: ends.client.exporter,
    ):
        with pytest.raises(UsageError, match="ended"):
            fails()


def test_a_session_that_ends_in_the_middle_of_a_rekey_holds_no_key(ends, made):
    """The next epoch's keys go, too."""
    ends.authenticate()
    client, server = ends.finish()
    begin = ClientRekey(client, ends.identity.public, ends.device.sign, 0.0)
    answer = ServerRekey(server, ends.device.public, ends.identity.sign, 0.0)
    answer.receive(begin.init(60.0), 60.0)
    server.end()

    assert held(made, server) == set()


@pytest.mark.parametrize("late", ["INIT", "RESP"])
def test_a_rekey_that_comes_after_the_end_makes_no_keys(ends, made, late):
    """Its frame was opened a moment before: nobody goes on from a seed that is gone, or opens a frame again."""
    ends.authenticate()
    client, server = ends.finish()
    begin = ClientRekey(client, ends.identity.public, ends.device.sign, 0.0)
    answer = ServerRekey(server, ends.device.public, ends.identity.sign, 0.0)
    message = begin.init(60.0) if late == "INIT" else answer.receive(begin.init(60.0), 60.0)
    machine, session = (answer, server) if late == "INIT" else (begin, client)
    session.end()

    with pytest.raises(UsageError, match="ended"):
        machine.receive(message, 61.0)
    with pytest.raises(UsageError):
        session.switch_receiving()
    assert held(made, session) == set()
    assert session._receiving is session._sending is session._next is None


def carry(begin: ClientRekey, answer: ServerRekey, client: Session, server: Session, now: float) -> None:
    """A whole rekey, over real frames."""
    init = client.seal(MessageType.KEY_ROTATION, begin.init(now), random_bytes(16), 0)
    resp = server.seal(MessageType.KEY_ROTATION, answer.receive(server.open(init).payload, now), random_bytes(16), 0)
    done = client.seal(MessageType.KEY_ROTATION, begin.receive(client.open(resp).payload, now), random_bytes(16), 0)
    assert answer.receive(server.open(done).payload, now) is None
