"""Runs files of vectors and counts what came of them."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clawchat.mls.suite import CipherSuite
from clawchat.mls.vector_suites import SKIPPED, SUITES
from clawchat.mls.vectors.floors import CHECKS as FLOORS
from clawchat.mls.vectors.floors import PLAIN_CHECKS as PLAIN_FLOORS
from clawchat.mls.vectors.groups import CHECKS as GROUPS
from clawchat.mls.vectors.messages import PLAIN_CHECKS as MESSAGES
from clawchat.mls.vectors.trees import CHECKS as TREES

Case = dict[str, Any]


@dataclass
class Outcome:
    """What came of one file; `troubles` says which case failed how, `skips` what was skipped why."""

    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    troubles: list[str] = field(default_factory=list)
    skips: list[str] = field(default_factory=list)

    def line(self) -> str:
        """One line for people."""
        why = f" ({'; '.join(self.skips)})" if self.skips else ""
        return f"{self.name}: {self.passed} passed, {self.failed} failed, {self.skipped} skipped{why}"


# Files by name. A check takes the case and its suite, and raises when something is not as the case says.
CHECKS: Mapping[str, Callable[[Case, CipherSuite], None]] = {**FLOORS, **TREES, **GROUPS}
# Files whose cases name no suite.
PLAIN_CHECKS: Mapping[str, Callable[[Case], None]] = {**PLAIN_FLOORS, **MESSAGES}


def run_folder(folder: Path) -> Iterable[Outcome]:
    """Every JSON file of the folder, by name; one outcome each."""
    for path in sorted(folder.glob("*.json")):
        yield run_file(path)


def run_file(path: Path) -> Outcome:
    """One file; the name tells its format, and one that is not known is skipped as a whole."""
    outcome = Outcome(path.name)
    if path.stem not in CHECKS and path.stem not in PLAIN_CHECKS:
        outcome.skipped = 1
        outcome.skips.append("unknown file")
        return outcome
    try:
        cases = json.loads(path.read_bytes())
    except ValueError:
        cases = None
    if not isinstance(cases, list) or not cases:
        outcome.failed = 1
        outcome.troubles.append(f"{path.name}: not a list of cases")
        return outcome
    for number, case in enumerate(cases):
        _run_case(outcome, path.stem, number, case)
    return outcome


def _run_case(outcome: Outcome, stem: str, number: int, case: Case) -> None:
    try:
        if stem in PLAIN_CHECKS:
            PLAIN_CHECKS[stem](case)
        else:
            suite_number = case["cipher_suite"]
            if suite_number in SKIPPED:
                outcome.skipped += 1
                if SKIPPED[suite_number] not in outcome.skips:
                    outcome.skips.append(SKIPPED[suite_number])
                return
            CHECKS[stem](case, SUITES[suite_number])
    except Exception as error:
        outcome.failed += 1
        suite_name = f" (suite {case['cipher_suite']})" if isinstance(case, dict) and "cipher_suite" in case else ""
        outcome.troubles.append(f"{outcome.name} case {number}{suite_name}: {type(error).__name__}: {error}")
    else:
        outcome.passed += 1
