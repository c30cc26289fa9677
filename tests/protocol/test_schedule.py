"""When the port moves."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawchat.protocol import schedule
from clawchat.protocol.errors import UsageError
from clawchat.protocol.schedule import (
    TRANSITIONS,
    WATCH_LEVELS,
    LeaseEvent,
    LeaseState,
    RotationPlan,
    next_state,
    watch_level,
)

HOURLY = RotationPlan()
INSTANTS = st.integers(0, 4_000_000_000)
SHARES = st.floats(0, 1, exclude_max=True)


@st.composite
def plans(draw) -> RotationPlan:
    """Any plan that can work."""
    interval = draw(st.integers(2, 100_000))
    lead, grace = draw(st.integers(1, interval - 1)), draw(st.integers(1, interval - 1))
    return RotationPlan(interval, lead, grace, draw(st.integers(0, interval - max(lead, grace) - 1)))


def test_numbers_are_the_specifications():
    """7.1: 3600, 120 before, 300 after, 3900 in all; 7.2 tells the instants."""
    assert (HOURLY.interval, HOURLY.lead, HOURLY.grace, HOURLY.max_age) == (3600, 120, 300, 3900)

    moves_at = HOURLY.move_after(1000, 0.5)

    assert (HOURLY.plan_at(moves_at), moves_at, HOURLY.close_at(moves_at)) == (4480, 4600, 4900)


def test_instants_are_exact():
    """Whole seconds at every edge: what is half the grace, what is no later than an interval, what is the shortest."""
    tight, jittery = RotationPlan(3600, 300, 600), RotationPlan(3600, 120, 300, 361)

    assert [HOURLY.watched(level).interval for level in range(5)] == [3600, 1800, 900, 450, 450]
    assert (HOURLY.shortest, tight.shortest, tight.watched(3).interval) == (450, 901, 901)
    assert [repr(jittery.watched(level).jitter) for level in range(3)] == ["361", "180", "90"]
    assert [repr(HOURLY.first_move(1000, slot, 7, 0)) for slot in (0, 1, 6)] == ["1514", "2028", "4600"]
    assert [HOURLY.begin(1000, now) for now in (1000, 1150, 1151)] == [1000, 1000, 1151]
    assert [HOURLY.latest_move(1000, at, 1000, 0) for at in (4599, 4600, 9000)] == [4599, 4600, 4600]
    assert [jittery.latest_move(1000, at, 1000, 0.5) for at in (4600, 4601)] == [4600, 4420]
    assert [HOURLY.prolonged(10_000, now) for now in (1000, 9700, 9701)] == [10_000, 10_000, 13_600]


@given(plans(), INSTANTS, SHARES)
def test_a_lease_moves_within_its_interval(plan, opens_at, share):
    """At most the jitter earlier; it is announced after it opened, and closed within the greatest age."""
    moves_at = plan.move_after(opens_at, share)

    assert plan.interval - plan.jitter <= moves_at - opens_at <= plan.interval
    assert opens_at < plan.plan_at(moves_at) < moves_at < plan.close_at(moves_at) <= opens_at + plan.max_age


@given(plans(), INSTANTS, st.integers(1, 8), SHARES)
def test_slots_move_one_after_the_other(plan, now, slots, share):
    """They begin together; their first moves are spread over the interval."""
    moves = [plan.first_move(now, slot, slots, share) for slot in range(slots)]

    assert moves == sorted(moves)
    assert moves[-1] == plan.move_after(now, share)
    gaps = [later - earlier for earlier, later in itertools.pairwise([now, *moves])]
    assert max(gaps) - min(gaps) <= 1


@given(plans(), st.integers(0, 10))
def test_a_watched_plan_is_shorter_and_bounded(plan, level):
    """Never so short that a port were planned before the last but one is closed; level 0 changes nothing."""
    watched = plan.watched(level)

    assert plan.watched(0) == plan
    assert plan.shortest <= watched.interval <= plan.interval
    assert watched.interval <= max(plan.shortest, plan.interval >> min(level, WATCH_LEVELS))
    assert plan.shortest == plan.interval or plan.shortest > plan.lead + plan.grace
    assert (watched.lead, watched.grace) == (plan.lead, plan.grace)


@pytest.mark.parametrize(("touches", "level"), [(0, 0), (2, 0), (3, 1), (11, 1), (12, 2), (47, 2), (48, 3), (10**9, 3)])
def test_more_touches_shorten_the_interval_further(touches, level):
    """Three are a scanner; four times as many are the next level; there is a last level."""
    assert watch_level(touches) == level


@given(plans(), INSTANTS, st.integers(-200_000, 200_000), st.integers(-4000, 4000), SHARES)
def test_a_move_only_comes_forward(plan, opens_at, length, since, share):
    """Within one interval of the opening and of now, unless there would be no time to announce the next port."""
    moves_at, now = opens_at + length, opens_at + since

    earlier = plan.latest_move(opens_at, moves_at, now, share)

    assert earlier <= moves_at
    assert earlier == moves_at or earlier >= now + plan.lead
    assert earlier <= max(min(opens_at, now) + plan.interval, now + plan.lead)
    assert plan.latest_move(opens_at, earlier, now, 0) == earlier


@given(plans(), INSTANTS, st.integers(0, 1_000_000))
def test_a_port_that_is_late_is_named_for_longer(plan, closes_at, late):
    """At least for a grace from now, and the same end for nearly an interval: each change is a new file."""
    now = closes_at - plan.grace + late
    end = plan.prolonged(closes_at, now)

    assert now + plan.grace <= end < now + plan.grace + plan.interval
    assert (end - closes_at) % plan.interval == 0
    assert plan.prolonged(closes_at, now - late) == closes_at


class Chain:
    """One slot as the decider keeps it, with nothing but the plan's arithmetic; `age` is real, the clock may be set."""

    def __init__(self, plan: RotationPlan, share) -> None:
        self.plan, self.share = plan, share
        self.real, self.set_by = 1_000_000, 0
        self.opened = self.real
        self.opens_at, self.moves_at = self.now, plan.first_move(self.now, 0, 1, share())
        self.draining: list[tuple[int, int]] = []
        self.ages: list[int] = []

    @property
    def now(self) -> int:
        return self.real + self.set_by

    def tick(self) -> None:
        plan, now = self.plan, self.now
        self.moves_at = plan.latest_move(self.opens_at, self.moves_at, now, self.share())
        if now >= self.moves_at:
            begin = plan.begin(self.moves_at, now)
            self.draining.append((self.opened, plan.close_at(begin)))
            self.opened, self.opens_at = self.real, begin
            self.moves_at = plan.move_after(begin, self.share())
        self.draining = [(opened, min(closes_at, now + plan.grace)) for opened, closes_at in self.draining]
        self.ages += [self.real - opened for opened, closes_at in self.draining if closes_at <= now]
        self.draining = [(opened, closes_at) for opened, closes_at in self.draining if closes_at > now]


@given(st.data())
def test_no_port_grows_older_than_the_interval_and_a_grace(data):
    """Whenever the decider runs, at least every five seconds."""
    plan = RotationPlan(100, 10, 20, 15)
    chain = Chain(plan, lambda: data.draw(SHARES))
    for pause in data.draw(st.lists(st.integers(0, 5), min_size=50, max_size=120)):
        chain.real += pause
        chain.tick()

    # A pass is at most one pause late, twice: when the port moves, and when it closes.
    assert all(age <= plan.max_age + 5 for age in chain.ages)


@pytest.mark.parametrize("step", [-3600, 3600])
@given(st.data())
def test_a_clock_that_is_set_an_hour_off_costs_one_interval_at_most(step, data):
    """The port that is open then moves within an interval from the step, one that is closing has a grace from it, and
    everything is as before from then on."""
    plan = RotationPlan(3600, 120, 300, 360)
    chain = Chain(plan, lambda: data.draw(SHARES))
    at = data.draw(st.integers(1, 200))
    for number in range(400):
        chain.real += 60
        chain.set_by = step if number >= at else 0
        chain.tick()

    assert len(chain.ages) >= 5
    assert sorted(chain.ages)[-3] <= plan.max_age + 120
    assert sorted(chain.ages)[-2] <= plan.max_age + plan.grace + 120
    assert max(chain.ages) <= plan.max_age + plan.interval + 120


@pytest.mark.parametrize(
    "numbers",
    [
        *[(3600, 0, 300), (3600, 3600, 300), (3600, 120, 0), (3600, 120, 3600), (0, 0, 0), (60, -1, 5), (1, 1, 1)],
        *[(3600, 120, 300, -1), (3600, 120, 300, 3300), (3600, 300, 120, 3300)],
    ],
)
def test_plan_that_cannot_work_is_refused(numbers):
    """Lead and grace are shorter than the interval, none is zero, and the jitter leaves room for each."""
    with pytest.raises(UsageError):
        RotationPlan(*numbers)


def test_a_lease_lives_through_its_states():
    """From plan to tripwire, and to its end."""
    state = LeaseState.PLANNED
    seen = [state]
    for event in ("bind", "announce", "open", "drain", "arm", "close"):
        state = next_state(state, LeaseEvent(event))
        seen.append(state)

    assert seen == ["planned", "bound", "announced", "open", "draining", "tripwire", "closed"]


@pytest.mark.parametrize(("state", "event"), list(itertools.product(LeaseState, LeaseEvent)), ids=str)
def test_illegal_events_are_refused(state, event):
    """Only what the table has can happen."""
    if (state, event) in TRANSITIONS:
        assert next_state(state, event) is TRANSITIONS[state, event]
    else:
        with pytest.raises(UsageError):
            next_state(state, event)


def test_ends_are_ends():
    """Nothing happens to a lease that is closed or failed, and any live one can fail."""
    leaves = {state for state, _ in TRANSITIONS}

    assert set(LeaseState) - leaves == {LeaseState.CLOSED, LeaseState.FAILED}
    assert all((state, LeaseEvent.FAIL) in TRANSITIONS for state in leaves)


def test_table_with_a_gap_cannot_be_imported(monkeypatch):
    """The check runs at import, and notices."""
    schedule._check_table()
    without = {key: state for key, state in TRANSITIONS.items() if key[0] is not LeaseState.TRIPWIRE}
    monkeypatch.setattr(schedule, "TRANSITIONS", without)
    with pytest.raises(UsageError):
        schedule._check_table()
