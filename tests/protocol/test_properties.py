"""Every parser against whatever comes: any bytes give a value or a named refusal; what is taken is written just so."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clawchat.protocol.connection_info import ConnectionInfo, Endpoint
from clawchat.protocol.errors import CODES
from clawchat.protocol.invite import Invite
from clawchat.protocol.keys import DiscoverySecret, IdentityPublic, PreSharedKey
from clawchat.protocol.parameters import KeyLimits, ServerParameters
from clawchat.protocol.revocation_list import RevocationKind, RevocationList, Revoked
from clawchat.protocol.succession import SuccessorStatement
from tests.protocol.fuzz import CORPUS as CORPUS_FILE
from tests.protocol.fuzz import MAX_ALL
from tests.protocol.parser_seeds import seeds
from tests.protocol.parsers import IDENTITY, PARSERS, verdict

CORPUS = json.loads(CORPUS_FILE.read_text())
# What a parser may answer: the table's codes, and those that files have.
NAMES = {kind.code for kind in CODES.values()} | {"not_yet_valid", "replayed", "forked", "unknown_peer", "ok"}
# Bytes that other parsers have stumbled over: byte order mark, surrogate, lengths that lie, numbers at the edge.
STONES = st.sampled_from(
    [
        *(b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xff\xff", b"\0", b"\x80", b"\xbf", b"\x40\x05", b"\xbf\xff\xff\xff"),
        *(b"\x1b\0\x20\0\0\0\0\0\0", b"\xf9\x3c\0", b"\xa0", b"\xc2\x41\1", b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff"),
        *(b"\\ud800", b"1.0", b"1e400", b"-0", b"9007199254740992", b"null", b'"__proto__":1,', b"[" * 9, b"%00"),
    ]
)


@st.composite
def spoiled(draw, data):
    """The bytes with up to three changes: a byte, a piece gone, a piece twice, something that lies."""
    current = bytearray(data)
    for _ in range(draw(st.integers(1, 3))):
        place, size = draw(st.integers(0, len(current))), draw(st.integers(1, 40))
        kind = draw(st.integers(0, 3))
        if kind == 0 and place < len(current):
            current[place] ^= draw(st.integers(1, 255))
        elif kind == 1:
            del current[place : place + size]
        elif kind == 2:
            current[place:place] = current[place : place + size]
        else:
            current[place : place + draw(st.integers(0, 3))] = draw(STONES)
    return bytes(current)


def test_every_parser_has_seeds():
    """A parser without any would be fed with nothing."""
    assert seeds().keys() == PARSERS.keys()
    for name, each in seeds().items():
        assert each, name
        assert {verdict(name, data) for data in each} == {"ok"}, name


@pytest.mark.parametrize("name", PARSERS)
@settings(deadline=None, max_examples=50)
@given(data=st.data())
def test_spoiled_bytes_are_a_value_or_a_named_refusal(name, data):
    """What was right, a little wrong."""
    assert verdict(name, data.draw(spoiled(data.draw(st.sampled_from(seeds()[name]))))) in NAMES


@pytest.mark.parametrize("name", PARSERS)
@settings(deadline=None, max_examples=30)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_named_refusal(name, data):
    """Whatever there is."""
    assert verdict(name, data) in NAMES


# They take what stands before and after: a text, a row of bytes, a body with a rest, or what ignores the unknown.
OPEN_ENDED = {"text", "ping", "frame header", "padding", "client name", "chat send", "chat delivery", "file chunk"}
OPEN_ENDED |= {
    "sealed frame",
    "signal",
    "presence",
    "tlvs",
    "base64",
    "base64url",
    "json",
    "server parameters",
    "place",
    "invite",
}


@pytest.mark.parametrize("name", PARSERS.keys() - OPEN_ENDED)
def test_longer_and_shorter(name):
    """A byte more, and many cuts, of everything that is right."""
    for right in seeds()[name]:
        if name != "error":
            assert verdict(name, right + b"\0") != "ok"
        step = max(1, len(right) // 60)
        cuts = {size for size in range(1, len(right), step) if verdict(name, right[:size]) == "ok"}
        # An error may name a message, or not.
        assert cuts <= ({len(right) - 16} if name == "error" else set())


@pytest.mark.parametrize("name", CORPUS)
def test_what_a_fuzzer_found(name):
    """The corpus of the coverage-guided fuzzer: each verdict is as it was, in both languages."""
    assert {each: verdict(name, base64.b64decode(each)) for each in CORPUS[name]} == CORPUS[name]


def test_corpus_has_every_parser_and_is_small():
    """A parser that was added has its corpus; what is kept is capped."""
    assert list(CORPUS) == list(PARSERS)
    for each in CORPUS.values():
        assert "ok" in each.values()
        assert set(each.values()) != {"ok"}
        assert sum(len(base64.b64decode(data)) for data in each) <= MAX_ALL


def test_harness_notices_a_second_spelling(monkeypatch):
    """A parser that takes two spellings of one thing is a find, and so is one that raises something else."""
    monkeypatch.setitem(PARSERS, "text", lambda data: data.strip())
    with pytest.raises(AssertionError):
        verdict("text", b" a")
    monkeypatch.setitem(PARSERS, "text", lambda data: data.decode().encode())
    with pytest.raises(UnicodeDecodeError):
        verdict("text", b"\xff")


# What has more than one spelling comes back as the same value

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"), max_size=20)
NUMBERS = st.integers(0, 2**53 - 1)
SMALL = st.integers(0, 2**32 - 1)
KEYS = st.binary(min_size=32, max_size=32)
IDS = st.binary(min_size=16, max_size=16)
LIMITS = st.builds(KeyLimits, SMALL, NUMBERS, NUMBERS)
HOSTS = st.sampled_from(["chat.example", "127.0.0.1", "::1", "a-b.c"])
PATHS = IDS.map(lambda raw: "/" + base64.urlsafe_b64encode(raw).decode().rstrip("="))
LOADS = st.floats(0, 1e300)
PORTS = st.integers(1, 65_535)
ENDPOINTS = st.builds(
    Endpoint, HOSTS, PORTS, PATHS, st.booleans(), NUMBERS, NUMBERS, LOADS, TEXTS, st.booleans(), st.booleans()
)
LOCATORS = st.lists(TEXTS.map(lambda text: "https://" + text.replace("\n", "")), max_size=3).map(tuple)
EXTENSIONS = st.lists(st.tuples(st.integers(0, 9), st.binary(max_size=9)), max_size=3)


@given(st.builds(ServerParameters, st.integers(55, 1 << 20), LIMITS, LIMITS, SMALL, TEXTS))
def test_parameters_come_back(parameters):
    """H2's."""
    assert ServerParameters.parse(parameters.encode()) == parameters


SECRETS = st.none() | KEYS.map(DiscoverySecret)
PINS, PSKS = KEYS.map(IdentityPublic), KEYS.map(PreSharedKey)
IN_ORDER = EXTENSIONS.map(lambda pairs: tuple(sorted(pairs, key=lambda pair: pair[0])))


@given(st.builds(Invite, SECRETS, PINS, IDS, PSKS, SMALL, LOCATORS, IN_ORDER))
def test_invites_come_back(invite):
    """In both versions."""
    assert Invite.parse(invite.encode()) == invite


@given(NUMBERS.filter(bool), TEXTS, TEXTS, st.lists(NUMBERS, min_size=5, max_size=5), st.lists(ENDPOINTS, min_size=1))
def test_connection_files_come_back(serial, server_id, name, times, endpoints):
    """The inner JSON of a connection file."""
    begins, until = sorted(times[:2])
    info = ConnectionInfo(
        serial, server_id, name, IDENTITY.public, times[2], begins, until, *times[3:], tuple(endpoints)
    )
    assert ConnectionInfo.parse(info.encode(), IDENTITY.public) == info


@given(NUMBERS.filter(bool), NUMBERS, st.dictionaries(st.tuples(st.sampled_from(RevocationKind), IDS), NUMBERS))
def test_revocation_lists_come_back(serial, issued, since):
    """The inner JSON of a revocation list, whatever the order its entries were given in."""
    made = (
        Revoked(kind, name, at, "why", bytes(64) if kind is RevocationKind.IDENTITY else b"")
        for (kind, name), at in since.items()
    )
    entries = tuple(sorted(made, key=lambda each: (each.kind.value, each.id)))
    assert RevocationList.parse(RevocationList(serial, issued, entries).encode()).entries == entries


@given(KEYS, KEYS, st.integers(0, 2**52), st.integers(1, 7_776_000), st.binary(min_size=128, max_size=128))
def test_statements_come_back(old, new, begins, lasts, signatures):
    """A successor statement."""
    pins = (IdentityPublic(old), IdentityPublic(new))
    statement = SuccessorStatement(*pins, begins, begins + lasts, signatures[:64], signatures[64:])
    if old != new:
        assert SuccessorStatement.parse(statement.encode()) == statement
