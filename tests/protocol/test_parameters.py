"""What server and client tell each other under the seals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawchat.protocol.encoding import encode_tlvs, u32
from clawchat.protocol.errors import Malformed, PeerError, TooLarge, UsageError
from clawchat.protocol.parameters import KeyLimits, ServerParameters, encode_client_name, parse_client_name

NUMBERS = st.integers(0, 2**32 - 1)
LIMITS = st.builds(KeyLimits, NUMBERS, st.integers(0, 2**53 - 1), st.integers(0, 2**53 - 1))
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"), max_size=20)
PARAMETERS = st.builds(ServerParameters, st.integers(55, 1 << 20), LIMITS, LIMITS, NUMBERS, TEXTS)


@given(PARAMETERS)
def test_parameters_round_trip(parameters):
    """Every value comes back."""
    assert ServerParameters.parse(parameters.encode()) == parameters


def test_defaults_are_not_sent():
    """A server that asks nothing special sends nothing."""
    assert ServerParameters().encode() == b""
    assert ServerParameters.parse(b"") == ServerParameters()
    assert ServerParameters(idle_seconds=90).encode() == encode_tlvs({4: u32(90)})


def test_unknown_parameters_are_ignored():
    """Later versions may say more."""
    assert ServerParameters.parse(encode_tlvs({4: u32(90), 99: b"later"})) == ServerParameters(idle_seconds=90)


@pytest.mark.parametrize(
    "values",
    [
        {1: u32(54)},
        {1: u32((1 << 20) + 1)},
        {1: b""},
        {1: bytes(5)},
        {2: bytes(19)},
        {3: bytes(21)},
        {4: b"\0"},
        {5: b"\xff"},
    ],
)
def test_wrong_parameters_are_refused(values):
    """Sizes, ranges and text are judged."""
    with pytest.raises(Malformed):
        ServerParameters.parse(encode_tlvs(values))


@given(st.binary(max_size=60))
def test_any_bytes_are_parameters_or_refused(data):
    """Nothing else is raised."""
    for parse in (ServerParameters.parse, parse_client_name, KeyLimits.parse):
        try:
            parse(data)
        except PeerError as error:
            assert error.code == "malformed"


@given(TEXTS)
def test_client_name_round_trip(name):
    """A name comes back, and no name is nothing."""
    assert parse_client_name(encode_client_name(name)) == name
    assert encode_client_name("") == b""


def test_limits_that_do_not_fit_are_ours_to_avoid():
    """Seconds have four bytes, the others 53 bits."""
    for limits in (KeyLimits(2**32, 0, 0), KeyLimits(0, 2**53, 0), KeyLimits(0, 0, -1)):
        with pytest.raises(UsageError):
            limits.encode()


def test_client_name_has_at_most_256_bytes():
    """Not of characters."""
    assert parse_client_name(encode_client_name("é" * 128)) == "é" * 128
    with pytest.raises(TooLarge):
        parse_client_name(encode_client_name("é" * 128 + "x"))
