"""From what was met on the way to one sentence: the table, the rule, and that the browser has the same of both."""

import json
import subprocess

import pytest

from clawchat.diagnosis import Audience, Observation, diagnose
from clawchat.findings import FINDINGS, STEPS, Grade
from tests.house.source import ROOT

CASES = json.loads((ROOT / "tests/diagnosis_cases.json").read_text())
PRINT_TWIN = (
    'import { FINDINGS, STEPS } from "./static/js/chat/findings.js"; console.log(JSON.stringify({ FINDINGS, STEPS }))'
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_verdict_and_grades(case):
    """Each case ends in its verdict, whose words name what it is about, and each step it names stands as it says."""
    found = diagnose([Observation(*met) for met in case["met"]], Audience.MEMBER)

    assert found.verdict.code == case["code"]
    assert case["about"] in found.verdict.sentence
    assert {step.name: step.grade.value for step in found.steps if step.name in case["grades"]} == case["grades"]


@pytest.mark.parametrize("code", [code for code, finding in FINDINGS.items() if finding.grade == Grade.WRONG])
def test_everything_wrong_ends_in_one_sentence_and_one_remedy(code):
    """Alone on the way, each finding is the verdict, and there is one thing to do, whoever reads."""
    for audience in Audience:
        verdict = diagnose([Observation(code, "chat.example")], audience).verdict

        assert verdict.code == code
        assert verdict.sentence.endswith((".", "!"))
        assert "{about}" not in verdict.sentence
        assert verdict.remedy


def test_whoever_has_arrived_is_not_sent_after_places_that_were_passed_over():
    """A mirror that lies is the operator's to mend; a clock that is off is the member's."""
    way = [Observation("place_well", "a.example"), Observation("signature_well"), Observation("device_well")]
    lying, late = Observation("signature_sealed", "b.example"), Observation("clock_off", "2 h")

    assert diagnose([*way, lying], Audience.MEMBER).verdict.remedy == ""
    assert diagnose([*way, lying], Audience.OPERATOR).verdict.remedy
    assert diagnose([*way, late], Audience.MEMBER).verdict.remedy


def test_members_are_never_told_an_operators_remedy():
    """Whoever sits at a client has no manage.py and no settings."""
    words = " ".join(finding.member for finding in FINDINGS.values())

    assert "manage.py" not in words
    assert "CLAWCHAT_" not in words


def test_what_explains_something_explains_a_later_step():
    """A reason lies before what follows from it."""
    order = list(STEPS)
    for finding in FINDINGS.values():
        assert all(order.index(finding.step) < order.index(step) for step in finding.explains)


def test_the_browser_has_the_same_table():
    """Codes and steps in the same order, and word by word the same sentences and remedies."""
    ran = subprocess.run(
        ["node", "--input-type=module", "-e", PRINT_TWIN],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    theirs = json.loads(ran.stdout)
    rows = {
        code: [finding.step, finding.grade.value, finding.sentence, finding.member, list(finding.explains)]
        for code, finding in FINDINGS.items()
    }

    assert list(theirs["STEPS"].items()) == list(STEPS.items())
    assert list(theirs["FINDINGS"]) == list(rows)
    for code, row in theirs["FINDINGS"].items():
        assert [*row, *["", []][len(row) - 3 :]] == rows[code], code
