"""The successor statement beside the vectors: what is signed is read, and what readers would refuse is not signed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clawchat.protocol.errors import PeerError, UsageError
from clawchat.protocol.keys import IdentityKey
from clawchat.protocol.limits import SUCCESSION_BYTES, SUCCESSION_DEFAULT_SECONDS, SUCCESSION_MAX_SECONDS
from clawchat.protocol.succession import SuccessorStatement, sign_succession

OLD, NEW = IdentityKey.generate(), IdentityKey.generate()
NOW = 1_760_000_000
GOOD = sign_succession(OLD, NEW, NOW, NOW + SUCCESSION_DEFAULT_SECONDS).encode()


@settings(deadline=None)
@given(st.integers(0, 2**53 - 1 - SUCCESSION_MAX_SECONDS), st.integers(1, SUCCESSION_MAX_SECONDS))
def test_what_is_signed_is_believed(begins, seconds):
    """Whatever the times, as long as a handover may last."""
    data = sign_succession(OLD, NEW, begins, begins + seconds).encode()
    read = SuccessorStatement.parse(data)
    read.check([OLD.public], begins)

    assert len(data) == SUCCESSION_BYTES
    assert read == SuccessorStatement.parse(read.encode())
    assert (read.old, read.new, read.until - read.begins) == (OLD.public, NEW.public, seconds)


@settings(deadline=None)
@given(st.integers(0, SUCCESSION_BYTES - 1), st.integers(1, 255))
def test_no_byte_of_it_may_be_another(at, change):
    """Every byte is signed, or is a signature."""
    data = bytearray(GOOD)
    data[at] ^= change
    with pytest.raises(PeerError):
        SuccessorStatement.parse(bytes(data)).check([OLD.public], NOW + 1)


@pytest.mark.parametrize(
    ("new", "seconds"),
    [(OLD, 60), (NEW, 0), (NEW, -1), (NEW, SUCCESSION_MAX_SECONDS + 1)],
    ids=["itself", "no_time", "backwards", "too_long"],
)
def test_what_readers_would_refuse_is_not_signed(new, seconds):
    """An identity signs once; it is not for a statement that is good for nothing."""
    with pytest.raises(UsageError):
        sign_succession(OLD, new, NOW, NOW + seconds)
