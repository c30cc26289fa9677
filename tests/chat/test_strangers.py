"""Strangers: what is counted, and how little of it is kept."""

from chat.strangers import MOST_ADDRESSES, MOST_TOUCHES, Strangers, Touch

MALLORY = "192.0.2.66"


def test_touches_of_a_tripwire_are_no_strangers():
    """They have a row of the audit log for themselves."""
    strangers = Strangers()
    for _ in range(3):
        strangers.count(MALLORY, "connect", 50001, tripwire=True)

    assert strangers.take() == []
    assert strangers.take_touches() == {Touch(MALLORY, 50001, True, "connect"): 3}
    assert not strangers.take_touches()


def test_a_wrong_knock_at_a_live_port_is_both():
    """A stranger for the row of the minute, a touch for the scans."""
    strangers = Strangers()
    strangers.count(MALLORY, "gate", 50000)

    assert strangers.take() == [((MALLORY, "gate"), 1)]
    assert strangers.take_touches() == {Touch(MALLORY, 50000, False, "gate"): 1}


def test_a_failed_handshake_is_no_touch():
    """Who has a good gate value is no scanner, whatever goes wrong then."""
    strangers = Strangers()
    strangers.count(MALLORY, "handshake", 50000)
    strangers.count(MALLORY, "admission", 50001, tripwire=True)

    assert not strangers.take_touches()


def test_a_crowd_is_counted_together():
    """Memory is bounded, the sum is right, and who was first keeps his name."""
    strangers = Strangers()
    crowd = MOST_ADDRESSES + 100
    for number in range(crowd):
        strangers.count(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", "request", 50000)

    counts, touches = dict(strangers.take()), strangers.take_touches()

    assert counts["", "request"] == 100
    assert (len(counts), sum(counts.values())) == (MOST_ADDRESSES + 1, crowd)
    assert (len(touches), touches.total()) == (MOST_TOUCHES + 1, crowd)
    assert touches[Touch("10.0.0.0", 50000, False, "request")] == 1


def test_touches_that_could_not_be_written_come_again():
    """Together with what has come meanwhile."""
    strangers = Strangers()
    strangers.count(MALLORY, "connect", 50001, tripwire=True)
    touches = strangers.take_touches()
    strangers.count(MALLORY, "connect", 50001, tripwire=True)

    strangers.give_back(touches)

    assert strangers.take_touches().total() == 2
