"""The vectors of the room's own suite: the browser's code runs the same files (tests/js/mls/vectors.test.js)."""

import json
from pathlib import Path

import pytest

from clawchat.mls.suite import ROOM_SUITE
from clawchat.mls.vectors.running import run_file
from tests.mls.make_vectors import FILES, FOLDER

PATHS = sorted(FOLDER.glob("*.json"))


@pytest.mark.parametrize("path", PATHS, ids=[path.stem for path in PATHS])
def test_every_file_passes(path: Path):
    """One case each, in the room's suite."""
    outcome = run_file(path)

    assert (outcome.troubles, outcome.passed, outcome.skipped) == ([], 1, 0)
    assert json.loads(path.read_text())[0]["cipher_suite"] == ROOM_SUITE.number


def test_the_files_are_those_that_are_made():
    """No file is left of an earlier generator, and none is missing."""
    assert {path.stem for path in PATHS} == set(FILES)
