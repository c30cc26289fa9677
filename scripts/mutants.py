"""Break one package on purpose and list what its tests let pass: `mutants.py PACKAGE [FILE]`; docs/mutants.md.

mutmut reads one selection of tests for everything. Here each package has its own, the quickest that kills.
"""

import sys

from mutmut import configuration
from mutmut.__main__ import cli

# Left out: what needs a browser, Node or Django, and what runs for seconds to show that nothing happens.
TESTS = {
    "mls": [
        "tests/mls",
        *(f"--ignore=tests/mls/test_{name}.py" for name in ("mixed_groups", "rooms_page", "fuzz", "fuzz_group")),
    ],
    "protocol": [
        "tests/protocol",
        *(
            f"--ignore=tests/protocol/test_{name}.py"
            for name in ("interop", "rekey_interop", "discovery_interop", "suites_interop", "rekey_on_slow_lines")
        ),
        *(
            f"--deselect=tests/protocol/test_{name}"
            for name in (
                "rekey.py::test_a_thousand_rekeys_in_a_row",
                "schedule.py::test_a_clock_that_is_set_an_hour_off_costs_one_interval_at_most",
                "vectors.py::test_both_runners_notice",
                "vectors.py::test_cases_are_fresh",
                "vectors.py::test_further_session_files_are_reproduced",
                "vectors.py::test_rekey_of_a_session_file_is_reproduced",
                "vectors.py::test_runner_prints_its_count_and_fails",
            )
        ),
    ],
}


def main(package: str, file: str) -> None:
    """Run mutmut over one package, or one file of it."""
    if package not in TESTS:
        sys.exit(f"There is no package {package} here: PACKAGE={' or PACKAGE='.join(TESTS)}.")
    settings = configuration.config()
    settings.only_mutate = [f"clawchat/{package}/*.py"]
    settings.pytest_add_cli_args_test_selection = TESTS[package]
    cli(["run", "--max-children", "1", f"clawchat.{package}.{file}.*"])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "*")
