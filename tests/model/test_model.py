"""The model of the moving port: no deadlock, no lost message, never an announced port without a socket."""

import pytest

from tests.model.check import CASES, MISTAKES, missing_program, verify

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture(autouse=True)
def spin():
    """Skip where the verifier cannot run."""
    if (program := missing_program()) is not None:
        pytest.skip(f"{program} is not installed (sudo apt install {program})")


@pytest.mark.parametrize("case", CASES)
def test_the_moving_port_holds_in_every_state(case):
    """Whatever the order of steps and faults: sockets before announcements, nothing lost, all well in the end."""
    verdict = verify(CASES[case])

    assert verdict.holds, verdict.output
    assert verdict.states > 1000


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_moving_port_is_found(mistake):
    """With the mistake the same search ends at a state that must not be."""
    verdict = verify(MISTAKES[mistake], mistake)

    assert not verdict.holds
    assert "assertion violated" in verdict.output


@pytest.mark.parametrize("mistake", ["CLOSE_WITHOUT_DRAIN", "NO_REBIND", "FORGET_UNANSWERED"])
def test_without_the_mistake_the_same_search_finds_nothing(mistake):
    """It is the mistake that is found, not the numbers it is looked for with."""
    assert verify(MISTAKES[mistake]).holds
