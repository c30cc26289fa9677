"""Which file is believed when mirrors disagree."""

from dataclasses import replace

import pytest

from clawchat.protocol.errors import Expired, Forked, NotYetValid, Replayed, UsageError
from clawchat.protocol.freshness import check_freshness, choose_freshest
from tests.protocol.test_connection_file import INFO, NOW

FIRST = replace(INFO, serial=100, digest=b"1" * 32)
SECOND = replace(INFO, serial=101, digest=b"2" * 32)
STALE = replace(INFO, serial=102, digest=b"3" * 32, valid_from=NOW - 9000, valid_until=NOW - 5000)
FUTURE = replace(INFO, serial=103, digest=b"4" * 32, valid_from=NOW + 5000, valid_until=NOW + 9000)


def check(info, last_serial=0, last_digest=b"", now=NOW):
    check_freshness(info, last_serial=last_serial, last_digest=last_digest, now=now)


def choose(*infos, last_serial=0, last_digest=b""):
    return choose_freshest(infos, last_serial=last_serial, last_digest=last_digest, now=NOW)


def test_fresh_file_passes():
    """The first ever, a newer one, and the same one again."""
    check(FIRST)
    check(SECOND, 100, FIRST.digest)
    check(FIRST, 100, FIRST.digest)
    check(FIRST, 100, b"")


@pytest.mark.parametrize(
    ("info", "last_serial", "last_digest", "error"),
    [
        (FIRST, 101, SECOND.digest, Replayed),
        (FIRST, 100, b"x" * 32, Forked),
        (STALE, 0, b"", Expired),
        (FUTURE, 0, b"", NotYetValid),
        (STALE, 103, b"", Replayed),
        (FUTURE, 103, b"x" * 32, Forked),
    ],
)
def test_stale_file_is_refused(info, last_serial, last_digest, error):
    """Replay and fork are told before the clock."""
    with pytest.raises(error):
        check(info, last_serial, last_digest)


@pytest.mark.parametrize(
    ("now", "error"), [(NOW - 360, None), (NOW - 361, NotYetValid), (NOW + 4140, None), (NOW + 4141, Expired)]
)
def test_clock_may_be_wrong_by_five_minutes(now, error):
    """To the second."""
    if error is None:
        check(FIRST, now=now)
    else:
        with pytest.raises(error):
            check(FIRST, now=now)


def test_highest_serial_wins():
    """In whatever order the mirrors answered, and when several have the same file."""
    assert choose(FIRST, SECOND, FIRST) is SECOND
    assert choose(SECOND, replace(SECOND), FIRST) == SECOND


def test_file_in_time_wins_over_a_higher_serial_out_of_time():
    """A wrong clock or a mirror that is late does not lock anybody out."""
    assert choose(STALE, FIRST, FUTURE) is FIRST
    assert choose(STALE) is STALE
    assert choose(STALE, FUTURE) is FUTURE
    assert not choose(STALE, FUTURE).is_current(NOW)


def test_older_files_are_passed_over():
    """As long as one mirror has a newer one."""
    assert choose(FIRST, SECOND, last_serial=101, last_digest=SECOND.digest) is SECOND
    with pytest.raises(Replayed) as caught:
        choose(FIRST, SECOND, last_serial=200)
    assert caught.value.details["serial"] in (100, 101)


def test_fork_is_told():
    """Between two mirrors, or between a mirror and memory."""
    other = replace(SECOND, digest=b"x" * 32)
    with pytest.raises(Forked) as caught:
        choose(FIRST, SECOND, other)
    assert caught.value.details == {"serial": 101}
    with pytest.raises(Forked):
        choose(SECOND, last_serial=101, last_digest=b"x" * 32)


def test_choosing_from_nothing_is_ours_to_avoid():
    """No mirror answered: that is for the caller to say."""
    with pytest.raises(UsageError):
        choose()
