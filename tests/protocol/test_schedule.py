"""When the port moves."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawchat.protocol import schedule
from clawchat.protocol.errors import UsageError
from clawchat.protocol.schedule import TRANSITIONS, LeaseEvent, LeaseState, RotationPlan, next_state

HOURLY = RotationPlan()
PLANS = st.integers(2, 100_000).flatmap(
    lambda interval: st.builds(
        RotationPlan, st.just(interval), st.integers(1, interval - 1), st.integers(1, interval - 1)
    )
)
INSTANTS = st.integers(0, 4_000_000_000)


def test_numbers_are_the_specifications():
    """7.1: 3600, 120 before, 300 after, 3900 in all; 7.2 tells the instants."""
    start = HOURLY.period_start(1000)

    assert (HOURLY.interval, HOURLY.lead, HOURLY.grace, HOURLY.max_age) == (3600, 120, 300, 3900)
    assert HOURLY.plan_at(1001) - start == 3480
    assert HOURLY.period_start(1001) - start == HOURLY.period_end(1000) - start == 3600
    assert HOURLY.close_at(1000) - start == 3900


@given(PLANS, INSTANTS)
def test_every_instant_is_in_one_period(plan, now):
    """Periods follow each other without gap or overlap."""
    period = plan.period_of(now)

    assert plan.period_start(period) <= now < plan.period_end(period) == plan.period_start(period + 1)
    assert plan.plan_at(period) < plan.period_start(period) < plan.close_at(period)
    assert plan.close_at(period) - plan.period_start(period) == plan.max_age


@given(PLANS, INSTANTS)
def test_next_lease_is_due_from_its_announcement_on(plan, now):
    """The present period always is."""
    due = plan.periods_due(now)

    assert due[0] == plan.period_of(now)
    assert (len(due) == 2) == (now >= plan.plan_at(due[0] + 1))
    assert list(due) == [due[0] + at for at in range(len(due))]


@pytest.mark.parametrize(
    ("interval", "lead", "grace"),
    [(3600, 0, 300), (3600, 3600, 300), (3600, 120, 0), (3600, 120, 3600), (0, 0, 0), (60, -1, 5), (1, 1, 1)],
)
def test_plan_that_cannot_work_is_refused(interval, lead, grace):
    """Lead and grace are shorter than the interval, and none is zero."""
    with pytest.raises(UsageError):
        RotationPlan(interval, lead, grace)


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
