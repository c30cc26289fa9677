"""Why a client cannot connect: from what was met on the way to one sentence with one remedy. Pure.

The browser's twin is static/js/chat/diagnosis.js.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from clawchat.findings import FINDINGS, STEPS, Finding, Grade

# Whoever is well at one of these at the end of the way has arrived.
GOALS = ("gate", "device")
WORST_FIRST = (Grade.WRONG, Grade.NOTED, Grade.UNKNOWN, Grade.WELL)


class Audience(StrEnum):
    """For whom the remedies are."""

    MEMBER = "member"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Observation:
    """What was met: a code of FINDINGS, and what it is about (a host, a port, a length of time)."""

    code: str
    about: str = ""

    @property
    def finding(self) -> Finding:
        """Its row of the table."""
        return FINDINGS[self.code]

    @property
    def sentence(self) -> str:
        """What was met, in words."""
        return self.finding.sentence.replace("{about}", self.about)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way, with all that was met there."""

    name: str
    grade: Grade
    observations: tuple[Observation, ...]

    @property
    def title(self) -> str:
        """What people call it."""
        return STEPS[self.name]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The end: `well`, `unclear` or the code of the finding that is the reason. `remedy` is empty when all is well."""

    code: str
    sentence: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The whole way."""

    steps: tuple[Step, ...]
    verdict: Verdict


def diagnose(observations: Iterable[Observation], audience: Audience) -> Diagnosis:
    """The way in its order, and what is the matter.

    One that is well is enough at a step: the others there are noted then. The reason is the first step that is wrong,
    unless something before explains it; whoever arrived has arrived, whatever was met before.
    """
    met = tuple(observations)
    steps = tuple(_step(name, [each for each in met if each.finding.step == name]) for name in STEPS)
    return Diagnosis(steps, _verdict(steps, audience))


def _step(name: str, observations: list[Observation]) -> Step:
    grades = {each.finding.grade for each in observations}
    if Grade.WELL in grades and len(grades) > 1:
        grade = Grade.NOTED
    else:
        grade = next((each for each in WORST_FIRST if each in grades), Grade.UNKNOWN)
    return Step(name, grade, tuple(observations))


def _verdict(steps: tuple[Step, ...], audience: Audience) -> Verdict:
    walked = [step for step in steps if step.observations]
    wrong = next((step for step in walked if step.grade == Grade.WRONG), None)
    if walked and walked[-1].name in GOALS and walked[-1].grade in (Grade.WELL, Grade.NOTED):
        return _arrived(walked, audience)
    if wrong is None:
        return Verdict(
            "unclear", "Nothing wrong was found, and still there is no connection.", "Try again in a minute."
        )
    for step in walked[: walked.index(wrong)]:
        for each in step.observations:
            if wrong.name in each.finding.explains:
                return _because(each, audience)
    return _because(_reason(wrong), audience)


def _arrived(walked: list[Step], audience: Audience) -> Verdict:
    """All is well; what was met on the way is worth a word when it was not.

    A member who has arrived need not do anything about places that were passed over; the clock is theirs.
    """
    odd = next((_reason(step) for step in walked if step.grade in (Grade.WRONG, Grade.NOTED)), None)
    if odd is None:
        return Verdict("well", "All is well on the way to the server.", "")
    is_theirs = audience == Audience.OPERATOR or odd.finding.grade == Grade.NOTED
    sentence = f"The server can be reached. One thing on the way: {odd.sentence}"
    return Verdict("well", sentence, _remedy(odd, audience) if is_theirs else "")


def _reason(step: Step) -> Observation:
    """What stands first in the table of all that is not well at a step; several silent places are one reason."""
    grades = (Grade.WRONG, Grade.NOTED)
    bad = next(
        found for grade in grades if (found := [each for each in step.observations if each.finding.grade == grade])
    )
    first = min(bad, key=lambda each: list(FINDINGS).index(each.code))
    if step.name == "places" and step.grade == Grade.WRONG and len(bad) > 1 and first.code != "offline":
        return Observation("places_all", str(len(bad)))
    return first


def _because(reason: Observation, audience: Audience) -> Verdict:
    return Verdict(reason.code, reason.sentence, _remedy(reason, audience))


def _remedy(reason: Observation, audience: Audience) -> str:
    return reason.finding.operator if audience == Audience.OPERATOR else reason.finding.member


def length_of(seconds: float) -> str:
    """A length of time as a sentence has it: `45 s`, `12 min`, `3 h`, `2 days`; at least 1 s."""
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        # From two of a unit on it says more than the smaller one.
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(1, round(seconds))} s"
