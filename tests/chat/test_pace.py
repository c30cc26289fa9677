"""Who does not wait as he is told is read more slowly; who does is not."""

from chat.pace import FORGIVEN_SECONDS, LONGEST_PAUSE_SECONDS, PATIENCE, Pace


def refuse(pace: Pace, count: int, now: float) -> float:
    """The pause after so many refusals, each with the word to wait a second."""
    for _ in range(count):
        pace.refused(1.0, now)
    return pace.take_pause()


def test_what_was_under_way_costs_nothing():
    """A client sends much before the first refusal reaches it; when it waits then, it is never slowed."""
    pace = Pace()

    assert [refuse(pace, PATIENCE, second) for second in range(20)] == [0.0] * 20


def test_who_goes_on_is_read_more_and_more_slowly():
    """Each time twice as slowly, up to a bound; a pause is made once."""
    pace = Pace()

    pauses = [refuse(pace, PATIENCE + 1, 0.0) for _ in range(6)]

    assert pauses == [1.0, 2.0, 4.0, 8.0, 8.0, LONGEST_PAUSE_SECONDS]
    assert pace.take_pause() == 0.0


def test_it_is_forgiven_after_a_while():
    """A program that was mended is not slow for ever."""
    pace = Pace()
    refuse(pace, 4 * (PATIENCE + 1), 0.0)

    assert refuse(pace, PATIENCE + 1, FORGIVEN_SECONDS) == 1.0
