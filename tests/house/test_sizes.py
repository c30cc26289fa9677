"""The size of a file is the size of one noun: past these stops it holds more than one."""

import pytest

from tests.house.source import PRODUCT, ROOT, files, place

STOPS = [
    (400, [ROOT / "manage.py", *files(".py", *PRODUCT, "scripts")]),
    (200, [*files(".js", "static/js"), *files(".mjs", "scripts")]),
    (600, [*files(".py", "tests"), *files(".js", "tests"), *files(".mjs", "tests")]),
    (400, files(".sh", "scripts")),
]
SIZES = [(path, stop) for stop, paths in STOPS for path in paths if "migrations" not in path.parts]


def lines(text: str) -> int:
    """Lines of a file, the last one with or without its newline."""
    return len(text.splitlines())


@pytest.mark.parametrize(("path", "stop"), SIZES, ids=[place(path) for path, _ in SIZES])
def test_file_is_one_noun(path, stop):
    """Written files stop at their line; migrations, which Django writes, are not counted."""
    assert lines(path.read_text()) <= stop, f"{place(path)} is longer than {stop} lines: more than one noun in it?"


def test_lines_counts_the_last_one():
    """A file without a final newline is as long as it looks."""
    assert (lines("a\nb"), lines("a\nb\n")) == (2, 2)
