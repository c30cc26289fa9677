"""Checks the model of the moving port with spin: what must hold holds, and each seeded mistake is found.

    python -m tests.model.check

All of it at once has too many states to search in minutes, so each case leaves out what it is not about.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

MODEL = Path(__file__).with_name("move.pml")
COMPILE = ["gcc", "-O2", "-w", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=4000", "-o", "pan", "pan.c"]
# The judge sees to deadlocks, so processes that wait for ever are no error in themselves (-E).
RUN = ["./pan", "-E", "-m200000"]
LONGEST_SECONDS = 600

ONE_MOVE = {"MOVES": 1, "DECIDERS": 1, "MESSAGES": 0}
NO_FAULTS = {"TAKES": 0, "CRASHES": 0, "DECIDER_CRASHES": 0, "MIRROR_FAILURES": 0, "SLEEPS": 0}

# What is looked at, and with which numbers; whatever is not named is the model's own.
CASES: dict[str, dict[str, int]] = {
    "one move, every fault": ONE_MOVE,
    "one move, two messages, the server killed": {**ONE_MOVE, **NO_FAULTS, "MESSAGES": 2, "CRASHES": 1},
    "one move, a message, the server killed, the client asleep": {
        **ONE_MOVE,
        **NO_FAULTS,
        "MESSAGES": 1,
        "CRASHES": 1,
        "SLEEPS": 1,
    },
    "one move, two deciders, both kinds of crash, mirrors that fail": {
        **ONE_MOVE,
        "DECIDERS": 2,
        "TAKES": 0,
        "SLEEPS": 0,
    },
    "two moves, mirrors that fail, the client asleep": {
        **ONE_MOVE,
        **NO_FAULTS,
        "MOVES": 2,
        "MIRROR_FAILURES": 1,
        "SLEEPS": 1,
    },
    "two moves, ports taken by others": {**ONE_MOVE, **NO_FAULTS, "MOVES": 2, "TAKES": 1},
}

# A mistake that is compiled into the model, and the numbers with which it must be found.
MISTAKES: dict[str, dict[str, int]] = {
    "ANNOUNCE_BEFORE_BIND": {**ONE_MOVE, **NO_FAULTS},
    "ANNOUNCE_UNPUBLISHED": {**ONE_MOVE, **NO_FAULTS},
    "CLOSE_WITHOUT_DRAIN": {**ONE_MOVE, **NO_FAULTS},
    "NO_REBIND": {**ONE_MOVE, **NO_FAULTS, "CRASHES": 1},
    "NO_UNIQUE_ID": {**ONE_MOVE, **NO_FAULTS, "MESSAGES": 1, "CRASHES": 1},
    "ACKNOWLEDGE_BEFORE_COMMIT": {**ONE_MOVE, **NO_FAULTS, "MESSAGES": 1},
    "FORGET_UNANSWERED": {**ONE_MOVE, **NO_FAULTS, "MESSAGES": 2, "CRASHES": 1},
}


@dataclass(frozen=True)
class Verdict:
    """What spin's verifier says of one case: the end of its output is kept for whoever must find out why."""

    holds: bool
    states: int
    depth: int
    seconds: float
    output: str = field(repr=False)


def missing_program() -> str | None:
    """The Debian package that is not here, None when all are."""
    return next((name for name in ("spin", "gcc") if shutil.which(name) is None), None)


def verify(numbers: dict[str, int], *mistakes: str) -> Verdict:
    """Search every state of the model with these numbers and mistakes."""
    defines = [f"-D{name}={number}" for name, number in numbers.items()] + [f"-D{name}" for name in mistakes]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="clawchat-model-") as folder:
        shutil.copy(MODEL, folder)
        _run(["spin", "-a", *defines, MODEL.name], folder)
        _run(COMPILE, folder)
        output = _run(RUN, folder)
    if "max search depth too small" in output:
        raise RuntimeError(f"the search was not complete:\n{output}")
    found = _number(r"errors: (\d+)", output)
    return Verdict(
        found == 0,
        _number(r"(\d+) states, stored", output),
        _number(r"depth reached (\d+)", output),
        time.monotonic() - began,
        output[-3000:],
    )


def _run(command: list[str], folder: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def _number(pattern: str, output: str) -> int:
    found = re.search(pattern, output)
    if found is None:
        raise RuntimeError(f"the verifier's report is not as expected:\n{output[-2000:]}")
    return int(found[1])


def main() -> int:
    """Check everything and print a line for each; 0 when all is as it should be."""
    if (program := missing_program()) is not None:
        print(f"{program} is not installed (sudo apt install {program})")
        return 1
    bad = 0
    for name, numbers in CASES.items():
        verdict = verify(numbers)
        bad += not verdict.holds
        print(_line(name, verdict, "holds" if verdict.holds else "DOES NOT HOLD"), flush=True)
    for mistake, numbers in MISTAKES.items():
        verdict = verify(numbers, mistake)
        bad += verdict.holds
        print(_line(mistake, verdict, "NOT FOUND" if verdict.holds else "found"), flush=True)
    return 1 if bad else 0


def _line(name: str, verdict: Verdict, word: str) -> str:
    return f"{name:<64}{word:<15}{verdict.states:>10,} states, depth {verdict.depth:>4}, {verdict.seconds:5.1f} s"


if __name__ == "__main__":
    sys.exit(main())
