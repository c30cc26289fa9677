"""Every decoder against whatever comes: what it takes encodes back to the same bytes, all else is a PeerError."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clawchat.protocol.errors import PeerError
from tests.mls.decoders import DECODERS, STORED
from tests.mls.seeds import seeds

CORPUS = json.loads((Path(__file__).resolve().parents[1] / "vectors/mls_corpus.json").read_text())
ALL = {**DECODERS, **STORED}


def verdict(name, data):
    """`ok`, or the code of the refusal; anything but a PeerError goes through, and is a mistake of ours."""
    try:
        encoded = ALL[name](data)
    except PeerError as error:
        return error.code
    if name in DECODERS:
        assert encoded == data
    return "ok"


@st.composite
def spoiled(draw, data):
    """The bytes with up to four changes: a byte, a piece gone, a piece twice, a length that lies."""
    current = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(current)))
        size = draw(st.integers(0, 40))
        kind = draw(st.integers(0, 4))
        if kind == 0 and place < len(current):
            current[place] = draw(st.integers(0, 255))
        elif kind == 1:
            del current[place : place + size]
        elif kind == 2:
            current[place:place] = current[place : place + size]
        elif kind == 3:
            current[place:place] = draw(st.binary(max_size=9))
        else:
            current[place : place + 1] = draw(
                st.sampled_from([b"\x40\x05", b"\x80\0\0\x05", b"\xbf\xff\xff\xff", b"\xff"])
            )
    return bytes(current)


def test_every_decoder_has_seeds():
    """A decoder without any would be fuzzed with nothing."""
    assert seeds().keys() == ALL.keys()
    for name, each in seeds().items():
        assert [verdict(name, data) for data in each] == ["ok"] * len(each), name


@pytest.mark.parametrize("name", ALL)
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_spoiled_bytes(name, data):
    """What was right, a little wrong."""
    right = data.draw(st.sampled_from(seeds()[name]))
    verdict(name, data.draw(spoiled(right)))


@pytest.mark.parametrize("name", ALL)
@settings(deadline=None, max_examples=40)
@given(data=st.binary(max_size=200))
def test_any_bytes(name, data):
    """Whatever there is."""
    verdict(name, data)


@pytest.mark.parametrize("name", ALL)
def test_longer_and_shorter(name):
    """A byte more, and each byte less, of everything that is right."""
    for right in seeds()[name]:
        assert verdict(name, right + b"\0") != "ok"
        step = max(1, len(right) // 200)
        assert "ok" not in {verdict(name, right[:size]) for size in range(1, len(right), step)}


@pytest.mark.parametrize("name", CORPUS)
def test_what_a_fuzzer_found(name):
    """The corpus of the coverage-guided fuzzer: each verdict is as it was, in both languages."""
    assert {each: verdict(name, base64.b64decode(each)) for each in CORPUS[name]} == CORPUS[name]
