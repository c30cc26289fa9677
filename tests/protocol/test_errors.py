"""Errors: one code each, the numbers of the wire, and texts that tell nothing secret."""

import pytest

from clawchat.protocol import errors
from clawchat.protocol.errors import (
    CODES,
    ClawChatError,
    Internal,
    Limit,
    Malformed,
    PeerError,
    UsageError,
    close_code,
    error_for,
)

WIRE = [
    *("malformed", "unsupported_version", "unauthentic", "out_of_order", "unknown_type", "too_large", "too_fast"),
    *("rekey_overdue", "rediscover", "revoked", "limit", "not_member", "stale_epoch", "unavailable", "expired"),
    "internal",
]
FILE_ONLY = {"not_yet_valid", "replayed", "forked", "unknown_peer"}
# Floors above have kinds of their own, which the protocol does not know.
KINDS = [kind for kind in PeerError.__subclasses__() if kind.__module__ == errors.__name__]


def test_numbers_are_those_of_the_document():
    """Codes 1 to 16 stand in the order of 3.11."""
    assert [CODES[number].code for number in range(1, 17)] == WIRE
    assert len(CODES) == 16


def test_file_codes_have_no_number():
    """Codes that only judge files never go over the wire."""
    kinds = {kind.code: kind.number for kind in KINDS}

    assert {code for code, number in kinds.items() if number is None} == FILE_ONLY
    assert kinds.keys() == set(WIRE) | FILE_ONLY


def test_class_names_are_the_codes():
    """A class is its code in capitals, so neither needs a table."""
    for kind in KINDS:
        assert getattr(errors, "".join(part.title() for part in kind.code.split("_"))) is kind


def test_error_for_gives_the_class_of_its_number():
    """A peer's number comes back as its class, with text and details."""
    error = error_for(11, "60 try later", {"seconds": 60})

    assert (type(error), error.text, str(error), error.details) == (
        Limit,
        "60 try later",
        "60 try later",
        {"seconds": 60},
    )


@pytest.mark.parametrize("number", [0, 17, 999, 65_535])
def test_error_for_takes_numbers_of_the_future(number):
    """A number from a later version is an error all the same."""
    assert isinstance(error_for(number, "?"), Internal)


def test_close_code_is_4400_and_the_number():
    """WebSocket close codes are 4401 to 4416."""
    assert (close_code(1), close_code(16)) == (4401, 4416)


def test_usage_is_no_peer_error():
    """Our own mistake is never counted against a peer."""
    assert not issubclass(UsageError, PeerError)
    assert issubclass(UsageError, ClawChatError)
    assert UsageError().code == "usage"


def test_error_without_text_shows_its_code():
    """An error always says something, and has details of its own."""
    assert str(Malformed()) == "malformed"
    Malformed().details["x"] = 1
    assert Malformed().details == {}
