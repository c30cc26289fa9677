"""Bodies: every payload has one spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawchat.protocol.bodies import (
    Ack,
    ChatDelivery,
    ChatSend,
    CloseNotify,
    ErrorBody,
    Failure,
    Request,
    Response,
    parse_exchange,
)
from clawchat.protocol.encoding import encode_cbor
from clawchat.protocol.errors import Malformed, PeerError, UsageError

IDS = st.binary(min_size=16, max_size=16)
NUMBERS = st.integers(0, 2**53 - 1)
CODES = st.integers(0, 65_535)
SOME = st.binary(min_size=1, max_size=50)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"), max_size=30)
MAPS = st.dictionaries(TEXTS, NUMBERS | st.binary(max_size=20) | TEXTS | st.booleans(), max_size=4)
REQUEST_IDS = st.integers(0, 2**32 - 1)
FAILURES = MAPS.map(lambda more: {**more, "code": 1, "text": "no"})

PARSERS = [ChatSend.parse, ChatDelivery.parse, ErrorBody.parse, CloseNotify.parse, Ack.parse, parse_exchange]


@pytest.mark.parametrize(
    ("bodies", "parse"),
    [
        (st.builds(ChatSend, IDS, SOME), ChatSend.parse),
        (st.builds(ChatDelivery, IDS, NUMBERS, NUMBERS, IDS, SOME), ChatDelivery.parse),
        (st.builds(ErrorBody, CODES, TEXTS, st.none() | IDS), ErrorBody.parse),
        (st.builds(CloseNotify, CODES, TEXTS), CloseNotify.parse),
        (st.builds(Ack, IDS, IDS, NUMBERS), Ack.parse),
        (st.builds(Request, REQUEST_IDS, MAPS), parse_exchange),
        (st.builds(Response, REQUEST_IDS, MAPS), parse_exchange),
        (st.builds(Failure, REQUEST_IDS, FAILURES), parse_exchange),
    ],
    ids=["chat_send", "chat_delivery", "error", "close_notify", "ack", "request", "response", "failure"],
)
def test_body_round_trip(bodies, parse):
    """Every body comes back as itself."""

    @given(bodies)
    def check(body):
        assert parse(body.encode()) == body

    check()


@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__qualname__)
def test_any_bytes_are_a_body_of_one_spelling_or_malformed(parse):
    """Whatever is accepted would be written just so."""

    @given(st.binary(max_size=100))
    def check(data):
        try:
            assert parse(data).encode() == data
        except PeerError as error:
            assert error.code == "malformed"

    check()


@pytest.mark.parametrize(
    ("body", "parse"),
    [
        (ChatDelivery(bytes(16), 1, 2, bytes(16), b"m"), ChatDelivery.parse),
        (CloseNotify(9, "moved"), CloseNotify.parse),
        (Ack(bytes(16), bytes(16), 7), Ack.parse),
        (Request(1, {"op": "directory"}), parse_exchange),
        (Failure(1, {"code": 1, "text": "no"}), parse_exchange),
    ],
    ids=["chat_delivery", "close_notify", "ack", "request", "failure"],
)
def test_truncated_body_is_refused(body, parse):
    """Cut at any byte it is malformed."""
    data = body.encode()
    for length in range(len(data)):
        with pytest.raises(Malformed):
            parse(data[:length])


@pytest.mark.parametrize("size", [1, 15, 17, 32])
def test_message_id_of_an_error_is_whole(size):
    """None, or 16 bytes."""
    with pytest.raises(Malformed):
        ErrorBody.parse(ErrorBody(1, "x").encode() + bytes(size))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"code": 1},
        {"text": "x"},
        {"code": "1", "text": "x"},
        {"code": True, "text": "x"},
        {"code": 1, "text": b"x"},
    ],
)
def test_failure_needs_code_and_text(body):
    """Whoever asked must learn why."""
    with pytest.raises(Malformed):
        parse_exchange(Failure(1, body).encode())


@pytest.mark.parametrize("kind", [3, 4, 255])
def test_unknown_exchange_is_refused(kind):
    """Requests, responses and failures are all there is."""
    with pytest.raises(Malformed):
        parse_exchange(bytes([kind]) + bytes(4) + encode_cbor({}))


@pytest.mark.parametrize(
    "body",
    [
        ChatSend(bytes(15), b"m"),
        ChatDelivery(bytes(16), 2**53, 0, bytes(16), b"m"),
        ChatDelivery(bytes(16), 1, 1, b"", b"m"),
        ErrorBody(65_536, ""),
        ErrorBody(1, "x" * 65_536),
        ErrorBody(1, "", bytes(3)),
        CloseNotify(-1),
        Ack(bytes(16), bytes(16), -1),
        Request(2**32, {}),
        Request(1, {"n": 0.5}),
    ],
    ids=repr,
)
def test_body_that_does_not_fit_is_ours_to_avoid(body):
    """What the layout cannot hold is not written."""
    with pytest.raises(UsageError):
        body.encode()
