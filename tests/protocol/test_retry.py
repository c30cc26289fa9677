"""When to try again, as a refusal says it."""

import pytest

from clawchat.protocol.retry import retry_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30 seconds until a next try makes sense: 100 devices are connected", 30),
        ("1", 1),
        ("99999 seconds", 99_999),
        ("100000 seconds", 0),
        ("-5 seconds", 0),
        ("1.5 seconds", 0),
        ("\u0661 second", 0),
        (" 5", 0),
        ("soon", 0),
        ("", 0),
    ],
)
def test_retry_seconds_are_read_strictly(text, seconds):
    """A whole number at the very beginning, or none."""
    assert retry_seconds(text) == seconds
