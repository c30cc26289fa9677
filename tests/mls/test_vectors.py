"""The working group's vectors, where they are at hand, and the runner that counts them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from clawchat.mls.vectors import __main__ as command
from clawchat.mls.vectors.running import CHECKS, PLAIN_CHECKS, run_file

ROOT = Path(__file__).resolve().parents[2]
# The vectors, where they are at hand: the folder is named by the environment, or stands beside the repository.
VECTORS = Path(os.environ.get("MLS_VECTORS", ROOT.parent / "shared/vectors/mls"))
FILES = sorted(VECTORS.glob("*.json"))
# Every file of the working group's format; a runner that forgets one would pass over it in silence.
KNOWN = {
    *("tree-math", "crypto-basics", "secret-tree", "message-protection", "key-schedule", "psk_secret"),
    *("transcript-hashes", "welcome", "tree-operations", "tree-validation", "treekem", "messages", "deserialization"),
    *("passive-client-welcome", "passive-client-handling-commit", "passive-client-random"),
}


@pytest.mark.skipif(not FILES, reason="outside the repository: MLS_VECTORS names no folder of vectors")
@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_every_case_of_a_file_passes(path):
    """Nothing fails, something passes, and skipped is X448 alone."""
    outcome = run_file(path)

    assert not outcome.troubles
    assert outcome.passed
    assert set(outcome.skips) <= {"suite 4: no X448", "suite 6: no X448"}


def test_every_file_of_the_format_is_known():
    """By the names the working group gives them."""
    assert {*CHECKS, *PLAIN_CHECKS} == KNOWN


def test_the_command_counts_and_ends_green(tmp_path):
    """A line for each file, a file that nobody knows is skipped by name, and the sum at the end."""
    (tmp_path / "deserialization.json").write_text(json.dumps([{"vlbytes_header": "4040", "length": 64}]))
    (tmp_path / "strange.json").write_text("[]")

    ran = subprocess.run(
        [sys.executable, "-m", "clawchat.mls.vectors", str(tmp_path)],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert ran.stdout.splitlines() == [
        "deserialization.json: 1 passed, 0 failed, 0 skipped",
        "strange.json: 0 passed, 0 failed, 1 skipped (unknown file)",
        "1 passed, 0 failed, 1 skipped",
    ]
    assert ran.returncode == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("deserialization", '[{"vlbytes_header": "4040", "length": 65}]'),
        ("deserialization", '[{"length": 65}]'),
        ("crypto-basics", '[{"cipher_suite": 99}]'),
        ("crypto-basics", "[]"),
        ("crypto-basics", "{}"),
        ("crypto-basics", "no JSON"),
    ],
)
def test_what_is_wrong_ends_red(tmp_path, capsys, name, text):
    """A wrong value, a member that is missing, a suite that nobody knows, no case, no list, no JSON."""
    (tmp_path / f"{name}.json").write_text(text)

    assert command.main([str(tmp_path)]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"{name}.json: 0 passed, 1 failed, 0 skipped"
    assert out[1].startswith(f"  {name}.json")
    assert out[-1] == "0 passed, 1 failed, 0 skipped"


def test_a_suite_of_x448_is_skipped_by_name(tmp_path, capsys):
    """Its primitives are not ours; a folder in which nothing ran is no success."""
    (tmp_path / "crypto-basics.json").write_text('[{"cipher_suite": 4}, {"cipher_suite": 6}, {"cipher_suite": 6}]')

    assert command.main([str(tmp_path)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "crypto-basics.json: 0 passed, 0 failed, 3 skipped (suite 4: no X448; suite 6: no X448)",
        "0 passed, 0 failed, 3 skipped",
    ]


def test_an_empty_folder_and_no_folder_are_errors(tmp_path, capsys):
    """Nothing ran, so nothing is shown."""
    assert command.main([str(tmp_path)]) == 1
    assert command.main([str(tmp_path / "nowhere")]) == 2
    assert command.main([]) == 2
    assert "usage" in capsys.readouterr().err
