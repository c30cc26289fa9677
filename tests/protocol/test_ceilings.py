"""How much memory the worst input of each parser takes: a stated multiple of its size, and nothing before its limit.

What Python allocates is measured (tracemalloc), the input itself not counted, reading and writing anew together. The
libraries in C that see these bytes are named in docs/attacks.md; they allocate their objects through Python or are
given fixed sizes alone.
"""

import tracemalloc
from dataclasses import dataclass

import pytest

from clawchat.protocol.bodies import FileChunk, PresenceBody, parse_exchange, parse_ping
from clawchat.protocol.connection_file import SealedConnectionFile
from clawchat.protocol.encoding import parse_json, u16, u32, v16
from clawchat.protocol.errors import PeerError
from clawchat.protocol.frame import open_frame
from clawchat.protocol.gate import find_gate
from clawchat.protocol.handshake import ServerHandshake
from clawchat.protocol.handshake_messages import ClientHello, ServerHello, parse_record
from clawchat.protocol.invite import SCHEME, Invite
from clawchat.protocol.limits import (
    CONNECTION_FILE_MAX_BYTES,
    DEFAULT_MAX_FRAME_BYTES,
    FRAME_CEILING_BYTES,
    H1_MAX_BYTES,
    H2_MAX_BYTES,
    H3_MAX_BYTES,
    INVITE_TEXT_MAX_BYTES,
    PING_MAX_BYTES,
    REQUEST_MAX_BYTES,
    REQUEST_MAX_ITEMS,
    SIGNAL_MAX_BYTES,
    SUCCESSION_BYTES,
)
from clawchat.protocol.places import PLACE_MAX_CHARACTERS, parse_place
from clawchat.protocol.revocation_list import SealedRevocationList
from clawchat.protocol.succession import SuccessorStatement
from clawchat.protocol.wraps import MAX_WRAPS, WRAP_BYTES, check_wraps
from tests.protocol.pairs import NOW_MS, pair
from tests.protocol.parser_seeds import seeds
from tests.protocol.parsers import FRAME_KEYS, GATE, PARSERS, named

# What any call may take beside its multiple: frames of the interpreter, an error and its text, tables made once; where
# CBOR is read also the 64 KiB in which its library reads a string whose length lies.
ROOM, CBOR_ROOM = 16_384, 80_000
# What is linear is measured at this size, so that the worst of all takes less than a second.
SAMPLE = 16_384
MLS_MESSAGE_MAX_BYTES = 131_072


@dataclass(frozen=True)
class Ceiling:
    """A parser's largest input, and how many times its size it may take."""

    max_bytes: int
    multiple: float
    room: int = ROOM


CEILINGS = {
    "gate": Ceiling(4 + H1_MAX_BYTES, 4),
    "H1": Ceiling(4 + H1_MAX_BYTES, 40),
    "H2": Ceiling(4 + H2_MAX_BYTES, 6),
    "H3": Ceiling(4 + H3_MAX_BYTES, 6),
    "server proof": Ceiling(H2_MAX_BYTES, 6),
    "client proof": Ceiling(H3_MAX_BYTES, 6),
    "server parameters": Ceiling(H2_MAX_BYTES, 40),
    "client name": Ceiling(H3_MAX_BYTES, 40),
    "frame": Ceiling(DEFAULT_MAX_FRAME_BYTES, 5),
    "sealed frame": Ceiling(DEFAULT_MAX_FRAME_BYTES, 10),
    "frame header": Ceiling(DEFAULT_MAX_FRAME_BYTES, 1),
    "padding": Ceiling(FRAME_CEILING_BYTES, 3),
    "rekey": Ceiling(FRAME_CEILING_BYTES, 6),
    "rekey suite 1": Ceiling(FRAME_CEILING_BYTES, 6),
    "chat send": Ceiling(FRAME_CEILING_BYTES, 4),
    "chat delivery": Ceiling(FRAME_CEILING_BYTES, 4),
    "file chunk": Ceiling(FRAME_CEILING_BYTES, 4),
    "signal": Ceiling(FRAME_CEILING_BYTES, 4),
    "presence": Ceiling(FRAME_CEILING_BYTES, 4),
    "error": Ceiling(FRAME_CEILING_BYTES, 8),
    "close notify": Ceiling(FRAME_CEILING_BYTES, 8),
    "ack": Ceiling(FRAME_CEILING_BYTES, 4),
    "ping": Ceiling(PING_MAX_BYTES, 1),
    # A byte of it may be an empty list: an object of 56 bytes in a place of 8, and then as much of text as it had.
    "exchange": Ceiling(FRAME_CEILING_BYTES, 100, CBOR_ROOM),
    "request": Ceiling(REQUEST_MAX_BYTES, 4, CBOR_ROOM),
    "notice": Ceiling(FRAME_CEILING_BYTES, 100, CBOR_ROOM),
    "answer": Ceiling(FRAME_CEILING_BYTES, 100, CBOR_ROOM),
    "invite": Ceiling(INVITE_TEXT_MAX_BYTES, 60),
    "invite body": Ceiling(INVITE_TEXT_MAX_BYTES, 60),
    "connection file": Ceiling(CONNECTION_FILE_MAX_BYTES, 40),
    "connection info": Ceiling(CONNECTION_FILE_MAX_BYTES, 40),
    "sealed revocations": Ceiling(CONNECTION_FILE_MAX_BYTES, 40),
    "revocations": Ceiling(CONNECTION_FILE_MAX_BYTES, 40),
    "wraps": Ceiling(MAX_WRAPS * WRAP_BYTES, 12),
    "place": Ceiling(PLACE_MAX_CHARACTERS, 8),
    "succession": Ceiling(SUCCESSION_BYTES, 20),
    "identity": Ceiling(FRAME_CEILING_BYTES, 2),
    "root blob": Ceiling(FRAME_CEILING_BYTES, 2),
    "pin": Ceiling(FRAME_CEILING_BYTES, 2),
    "payload": Ceiling(MLS_MESSAGE_MAX_BYTES, 100, CBOR_ROOM),
    "attachments": Ceiling(MLS_MESSAGE_MAX_BYTES, 100, CBOR_ROOM),
    "message header": Ceiling(MLS_MESSAGE_MAX_BYTES, 60),
    "external commit": Ceiling(MLS_MESSAGE_MAX_BYTES, 60),
    "authenticated data": Ceiling(FRAME_CEILING_BYTES, 2),
    "tlvs": Ceiling(FRAME_CEILING_BYTES, 60),
    "cbor": Ceiling(FRAME_CEILING_BYTES, 100, CBOR_ROOM),
    "json": Ceiling(CONNECTION_FILE_MAX_BYTES, 60),
    "text": Ceiling(FRAME_CEILING_BYTES, 8),
    "base64": Ceiling(FRAME_CEILING_BYTES, 8),
    "base64url": Ceiling(FRAME_CEILING_BYTES, 8),
}


def taken(work):
    """What it took at most while it ran, in bytes, and what came of it: `ok`, or a code."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        try:
            work()
            outcome = "ok"
        except PeerError as error:
            outcome = error.code
        return tracemalloc.get_traced_memory()[1] - before, outcome
    finally:
        tracemalloc.stop()


def repeated(piece, size):
    """As many of it as fit."""
    return piece * (size // len(piece))


def tlvs(size):
    """The most values in so many bytes."""
    return b"".join(u16(kind) + u16(0) for kind in range(min(size // 4, 65_536)))


def cbor(size):
    """What costs a reader most: small things in great number, nested ones, and counts that lie."""
    for item in (b"\x80", b"\xa0", b"\x81\x80", b"\0", b"\x60", b"\x82\0\0", b"\x61a"):
        count = (size - 16) // len(item)
        yield b"\xa1\x61a\x9a" + u32(count) + item * count
    for lie in (b"\x9b\x7f" + b"\xff" * 7, b"\x9a\xff\xff\xff\xff", b"\xba\xff\xff\xff\xff", b"\x5a\x7f\xff\xff\xff"):
        yield b"\xa1\x61a" + lie
        yield b"\xa1\x61a" + lie + bytes(size - 16)
    yield repeated(b"\x81", size)
    yield repeated(b"\xa1\x61a", size)
    yield b"\xbf" * size


def json_texts(size):
    """The same in JSON, and keys and numbers of any length."""
    for item in (b"[]", b"{}", b'""', b"1.5", b"[0]", b'{"a":0}', b"1000"):
        yield b"[" + b",".join([item] * (size // (len(item) + 1) - 1)) + b"]"
    yield b"{" + b",".join(b'"%05x":0' % number for number in range(size // 11)) + b"}"
    yield b'{"a":"' + repeated(rb"\ud83d\ude00", size - 10) + b'"}'
    yield repeated(b"[", size)
    yield repeated(b'{"a":', size)
    yield repeated(b"9", size)
    yield b"1." + repeated(b"9", size - 2)


def listing(head, entry, tail, size):
    """A JSON text with as many entries as fit."""
    return head + b",".join([entry] * ((size - len(head) - len(tail)) // (len(entry) + 1))) + tail


def vector(data):
    """RFC 9420's vector with its longest form."""
    return u32(2 << 30 | len(data)) + data


def commits(size):
    """External commits with the most proposals, extensions and nodes."""
    (right, *_) = seeds()["external commit"]
    yield right + bytes(size - len(right))
    head = u16(1) + u16(1) + b"\x10" + bytes(16) + bytes(8) + b"\4\0\3"
    yield head + vector(repeated(b"\1\0\6\0", size - 40))
    leaf = b"\0\0\0\1\0" + b"\0" * 5 + b"\3\0"
    yield head + b"\4\1\0\6\0\1" + leaf + vector(repeated(b"\0\1\0", size - 60)) + b"\0\0\0\0"
    yield head + b"\4\1\0\6\0\1" + leaf + b"\0\0" + vector(repeated(b"\0\0", size - 60)) + b"\0\0"


def exchanges(size):
    """The same maps, as answers."""
    return [b"\1\0\0\0\1" + data for data in cbor(size - 5)]


def worst(name, size):
    """What is built to cost most; and for every parser its right inputs, made as long as they may be."""
    mlkem = b"\xff" * 1184
    clear = bytes(36) + b"\1\0\2" + bytes(32) + v16(mlkem)
    made = {
        "H1": lambda: [b"\x48\1" + v16(clear + v16(tlvs(H1_MAX_BYTES - len(clear) - 18)) + bytes(16))],
        "server parameters": lambda: [tlvs(size)],
        "client name": lambda: [tlvs(size)],
        "tlvs": lambda: [tlvs(size)],
        "cbor": lambda: list(cbor(size)),
        "exchange": lambda: exchanges(size),
        "notice": lambda: exchanges(size),
        "answer": lambda: [named("room.read") + data for data in exchanges(size - 10)],
        "payload": lambda: list(cbor(size)),
        "request": lambda: [b"\0" + data[1:] for data in exchanges(size)],
        "json": lambda: list(json_texts(size)),
        "connection file": lambda: [
            b'{"algorithm":"aes-256-gcm","v":2,"x":' + each + b"}" for each in json_texts(size - 60)
        ],
        "sealed revocations": lambda: list(json_texts(size)),
        "connection info": lambda: [
            b'{"version":"1.0","x":' + next(json_texts(size - 40)) + b"}",
            listing(b'{"version":"1.0","serial":1,"server_id":"","endpoints":[', b"{}", b"]}", size),
            listing(b'{"version":"1.0","urls":[', b'""', b"]}", size),
        ],
        "revocations": lambda: [
            listing(b'{"serial":1,"issued":1,"entries":[', b"{}", b"]}", size),
            listing(b'{"entries":[', b'{"kind":"device","id":"' + b"0" * 32 + b'","since":1,"reason":""}', b"]}", size),
        ],
        "invite body": lambda: [
            b"\2" + bytes(32 + 16 + 32 + 4) + v16(repeated(b"https://\n", size // 2)[:-1]) + v16(tlvs(size // 2)),
            b"\2" + bytes(32 + 16 + 32 + 4) + v16(b"") + v16(repeated(bytes(4), size - 90)),
        ],
        "message header": lambda: list(commits(size)),
        "external commit": lambda: list(commits(size)),
        "place": lambda: [b"https://[" + repeated(b"::", size - 9), b"https://a/" + repeated(b"%", size - 10)],
        "error": lambda: [u16(1) + v16(repeated("é".encode(), size - 20))],
    }
    longest = [right + bytes(max(0, size - len(right))) for right in seeds()[name] if len(right) <= size]
    return [*made.get(name, list)(), *longest, bytes(size), b"\xff" * size]


def test_every_parser_has_a_ceiling():
    """A parser that was added states its own."""
    assert CEILINGS.keys() == PARSERS.keys()


@pytest.mark.parametrize("name", CEILINGS)
def test_worst_input_stays_under_the_ceiling(name):
    """Whatever fills the limit, read to its end or refused: no more than the multiple of its size."""
    ceiling = CEILINGS[name]
    size = min(ceiling.max_bytes, SAMPLE)
    for data in worst(name, size):
        peak, outcome = taken(lambda: PARSERS[name](data))
        assert peak <= ceiling.multiple * len(data) + ceiling.room, (outcome, data[:60], peak / len(data))


def test_ceilings_are_not_out_of_sight():
    """The dearest inputs really come near what is stated: a measurement that saw nothing would pass everything."""
    for name, least in (("exchange", 60), ("json", 20), ("tlvs", 15)):
        (dearest, *_) = worst(name, SAMPLE)
        assert taken(lambda: PARSERS[name](dearest))[0] > least * len(dearest), name


# Above the limit: refused before memory is taken

SMALL = 8192
BIG = bytes(300_000)
LONG = SCHEME + "A" * 300_000
MANY = b"\0\0\0\0\1\xa1\x61a\x9a" + u32(200_000) + b"\x80" * 200_000
OVER = {
    "H1": (ClientHello.parse, b"\x48\1" + u16(65_535) + BIG, "too_large"),
    "H2": (ServerHello.parse, b"\x48\2" + u16(65_535) + BIG, "too_large"),
    "H3": (lambda record: parse_record(3, record), b"\x48\3" + u16(65_535) + BIG, "too_large"),
    "frame": (lambda data: open_frame(FRAME_KEYS, 0, data, DEFAULT_MAX_FRAME_BYTES), BIG, "too_large"),
    "ping": (parse_ping, BIG, "too_large"),
    "json": (lambda data: parse_json(data, CONNECTION_FILE_MAX_BYTES), BIG, "too_large"),
    "connection file": (SealedConnectionFile.parse, BIG, "too_large"),
    "revocation list": (SealedRevocationList.parse, BIG, "too_large"),
    "invite": (Invite.parse, LONG, "too_large"),
    "place": (parse_place, LONG, "ok"),
    "succession": (SuccessorStatement.parse, BIG, "malformed"),
    "wraps": (check_wraps, repeated(bytes(WRAP_BYTES * 16), 300_000), "malformed"),
}


@pytest.mark.parametrize("name", OVER)
def test_above_the_limit_nothing_is_taken(name):
    """The size is looked at first."""
    parse, data, expected = OVER[name]
    peak, outcome = taken(lambda: parse(data))

    assert outcome == expected
    assert peak < SMALL


def test_of_a_request_with_too_many_values_none_is_made():
    """They are counted as they stand; what is taken are copies of the bytes."""
    peak, outcome = taken(lambda: parse_exchange(MANY, REQUEST_MAX_ITEMS))
    assert (outcome, peak < 3 * len(MANY)) == ("malformed", True)


def test_gate_takes_one_copy_of_a_hello_at_most():
    """However long it is; the door stops what is longer than a hello before."""
    peak, _ = taken(lambda: find_gate(BIG, [GATE]))
    assert peak < len(BIG) + SMALL


def test_bodies_of_fixed_sizes_take_one_copy_at_most():
    """A chunk and a signal that are too long, in the largest frame there is."""
    for parse in (FileChunk.parse, PresenceBody.parse):
        data = bytes(FRAME_CEILING_BYTES)
        peak, outcome = taken(lambda: parse(data))
        assert (outcome, peak <= len(data) + SMALL) == ("malformed", True)
    assert SIGNAL_MAX_BYTES < SMALL


def test_a_stranger_past_the_gate_holds_less_than_64_kib():
    """From H1 to H3 the largest hello leaves the server with its records and keys, and nothing that grows."""
    both = pair(suites=(2,))
    hello = both.client.hello()
    server = ServerHandshake(both.gate, "cc-server")
    server.receive_hello(hello, NOW_MS)
    kept = []

    def answer():
        machine = ServerHandshake(both.gate, "cc-server")
        kept.append((machine, machine.receive_hello(hello, NOW_MS)))

    peak, outcome = taken(answer)
    assert outcome == "ok"
    assert peak < 65_536
