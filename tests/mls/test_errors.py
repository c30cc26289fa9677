"""What MLS refuses: codes and reasons that both languages share."""

import pytest

from clawchat.mls.errors import EpochGone, Invalid, KeyUsed
from clawchat.protocol.errors import PeerError


@pytest.mark.parametrize(("kind", "code"), [(Invalid, "invalid"), (EpochGone, "epoch_gone"), (KeyUsed, "key_used")])
def test_each_has_a_code_and_no_number(kind, code):
    """They never travel, so they have no number on the wire."""
    assert issubclass(kind, PeerError)
    assert (kind.code, kind.number) == (code, None)


def test_invalid_has_a_reason():
    """The reason stands for the text where there is none."""
    assert (Invalid("key-twice").reason, str(Invalid("key-twice"))) == ("key-twice", "key-twice")
    assert (Invalid("key-twice", "leaf 3").reason, str(Invalid("key-twice", "leaf 3"))) == ("key-twice", "leaf 3")
