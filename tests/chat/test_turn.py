"""Whose turn it is after a refusal."""

from chat.turn import PATIENCE_SECONDS, Turn

FIRST, SECOND, THIRD = b"1" * 16, b"2" * 16, b"3" * 16


def test_nobody_waits_for_nothing():
    """Without a refusal every message may come, also twice."""
    turn = Turn()

    assert [turn.wait_for(each, 0.0) for each in (FIRST, SECOND, FIRST)] == [0.0] * 3


def test_what_was_refused_comes_first():
    """Others wait until it has come again, and a second at least; then they may come."""
    turn = Turn()
    turn.refused(FIRST, 3.0, 10.0)

    assert turn.wait_for(SECOND, 10.0) == 3.0
    assert turn.wait_for(THIRD, 12.9) == 1.0
    assert turn.wait_for(FIRST, 13.0) == 0.0
    assert turn.wait_for(SECOND, 13.0) == 0.0


def test_the_first_refusal_counts():
    """What was refused behind it does not take its place."""
    turn = Turn()
    turn.refused(FIRST, 1.0, 0.0)
    turn.refused(SECOND, 1.0, 0.1)

    assert turn.wait_for(SECOND, 1.5) > 0
    assert turn.wait_for(FIRST, 1.5) == 0


def test_a_message_that_never_comes_holds_up_nobody_for_long():
    """A client may have given it up."""
    turn = Turn()
    turn.refused(FIRST, 2.0, 0.0)

    assert turn.wait_for(SECOND, 2.0 + PATIENCE_SECONDS - 0.1) > 0
    assert turn.wait_for(SECOND, 2.0 + PATIENCE_SECONDS) == 0
    assert turn.wait_for(THIRD, 2.0 + PATIENCE_SECONDS) == 0
