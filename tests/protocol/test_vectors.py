"""Our own cases, and the session vectors where they are at hand."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from clawchat.protocol.errors import ClawChatError
from tests.protocol.areas import AREAS
from tests.vectors.rekey_cases import session_vector
from tests.vectors.run import run
from tests.vectors.session_files import session_file

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests" / "vectors"
# The session vectors, where they are at hand: named by the environment, or beside the checkout.
SESSION_VECTORS = Path(os.environ.get("SESSION_VECTORS", ROOT.parent / "shared/vectors/session_vectors.json"))
CASES = sorted(VECTORS.glob("*/*.json"))
needs_session_vectors = pytest.mark.skipif(
    not SESSION_VECTORS.exists(), reason="outside the repository: SESSION_VECTORS names no such file"
)
# Nothing can be wrong there: they answer every question.
CHOICES = {"endpoint_choice"}
MEMBERS = {"spec", "comment", "expect", "input", "output"}


def outcome(case, given):
    """What running a case gives: `ok` with its output, or the code of the error."""
    try:
        return "ok", AREAS[case.parent.name](given)
    except ClawChatError as error:
        return error.code, None


@pytest.mark.parametrize("case", CASES, ids=[f"{case.parent.name}/{case.stem}" for case in CASES])
def test_case_gives_what_it_expects(case):
    """Every case gives its output, or is refused with exactly its code."""
    vector = json.loads(case.read_text("utf-8"))

    code, output = outcome(case, vector["input"])

    assert vector.keys() <= MEMBERS
    assert (code, output) == (vector["expect"], vector.get("output"))


def test_every_area_has_cases_and_a_runner():
    """No area is left out on either side."""
    assert {case.parent.name for case in CASES} == set(AREAS)


@pytest.mark.parametrize("area", sorted(AREAS.keys() - CHOICES))
def test_wrong_cases_outnumber_right_ones(area):
    """In each area: what must be refused is where the mistakes are."""
    cases = [json.loads(case.read_text("utf-8")) for case in CASES if case.parent.name == area]
    # A URL that is no place is passed over, not refused.
    right = [case for case in cases if case["expect"] == "ok" and case["output"] != {"kind": "none"}]

    assert len(cases) - len(right) > len(right)


def test_generator_imports_nothing_of_ours():
    """Neither by itself nor by what it imports: a case is not made by what it tests."""
    program = (
        "import sys, tests.vectors.generate; sys.exit(any(name.split('.')[0] == 'clawchat' for name in sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


def test_cases_are_fresh():
    """The files are what the generator writes."""
    command = [sys.executable, "-m", "tests.vectors.generate", "--check"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout


@needs_session_vectors
def test_session_vectors_pass():
    """Every value of the session vectors is reproduced."""
    checks = run(SESSION_VECTORS)

    assert checks.failed == []
    assert checks.passed > 40


@needs_session_vectors
@pytest.mark.parametrize(
    "member",
    ["psk", "psk_id", "device_seed", "gate_key", "H1", "H2", "H3", "th4", "exporter", "session_id", "c2s_frame_1"],
)
def test_runner_notices_a_changed_value(tmp_path, member):
    """One changed digit anywhere makes the runner fail."""
    vectors = json.loads(SESSION_VECTORS.read_text())
    value = vectors["handshake"][member]
    vectors["handshake"][member] = value[:-1] + ("0" if value[-1] != "0" else "1")
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(vectors))

    assert run(changed).failed


def rekey_file(tmp_path, **changed):
    """A session vector file with one rekey, made by the generator."""
    path = tmp_path / "rekey.json"
    path.write_text(json.dumps({"rekey": [{**session_vector(), **changed}]}))
    return path


def run_twin(path):
    """What the JavaScript runner says."""
    ran = subprocess.run(
        ["node", "tests/vectors/run.mjs", str(path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return ran.returncode, ran.stdout


def test_rekey_of_a_session_file_is_reproduced(tmp_path):
    """Both runners make every value of it: three messages, the transcript, all keys, frames of the new epoch."""
    path = rekey_file(tmp_path)
    checks = run(path)

    assert (checks.passed, checks.failed) == (17, [])
    assert run_twin(path) == (0, "javascript: 16 passed, 0 failed\n")


@pytest.mark.parametrize(
    "member", [*sorted(session_vector().keys() - {"epoch", "epoch_keys"}), "another member", "epoch", "epoch_keys"]
)
def test_both_runners_notice_a_changed_rekey(tmp_path, member):
    """One changed digit anywhere, a changed number, a key that is missing, a member nobody knows."""
    value = session_vector().get(member, "00")
    if isinstance(value, str):
        value = ("0" if value[0] != "0" else "1") + value[1:]
    elif isinstance(value, int):
        value += 1
    else:
        value.pop("exporter")
    path = rekey_file(tmp_path, **{member: value})

    assert run(path).failed
    assert run_twin(path)[0] == 1


@pytest.mark.parametrize("name", ["bob", "carol"])
def test_further_session_files_are_reproduced(tmp_path, name):
    """Files of that shape from other keys, in both suites, whichever was offered: both runners make every value."""
    path = tmp_path / "further.json"
    path.write_text(json.dumps(session_file(name)))
    ran = subprocess.run(["sh", "scripts/vectors.sh", path], cwd=ROOT, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    assert [line.split()[-2:] for line in ran.stdout.splitlines()] == [["0", "failed"]] * 2


def changed(value):
    """The value with one digit, one key or the choice of a suite changed."""
    if isinstance(value, str):
        return value[:-1] + ("0" if value[-1] != "0" else "1")
    if isinstance(value, dict):
        return {**value, "iv_key": value["mac_key"]}
    return 2 if value == 1 else [2, 1]


def test_both_runners_notice_a_changed_handshake(tmp_path):
    """In suite 1, with no seed of ML-KEM that could tell: whatever of it is changed, each runner fails and names it."""
    right = session_file("bob")["handshake"][-1]
    path = tmp_path / "changed.json"
    path.write_text(json.dumps({"handshake": [{**right, member: changed(right[member])} for member in right]}))
    for runner in ([sys.executable, "tests/vectors/run.py"], ["node", "tests/vectors/run.mjs"]):
        ran = subprocess.run([*runner, path], cwd=ROOT, capture_output=True, text=True, check=False)

        assert ran.returncode == 1
        missed = [member for at, member in enumerate(right) if f"handshake[{at}]" not in ran.stderr]
        assert missed == [], runner


def test_runner_refuses_an_unknown_area(tmp_path):
    """An area nobody checks is a failure, and so is a file without any."""
    unknown, empty, hollow = tmp_path / "unknown.json", tmp_path / "empty.json", tmp_path / "hollow.json"
    unknown.write_text('{"mls": {}}')
    empty.write_text("{}")
    hollow.write_text('{"derive_session_keys": []}')

    assert [len(run(path).failed) for path in (unknown, empty, hollow, tmp_path / "missing.json")] == [1, 1, 1, 1]


def test_runner_prints_its_count_and_fails(tmp_path):
    """The last line has the counts, and the exit status tells."""
    path = tmp_path / "wrong.json"
    path.write_text('{"connection_file": 7}')
    command = [sys.executable, str(VECTORS / "run.py"), str(path)]

    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stdout) == (1, "python: 0 passed, 1 failed\n")
