"""The machines of the protocol against scripts: whatever they say, each step gives a value or a named refusal."""

import base64
import json
import pkgutil
import re
from importlib import import_module

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clawchat import protocol
from clawchat.protocol import frame, primitives, server_handshake
from clawchat.protocol.errors import CODES
from clawchat.protocol.keys import IdentityPublic
from clawchat.protocol.rekey import ServerRekey
from clawchat.protocol.server_handshake import ServerHandshake
from clawchat.protocol.session import Session
from tests.protocol.fuzz import MACHINE_CORPUS, MAX_ALL, MAX_SCRIPT_BYTES
from tests.protocol.machines import MACHINES, play
from tests.protocol.machines_script import Script
from tests.protocol.machines_seeds import script, seeds
from tests.protocol.test_properties import spoiled

CORPUS = json.loads(MACHINE_CORPUS.read_text())
# How a step may end; before it stands what was called, or whose frame came, and of what type.
REFUSALS = {"usage", "stranger", "overdue"} | {kind.code for kind in CODES.values()}
WORD = re.compile(rf"[A-Za-z0-9_]+(:[A-Z_]+|:{'|:'.join(REFUSALS)})?")


def words(name: str, data: bytes) -> set[str]:
    """What the steps came to; each is one that has a name."""
    told = play(name, data).split()
    assert all(WORD.fullmatch(word) for word in told), told
    return set(told)


def test_every_machine_of_the_protocol_is_played_with():
    """A class that receives from the other end, and was added, goes into a world, too."""
    modules = [import_module(f"clawchat.protocol.{each.name}") for each in pkgutil.iter_modules(protocol.__path__)]
    classes = {each for module in modules for each in vars(module).values() if isinstance(each, type)}
    receiving = {each for each in classes if any(name.startswith("receive") for name in vars(each))}

    worlds = {name: make(Script(b"")) for name, make in MACHINES.items()}
    handshakes = {type(end) for name in MACHINES.keys() - {"session"} for end in vars(worlds[name]).values()}
    rekeys = {type(end.rekey) for end in worlds["session"].ends}
    assert {type(end.session) for end in worlds["session"].ends} == {Session}
    assert receiving - {Session} <= handshakes | rekeys
    assert len(receiving) >= 4


def test_every_machine_has_scripts_that_come_far():
    """Through all of it, and to each of its refusals; otherwise a fuzzer would stand before a closed door."""
    told = {name: set().union(*(words(name, each) for each in seeds()[name])) for name in MACHINES}

    server, client, session = told["server handshake"], told["client handshake"], told["session"]
    assert {"H1", "H2", "H3", "verify", "finish", "AUTH_OK"} <= server & client
    assert server >= {"H1:stranger", "H1:malformed", "H1:usage", "H3:unauthentic", "H3:malformed", "verify:unauthentic"}
    assert client >= {"H2:unauthentic", "H2:malformed", "H2:unsupported_version", "H2:usage", "AUTH_OK:usage"}
    assert client >= {"AUTH_OK:unauthentic", "AUTH_OK:malformed", "AUTH_OK:out_of_order"}
    for end in ("client", "server"):
        codes = {"CHAT", "KEY_ROTATION", "usage", "out_of_order", "unauthentic", "malformed"}
        assert session >= {f"{end}:{code}" for code in codes}
    assert session >= {"INIT", "INIT:usage", "server:unsupported_version", "server:rekey_overdue", "client:overdue"}


@pytest.mark.parametrize("name", MACHINES)
@settings(max_examples=60)
@given(data=st.data())
def test_spoiled_scripts(name, data):
    """What came far, a little otherwise."""
    words(name, data.draw(spoiled(data.draw(st.sampled_from(seeds()[name])))))


@pytest.mark.parametrize("name", MACHINES)
@settings(max_examples=40)
@given(data=st.binary(max_size=200))
def test_any_scripts(name, data):
    """Whatever there is."""
    words(name, data)


ENDS = st.sampled_from(["00", "01"])
FAIR = st.one_of(
    ENDS.map(lambda end: f"chat {end} 00 0007"),
    ENDS.map(lambda end: f"deliver {end}"),
    ENDS.map(lambda end: f"release {end}"),
    ENDS.map(lambda end: f"watch {end}"),
    st.integers(0, 40).map(lambda seconds: f"pass_time {seconds:02x}"),
    st.sampled_from(["begin", "request", "carry_all"]),
)


@settings(max_examples=100)
@given(st.integers(0, 1), st.integers(0, 2), st.lists(FAIR, max_size=60))
def test_without_mallory_nothing_is_refused(suite, limits, steps):
    """However slow the line and whatever the order: all arrives and both ends have the same keys, or worn ones."""
    told = words("session", script("session", (suite, limits), *steps))

    allowed = {"CHAT", "KEY_ROTATION", "AUTH_OK", "rekey_overdue", "overdue", "usage"}
    assert {word.partition(":")[2] for word in told if not word.startswith("INIT")} <= allowed
    assert limits or not any("overdue" in word for word in told) or "pass_time" in "".join(steps)


@pytest.mark.parametrize("name", MACHINES)
def test_a_script_is_the_same_every_time(name):
    """Nothing is left to chance, to the last byte that went over the wire: what a fuzzer finds is found again."""
    for each in seeds()[name]:
        first, second = (MACHINES[name](Script(each)) for _ in range(2))
        assert first.play() == second.play()
        assert [first.seen, first.hand] == [second.seen, second.hand]


@pytest.mark.parametrize("name", CORPUS)
def test_what_a_fuzzer_found(name):
    """The corpus of the coverage-guided fuzzer: each script comes to what it came to."""
    assert {each: play(name, base64.b64decode(each)) for each in CORPUS[name]} == CORPUS[name]


def test_corpus_has_every_machine_and_is_small():
    """A machine that was added has its corpus; what is kept is capped."""
    assert list(CORPUS) == list(MACHINES)
    for each in CORPUS.values():
        scripts = [base64.b64decode(data) for data in each]
        assert len(set(each.values())) == len(scripts) > 20
        assert max(map(len, scripts)) <= MAX_SCRIPT_BYTES
        assert sum(map(len, scripts)) <= MAX_ALL


# The harness is not blind: machines that are wrong in one place


def forgets_the_end(patch):
    """A session that ended and makes keys all the same."""
    prepare = Session.prepare_epoch

    def prepared(session, *given):
        session._receiving = session._receiving or "somehow"
        return prepare(session, *given)

    patch.setattr(Session, "prepare_epoch", prepared)


def believes_any_server(patch):
    """A client that looks at no signature."""
    patch.setattr(IdentityPublic, "verify", lambda *_: None)


def believes_any_device(patch):
    """A server that compares no binder."""
    patch.setattr(server_handshake, "constant_time_equal", lambda *_: True)


def takes_frames_in_any_order(patch):
    """A session that opens by the frame's own number."""
    patch.setattr(frame, "constant_time_equal", lambda *_: True)
    patch.setattr(frame.FrameKeys, "open", lambda keys, counter, data: opened_anyhow(keys, data))


def opened_anyhow(keys: frame.FrameKeys, data: bytes) -> bytes:
    """The plaintext, whatever its counter is."""
    counter = int.from_bytes(data[26:38]) ^ keys._iv
    clear = keys._prefix + counter.to_bytes(8) + data[:38]
    return primitives.aead_open(keys._key, data[26:38], data[38:], clear)


def repeats_a_nonce(patch):
    """A session that forgets what it has sent when it seals a message."""
    seal = Session.seal

    def sealed(session, kind, *rest):
        made = seal(session, kind, *rest)
        session.sent_frames -= kind is frame.MessageType.CHAT
        return made

    patch.setattr(Session, "seal", sealed)


def leaves_a_mark(patch):
    """A server that remembers who was refused."""
    receive = ServerHandshake.receive_client_auth

    def received(server, record):
        server.__dict__.setdefault("refused", []).append(record)
        return receive(server, record)

    patch.setattr(ServerHandshake, "receive_client_auth", received)


def takes_any_done(patch):
    """A server that goes over to new keys though the client has others."""
    patch.setattr(ServerRekey, "_take_done", lambda rekey, done, finished: rekey._session.switch_receiving())


FAULTS = [
    ("session", forgets_the_end),
    ("client handshake", believes_any_server),
    ("server handshake", believes_any_device),
    ("session", takes_frames_in_any_order),
    ("session", repeats_a_nonce),
    ("server handshake", leaves_a_mark),
    ("session", takes_any_done),
]


@pytest.mark.parametrize(("name", "fault"), FAULTS, ids=[fault.__name__ for _, fault in FAULTS])
def test_harness_notices(name, fault, monkeypatch):
    """The scripts that come far would find each of these."""
    with monkeypatch.context() as patch:
        fault(patch)
        with pytest.raises(AssertionError):
            for each in seeds()[name]:
                play(name, each)
