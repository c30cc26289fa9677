"""The search itself: what it must find before "nothing found" means anything."""

import base64

import pytest

from tests.e2e.traces import traces

MARKER = "marmalade-7731"


@pytest.mark.parametrize("before", [b"", b"x", b"xy", b"xyz"])
@pytest.mark.parametrize(
    "disguise",
    [
        lambda data: data,
        lambda data: data.hex().encode(),
        lambda data: data.decode().encode("utf-16-le"),
        lambda data: data.decode().encode("utf-16-be"),
        base64.b64encode,
        base64.urlsafe_b64encode,
    ],
)
def test_traces_finds_the_marker_in_every_disguise(before, disguise):
    """Wherever the marker stands in the data, each form of it is found."""
    hidden = b"\x01\x02" + disguise(before + MARKER.encode() + b" and more")

    assert traces(MARKER, {"hidden": hidden, "clean": b"marmalade"}) == ["hidden"]
